"""The diagnosis of a fit with an unknown number of components.

Components of different draws cannot be matched, so that all quantities are label-invariant. The
numbers of components and of clusters come first: that they agree is what the fit is for.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesgmm.analysis.diagnosis.chains import (
    Settings,
    findings_about_agreement,
    findings_about_chains,
    findings_about_the_end,
)
from bayesgmm.analysis.diagnosis.convergence import Quantity, convergence, disagreeing
from bayesgmm.analysis.diagnosis.quantities import Allocation, label_free_quantities
from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.digits import counted
from bayesgmm.schema import CHAIN, N_CLUSTERS, N_COMPONENTS
from bayesgmm.tree.fit import Fit

_MOST_AT_LIMIT = 0.001  # of the draws that may have the largest number of components
_NOT_COMPARABLE = {"sorted weights"}  # of different numbers of components

NUMBERS = {N_CLUSTERS: "number of clusters", N_COMPONENTS: "number of components", "alpha": "alpha"}
"""Variables of a draw with one number each, and what they are called."""

_NAMES = {**NUMBERS, "prior_scale": "scales of the prior"}


def quantities_of_number(fit: Fit) -> list[Quantity]:
    """Return the numbers of clusters and of components, alpha, and hyperparameters that vary."""
    found = []
    for variable, name in _NAMES.items():
        if variable in fit.posterior:
            values = fit.posterior[variable].values.astype(float)
            if np.ptp(values) > 0:
                found.append(Quantity(name, values, label_free=True))
    return found


def judge_number(fit: Fit) -> tuple[list[Finding], xr.Dataset]:
    """Return findings, and statistics of all quantities."""
    others = label_free_quantities(fit, Allocation.of(fit))
    comparable = [one for one in others if one.name not in _NOT_COMPARABLE]
    figures = convergence([*quantities_of_number(fit), *comparable])
    settings = Settings.of(fit)
    findings = findings_about_the_end(fit) + findings_about_chains(fit)
    findings += _about_the_limit(fit) + _about_clusters(fit, figures)
    if not any(finding.kind == "chains disagree" for finding in findings):
        findings += findings_about_agreement(figures, settings)
    figures = figures.assign_attrs(divergences=0)
    return findings, figures


def _about_the_limit(fit: Fit) -> list[Finding]:
    """Report draws with the largest number of components that is considered."""
    number = fit.whole_spec.n_components
    share = float((fit.posterior[N_COMPONENTS].values == number.largest).mean())
    if not number.is_truncated or share <= _MOST_AT_LIMIT:
        return []
    return [Finding(
        f"{share:.1%} of the draws have {number.largest} components, the most that the prior "
        "considers: more would be as likely.",
        f"Raise the limit, with at_most={2 * number.largest}.",
        kind="limit of components",
    )]  # fmt: skip


def _about_clusters(fit: Fit, figures: xr.Dataset) -> list[Finding]:
    """Report chains that disagree about the number of clusters, with what each says."""
    bad = disagreeing(figures)
    if _NAMES[N_CLUSTERS] not in bad["variable"].values:
        return []
    likely, said = set(), []
    for chain, numbers in zip(
        fit.posterior[CHAIN].values, fit.posterior[N_CLUSTERS].values, strict=True
    ):
        values, counts = np.unique(numbers, return_counts=True)
        best = counts.argmax()
        likely.add(int(values[best]))
        said.append(f"{values[best]} in chain {chain} ({counts[best] / numbers.size:.0%})")
    settings = Settings.of(fit)
    tune = settings.options.get("tune")
    longer = f"tune={4 * tune}" if isinstance(tune, int) else "a larger tune"
    return [Finding(
        "Chains, which start from different numbers of components, disagree about the number of "
        f"clusters{'' if len(likely) > 1 else ', though not about which is most probable'}: "
        f"{', '.join(said)}.",
        f"Sample longer, with {settings.more_draws(4)} and {longer}; or fit each number by itself, "
        "and compare their evidence.",
        kind="chains disagree",
    )]  # fmt: skip


def number_in_words(fit: Fit) -> str:
    """Return the posterior of the number of clusters as the end of a sentence."""
    numbers = fit.posterior[N_CLUSTERS].values.ravel()
    values, counts = np.unique(numbers, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:2]
    likely = [
        f"{counted(int(values[place]), 'cluster')} with probability "
        f"{counts[place] / numbers.size:.2f}"
        for place in order
    ]
    return ", then ".join(likely)
