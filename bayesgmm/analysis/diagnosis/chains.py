"""Findings about chains: agreement, mixing, effective draws, divergences, approximations.

Remedies take the settings of the engine into account.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.analysis.diagnosis.convergence import (
    RHAT_LIMIT,
    disagreeing,
    named,
    smallest_ess,
)
from bayesgmm.analysis.diagnosis.value import Diagnosis, Finding, rhat_beyond
from bayesgmm.digits import counted
from bayesgmm.engines.importance import CLOSE, ESS_LIMIT, PARETO_LIMIT
from bayesgmm.schema import CHAIN, CLUSTERS_OF_DRAWS, DRAW, FEATURE
from bayesgmm.tree.fit import Fit


@dataclass(frozen=True)
class Settings:
    """The engine of a fit and what remedies depend on; empty if the tree does not record it.

    Attributes
    ----------
    engine : str
        Its name.
    options : dict
        Its options.
    n_factors : int
        Factors of a covariance matrix; 0 for all structures but :class:`Factors`.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.analysis.diagnosis.chains import Settings
    >>> from bayesgmm.tree.fit import Fit
    >>> settings = Settings.of(Fit(bg.example_fit()))
    >>> settings.engine, settings.options["draws"]
    ('NUTS', 1000)
    """

    engine: str
    options: dict[str, Any]
    n_factors: int = 0

    @classmethod
    def of(cls, fit: Fit) -> Settings:
        """Read the record of a fit, which holds the engine as Python writes it."""
        n_factors = fit.layout.covariances.n_factors
        try:
            call: Any = ast.parse(str(fit.record.get("engine", "")), mode="eval").body
            options = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
            return cls(call.func.id, options, n_factors)
        except (SyntaxError, ValueError, AttributeError):
            return cls("", {}, n_factors)

    @property
    def samplers(self) -> str:
        """Engines that run chains and suit the structure: loadings can be rotated."""
        return "Gibbs()" if self.n_factors else "NUTS() or Gibbs()"

    @property
    def smaller(self) -> str:
        """What is smaller in simpler models, as text."""
        factors = f"fewer factors (n_factors={self.n_factors - 1}), " if self.n_factors > 1 else ""
        return f"{factors}fewer components"

    def can_draw(self, factor: float) -> bool:
        """Whether the number of draws multiplied by a factor is reasonable."""
        draws = self.options.get("draws")
        is_few = isinstance(draws, int) and factor * draws <= _MOST_DRAWS
        return factor <= _MOST_FACTOR or is_few

    def more_draws(self, factor: float) -> str:
        """Return, as text, the same engine with the number of draws multiplied by a factor."""
        draws = self.options.get("draws")
        if not isinstance(draws, int):
            return "more draws"
        wanted = max(2 * draws, -(-int(factor * draws) // 1000) * 1000)
        resample = ", resample=True" if self.options.get("resample") else ""
        return f"{self.engine}(draws={wanted}{resample})"


_STUCK = 0.005
"""Fraction of draws in which a covariance must change to count as sampled."""

_MOST_FACTOR = 20.0
"""Factor of the number of draws, above which more draws are not proposed as a remedy."""

_MOST_DRAWS = 20_000  # of a chain; up to here more draws are proposed, however few there were
_SPARE = 1.5  # draws beyond what should be enough


def findings_about_chains(fit: Fit) -> list[Finding]:
    """Report a single chain, continued chains, and covariances that did not move."""
    if is_resampled(fit):
        return _about_choice(fit) + _about_resampling(fit)
    findings = _about_choice(fit)
    if CLUSTERS_OF_DRAWS in fit.record:
        k = counted(fit.record[CLUSTERS_OF_DRAWS]["n_clusters"], "cluster")
        findings.append(Finding(
            f"These are draws with {k}, gathered from all chains of a fit, so that "
            "their convergence cannot be assessed.",
            "Diagnose that fit, as a whole.",
            kind="one chain",
        ))  # fmt: skip
    elif fit.posterior.sizes[CHAIN] == 1:
        findings.append(Finding(
            "There is only one chain, so convergence cannot be assessed.",
            "Run at least four, with chains=4.",
            kind="one chain",
        ))  # fmt: skip
    return findings + _about_sweeps(fit) + _about_stuck_widths(fit)


def _about_choice(fit: Fit) -> list[Finding]:
    """Say which engine ``engine="auto"`` chose."""
    if "choice" not in fit.record:
        return []
    return [Finding(
        f'engine="auto" chose {fit.record["choice"]}.',
        "No action is needed.",
        kind="engine",
        serious=False,
    )]  # fmt: skip


def is_resampled(fit: Fit) -> bool:
    """Whether the draws are from the posterior by importance resampling."""
    return "importance_ess" in fit.record


def _about_resampling(fit: Fit) -> list[Finding]:
    k, effective = fit.record["pareto_k"], fit.record["importance_ess"]
    settings = Settings.of(fit)
    other = settings.samplers if settings.n_factors else "NUTS(), or Gibbs() for many features"
    if k is not None and k >= CLOSE:
        return [Finding(
            "The normal approximation is too far from the posterior to be corrected by importance "
            f"resampling: Pareto k is {k:.2f}, and must be below {CLOSE}.",
            f"Use {other}.",
            kind="approximation",
        )]  # fmt: skip
    if effective >= ESS_LIMIT:
        return []
    is_efficient = _MOST_FACTOR * effective >= fit.posterior.sizes[DRAW]
    more = settings.more_draws(_SPARE * ESS_LIMIT / effective)
    return [Finding(
        f"Too few effective draws: importance resampling gave {math.floor(effective)}, below "
        f"{ESS_LIMIT:.0f}.",
        f"Use {more}, or {other}." if is_efficient else f"Use {other}.",
        kind="few draws",
    )]  # fmt: skip


def _about_sweeps(fit: Fit) -> list[Finding]:
    """Report that slowly mixing chains were continued with Gibbs sweeps."""
    known = fit.record
    if "sweeps" not in known:
        return []
    return [Finding(
        f"{Settings.of(fit).engine} mixed slowly ({known['slow_ess']:.0f} effective draws), so the "
        f"chains were continued with {known['sweeps']} Gibbs sweeps per draw.",
        "No action is needed.",
        kind="slow chains",
        serious=False,
    )]  # fmt: skip


def _about_stuck_widths(fit: Fit) -> list[Finding]:
    """Name components whose covariance proposals are almost never accepted."""
    scales = fit.posterior["scales"].values
    if scales.shape[1] < 2:
        return []
    moved = np.any(scales[:, 1:] != scales[:, :-1], axis=-1).mean(axis=1).min(axis=0)
    stuck = np.flatnonzero(moved < _STUCK)
    if not stuck.size:
        return []
    names = ", ".join(str(name) for name in fit.names[stuck])
    settings = Settings.of(fit)
    return [Finding(
        f"The covariance of component {names} changed in only {moved[stuck].min():.1%} of the "
        "draws "
        "of a chain: almost no proposal was accepted, and longer runs would not change that.",
        "Use NUTS(), which moves in every draw, or covariances=InverseWishart() with Gibbs(), "
        "whose proposals are always accepted."
        if settings.engine == "Gibbs" and not settings.n_factors
        else "Increase tune, and choose covariance priors on the scale of the data.",
        kind="stuck covariance",
    )]  # fmt: skip


def findings_about_agreement(
    figures: xr.Dataset, settings: Settings | None = None
) -> list[Finding]:
    """Name variables with high R-hat or few effective draws."""
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
    # R-hat^2 - 1 falls as one over the number of draws, if chains explore the whole posterior.
    factor = _SPARE * (rhat**2 - 1) / (limit**2 - 1)
    if factor <= _MOST_FACTOR:
        return f"Sample longer, with {settings.more_draws(factor)} and a larger tune."
    look = "starts at different places" if not settings.engine else 'init="multi"'
    return (
        "Chains move between regions of the posterior too rarely for longer runs to help. Check "
        f"with {look} whether there are several modes; if so, report each mode separately, or use "
        f"{settings.smaller} or stronger priors."
    )


def _for_draws(effective: float, settings: Settings) -> str:
    factor = _SPARE * ESS_LIMIT / max(effective, 1.0)
    if settings.can_draw(factor):
        return f"Sample longer, with {settings.more_draws(factor)}."
    gibbs = "use" if settings.n_factors else "try NUTS(), or"
    ours = {"Gibbs": gibbs, "": "use"}  # by the engine that was used
    other = ours.get(settings.engine, "try Gibbs(draws=10000), or")
    return (
        f"Chains mix very slowly; {other} {settings.smaller}: components that overlap or have few "
        "rows slow down mixing."
    )


def findings_about_the_end(fit: Fit) -> list[Finding]:
    """Report an interrupted run."""
    if not fit.record.get("partial"):
        return []
    n_draws = fit.posterior.sizes[DRAW]
    return [Finding(
        f"The run was interrupted and holds only the {n_draws} draws of each chain that were "
        "finished.",
        "Rerun it to completion before you rely on the results.",
        kind="interrupted",
    )]  # fmt: skip


DISTANCE_LIMIT = 0.1
"""Maximum distance from the mode, in standard deviations, of a converged optimization."""


def is_approximation(fit: Fit) -> bool:
    """Whether the draws are independent draws from an approximation."""
    single = fit.posterior.sizes[CHAIN] == 1
    return single and "pareto_k" in fit.record and not is_resampled(fit)


def judge_approximation(fit: Fit, figures: xr.Dataset) -> Diagnosis:
    """Return a verdict on the error of the approximation."""
    k = fit.record["pareto_k"]
    known = "unknown for so few draws" if k is None else f"{k:.2f}"
    figures = figures.assign_attrs(pareto_k=np.nan if k is None else k)
    samplers = Settings.of(fit).samplers
    is_far = k is not None and k > PARETO_LIMIT
    findings = [_far(known, samplers) if is_far else _near(samplers)]
    findings += findings_about_the_peak(fit) + findings_about_the_end(fit)
    verdict = f"An approximation (Pareto k {known}), not a converged sample."
    return Diagnosis(False, verdict, tuple(findings), figures)


def _near(samplers: str) -> Finding:
    """Return the finding of every approximation; not a warning for users who asked for one."""
    return Finding(
        "These are draws from a normal approximation of the posterior, not from the posterior.",
        f"Compare with {samplers} before you rely on the intervals.",
        kind="approximation",
        serious=False,
    )


def _far(known: str, samplers: str) -> Finding:
    return Finding(
        f"The normal approximation is far from the posterior: its importance weights "
        f"have Pareto k {known}, above {PARETO_LIMIT}.",
        f"Use {samplers} for anything beyond a first look.",
        kind="approximation",
    )


def findings_about_the_peak(fit: Fit) -> list[Finding]:
    """Findings about the mode and the curvature of a Laplace approximation."""
    findings, known, settings = [], fit.record, Settings.of(fit)
    remedy = f"Use {settings.samplers}, {settings.smaller}, or stronger priors."
    if known.get("regularized"):
        findings.append(Finding(
            f"At the mode the density is nearly flat in {known['regularized']} directions; the "
            "widths in these directions were regularized and are not meaningful.",
            remedy,
            kind="peak",
        ))  # fmt: skip
    if known.get("distance_to_mode", 0.0) > DISTANCE_LIMIT:
        findings.append(Finding(
            f"The optimization run ended {known['distance_to_mode']:.1f} standard deviations from "
            "the mode.",
            remedy,
            kind="peak",
        ))  # fmt: skip
    return findings


_FEWEST = 3  # divergences needed to name a region
_CLEAR = 5.0
"""Standard errors by which divergent draws must differ to name a place.

