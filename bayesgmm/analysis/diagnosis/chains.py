"""Whether chains agree, draws are enough, and the run came to its end."""

from __future__ import annotations

import xarray as xr

from bayesgmm.analysis.diagnosis.convergence import (
    ESS_LIMIT,
    RHAT_LIMIT,
    disagreeing,
    named,
    smallest_ess,
)
from bayesgmm.analysis.diagnosis.page import rhat_in_words
from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.schema import CHAIN, record


def findings_about_chains(tree: xr.DataTree) -> list[Finding]:
    """Say so if there is nothing to compare a chain with."""
    if tree["posterior"].sizes[CHAIN] > 1:
        return []
    return [Finding(
        "There is one chain only, so convergence cannot be judged.",
        "Run at least four, with NUTS(chains=4).",
        kind="one chain",
    )]  # fmt: skip


def findings_about_agreement(figures: xr.Dataset) -> list[Finding]:
    """Name the variables in which chains disagree or effective draws are too few."""
    findings, bad = [], disagreeing(figures)
    if bad.sizes["variable"]:
        findings.append(Finding(
            f"The chains disagree: R-hat of {named(bad)} is up to "
            f"{rhat_in_words(float(bad['rhat'].max()))}, above {RHAT_LIMIT}.",
            "Sample longer (draws and tune); if that does not help, chains move between modes too "
            "rarely: use fewer components or stronger priors.",
            kind="chains disagree",
        ))  # fmt: skip
    smallest = smallest_ess(figures)
    is_few = (smallest.values < ESS_LIMIT) & ~(figures["rhat"].values > RHAT_LIMIT)
    few = figures.isel(variable=is_few)
    if few.sizes["variable"]:
        findings.append(Finding(
            f"Too few effective draws: {float(smallest[is_few].min()):.0f} for {named(few)}, "
            f"below {ESS_LIMIT}.",
            "Raise draws.",
            kind="few draws",
        ))  # fmt: skip
    return findings


def findings_about_the_end(tree: xr.DataTree) -> list[Finding]:
    """Say so if the run was interrupted."""
    if not record(tree).get("partial"):
        return []
    return [Finding(
        "The run was interrupted and holds only the draws that were finished.",
        "Run it again to the end before you rely on it.",
        kind="interrupted",
    )]  # fmt: skip
