"""Whether chains agree and move, draws are enough, and the run came to its end."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from bayesgmm.analysis.diagnosis.convergence import (
    ESS_LIMIT,
    RHAT_LIMIT,
    disagreeing,
    named,
    smallest_ess,
)
from bayesgmm.analysis.diagnosis.page import rhat_beyond
from bayesgmm.analysis.diagnosis.settings import Settings
from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.posterior.fit import Fit
from bayesgmm.schema import CHAIN, DRAW

_STUCK = 0.005
"""Share of the draws in which a width moved, below which it has not been sampled."""

_MOST_FACTOR = 20.0
"""Of the draws there are; where more would be needed, more draws are no remedy."""

_SPARE = 1.5  # draws beyond what should be enough


def findings_about_chains(fit: Fit) -> list[Finding]:
    """Say so if there is nothing to compare a chain with, or a part of it never moved."""
    findings = []
    if fit.posterior.sizes[CHAIN] == 1:
        findings.append(Finding(
            "There is one chain only, so convergence cannot be judged.",
            "Run at least four, with chains=4.",
            kind="one chain",
        ))  # fmt: skip
    return findings + _about_sweeps(fit) + _about_stuck_widths(fit)


def _about_sweeps(fit: Fit) -> list[Finding]:
    """Say so if draws come from sweeps that took over from an engine that moved slowly."""
    known = fit.record
    if "sweeps" not in known:
        return []
    return [Finding(
        f"{Settings.of(fit).engine} moved slowly ({known['slow_ess']:.0f} effective draws), and "
        f"chains went on with {known['sweeps']} sweeps of Gibbs sampling for each draw.",
        "Nothing needs to be done.",
        kind="slow chains",
        serious=False,
    )]  # fmt: skip


def _about_stuck_widths(fit: Fit) -> list[Finding]:
    """Name the components whose proposals of a covariance matrix are hardly ever accepted."""
    scales = fit.posterior["scales"].values
    if scales.shape[1] < 2:
        return []
    moved = np.any(scales[:, 1:] != scales[:, :-1], axis=-1).mean(axis=1).min(axis=0)
    stuck = np.flatnonzero(moved < _STUCK)
    if not stuck.size:
        return []
    names = ", ".join(str(name) for name in fit.names[stuck])
    return [Finding(
        f"The covariance of component {names} moved in {moved[stuck].min():.1%} of the draws of a "
        "chain: hardly any proposal was accepted, and longer runs would not change that.",
        "Use NUTS(), which moves in every draw, or covariances=InverseWishart() with Gibbs(), "
        "every proposal of which is accepted."
        if Settings.of(fit).engine == "Gibbs"
        else "Raise tune, and scale the priors of covariances to the rows.",
        kind="stuck covariance",
    )]  # fmt: skip


def findings_about_agreement(
    figures: xr.Dataset, settings: Settings | None = None
) -> list[Finding]:
    """Name the variables in which chains disagree or effective draws are too few."""
    settings = Settings("", {}) if settings is None else settings
    findings, bad = [], disagreeing(figures)
    smallest = smallest_ess(figures)
    if bad.sizes["variable"]:
        worst = bad.isel(variable=int(_excess(bad).argmax()))
        limit = float(worst["rhat_limit"]) if "rhat_limit" in bad else RHAT_LIMIT
        findings.append(Finding(
            f"The chains disagree: R-hat of {named(bad)} is up to "
            f"{rhat_beyond(float(worst['rhat']), limit)}.",
            _for_agreement(float(worst["rhat"]), limit, settings),
            kind="chains disagree",
        ))  # fmt: skip
    is_few = (smallest.values < ESS_LIMIT) & ~np.isin(figures["variable"], bad["variable"])
    few = figures.isel(variable=is_few)
    if few.sizes["variable"]:
        least = float(smallest[is_few].min())
        findings.append(Finding(
            f"Too few effective draws: {math.floor(least)} for {named(few)}, below {ESS_LIMIT}.",
            _for_draws(least, settings),
            kind="few draws",
        ))  # fmt: skip
    return findings


def _excess(figures: xr.Dataset) -> np.ndarray:
    limit = figures["rhat_limit"].values if "rhat_limit" in figures else RHAT_LIMIT
    return np.nan_to_num((figures["rhat"].values - 1) / (limit - 1), posinf=np.finfo(float).max)


def _for_agreement(rhat: float, limit: float, settings: Settings) -> str:
    # R-hat^2 - 1 falls as one over the number of draws, where chains move everywhere.
    factor = _SPARE * (rhat**2 - 1) / (limit**2 - 1)
    if factor <= _MOST_FACTOR:
        return f"Sample longer, with {settings.more_draws(factor)}, and more tune."
    look = "starts at different places" if not settings.engine else 'start="multi"'
    return (
        "Chains move between parts of the posterior too rarely for longer runs to help: see with "
        f"{look} whether there are several modes; if so, report each by itself, or use fewer "
        "components or stronger priors."
    )


def _for_draws(effective: float, settings: Settings) -> str:
    factor = _SPARE * ESS_LIMIT / max(effective, 1.0)
    if factor <= _MOST_FACTOR:
        return f"Sample longer, with {settings.more_draws(factor)}."
    ours = {"Gibbs": "try NUTS(), or", "": "use"}  # by the engine that was used
    other = ours.get(settings.engine, "try Gibbs(draws=10000), or")
    return (
        f"Chains move very slowly; {other} fewer components: those that overlap, or have "
        "few rows, make them slow."
    )


def findings_about_the_end(fit: Fit) -> list[Finding]:
    """Say so if the run was interrupted."""
    if not fit.record.get("partial"):
        return []
    n_draws = fit.posterior.sizes[DRAW]
    return [Finding(
        f"The run was interrupted and holds only the {n_draws} draws of each chain that were "
        "finished.",
        "Run it again to the end before you rely on it.",
        kind="interrupted",
    )]  # fmt: skip