Of a hundred parameters one differs as much by chance in one of 20 000 fits."""

HARMLESS = 0.002
"""Fraction of transitions that may diverge: the part of the posterior that chains cannot enter is
of that order, less than the Monte Carlo error of intervals from a few thousand draws."""

_ACCEPTANCE = (0.95, 0.99)  # values that target_accept is raised to, in turn

_REMEDIES = {
    ("small", "scale"): ", or use a scale prior further from zero",
    (
        "large",
        "scale",
    ): ", check for outliers there, or use a scale prior with a lighter upper tail",
    ("small", "weight"): ", use fewer components, or a larger concentration of the weights prior",
    ("large", "weight"): ", use fewer components, or a larger concentration of the weights prior",
}
"""Further remedies, by what the divergent draws have in common."""

_NEAR = 0.5  # standard deviations; smaller shifts are not reported


def count_divergences(fit: Fit) -> int:
    """Return how many kept transitions diverged; 0 for engines without divergences."""
    statistics = fit.tree["sample_stats"]
    return int(statistics["diverging"].sum()) if "diverging" in statistics else 0


def findings_about_divergences(fit: Fit) -> list[Finding]:
    """Report the number of divergent transitions and, if they are concentrated, where."""
    count = count_divergences(fit)
    if not count:
        return []
    total = fit.tree["sample_stats"]["diverging"].size
    where, remedy = _place(fit, count)
    diverged = f"{count} of {total} transitions diverged{where}"
    if count <= HARMLESS * total:
        return [Finding(
            f"{diverged}: too few to affect an interval.",
            "No action is needed.",
            kind="divergences",
            serious=False,
        )]  # fmt: skip
    return [Finding(
        f"{diverged}: parts of the posterior may not have been explored.",
        _remedy(Settings.of(fit), remedy),
        kind="divergences",
    )]  # fmt: skip


def _remedy(settings: Settings, place: str) -> str:
    now = settings.options.get("target_accept", 0.0)
    higher = next((value for value in _ACCEPTANCE if value > now), None)
    steps = f"Raise target_accept to {higher}" if higher else "Use Gibbs(), which has no step size"
    return f"{steps}{place}."


def _place(fit: Fit, count: int) -> tuple[str, str]:
    """Name the weight or scale in which divergent draws differ most from all others.

    The second text is a remedy.
    """
    diverging = fit.tree["sample_stats"]["diverging"].values
    if not _FEWEST <= count < diverging.size - 1:
        return "", ""
    values, names = _places(fit)
    divergent, others = values[diverging], values[~diverging]
    with np.errstate(all="ignore"):  # a weight of one never varies
        shifts = (divergent.mean(axis=0) - others.mean(axis=0)) / others.std(axis=0)
    shifts = np.nan_to_num(shifts, nan=0.0, posinf=0.0, neginf=0.0)
    place = int(np.abs(shifts).argmax())
    clear = _CLEAR / np.sqrt(count)
    if abs(shifts[place]) < max(clear, _NEAR):
        return ", in no particular region", ""
    size, side = ("small", "below") if shifts[place] < 0 else ("large", "above")
    where = (
        f" near {size} {names[place]} ({abs(shifts[place]):.1f} standard deviations {side} the "
        "other draws)"
    )
    return where, _REMEDIES[size, names[place].split()[0]]


def _places(fit: Fit) -> tuple[np.ndarray, list[str]]:
    """Return log weights and log scales, axes chain, draw, place; and their names."""
    draws = fit.draws
    components = fit.names
    features = fit.posterior[FEATURE].values
    names = [f"weight of component {component}" for component in components]
    names += [f"scale of component {component}, {name}" for component in components
              for name in features]  # fmt: skip
    scales = draws.scales.reshape(*draws.batch_shape, -1)
    values = np.concatenate([draws.weights, scales], axis=-1)
    return np.log(np.maximum(values, np.finfo(float).tiny)), names
