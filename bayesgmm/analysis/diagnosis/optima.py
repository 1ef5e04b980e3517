"""What EM saw, which chains that all start at one mode cannot see."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.analysis.thinning import thinned
from bayesgmm.estimation.point_estimate import distance
from bayesgmm.posterior.parameters import alike_components, read_data, read_parameters
from bayesgmm.schema import DATA, RIVAL

RIVAL_LIMIT = 3.0
"""Another mode counts if its log density is lower by less: a twentieth of the height."""

_DRAWS_LOOKED_AT = 400


def findings_about_optima(tree: xr.DataTree) -> list[Finding]:
    """Say so if the draws are better than the mode, or another mode was never visited."""
    findings = []
    if _beats_the_mode(tree):
        findings.append(Finding(
            "Typical draws are more likely than the mode that EM found, so it was not the "
            "mode, and labels were matched to the wrong one.",
            "Give EM more starts, with fit(..., solver=EM(n_starts=50)).",
            kind="better mode",
        ))  # fmt: skip
    if RIVAL in tree.children and float(tree[RIVAL]["gap"]) < RIVAL_LIMIT and not _visited(tree):
        findings.append(Finding(
            f"EM found another mode that is only {float(tree[RIVAL]['gap']):.1f} lower in log "
            "density, and no chain went there: the draws may be half of the story.",
            "Start chains at both, with NUTS(start=\"multi\"), and look at tree['rival_mode']; "
            f"{_ways_to_one_mode(tree)} if both modes are not wanted.",
            kind="unvisited mode",
        ))  # fmt: skip
    return findings


def _beats_the_mode(tree: xr.DataTree) -> bool:
    if "log_likelihood" not in tree.children:
        return False
    typical = float(tree["log_likelihood"][DATA].sum("obs_id").mean())
    return typical > float(tree["point_estimate"]["log_likelihood"])


def _ways_to_one_mode(tree: xr.DataTree) -> str:
    labels = "give more labels, " if read_data(tree).plausibilities.size else ""
    return f"{labels}use fewer components or stronger priors"


def _visited(tree: xr.DataTree) -> bool:
    """Whether some draws are nearer to the rival mode than to the one where chains started."""
    here, there = (read_parameters(tree[name]) for name in ("point_estimate", RIVAL))
    draws = read_parameters(thinned(tree["posterior"], _DRAWS_LOOKED_AT))
    groups = alike_components(tree)
    return any(
        distance(there, draw, groups) < distance(here, draw, groups)
        for draw in map(draws.draw, np.ndindex(*draws.batch_shape))
    )
