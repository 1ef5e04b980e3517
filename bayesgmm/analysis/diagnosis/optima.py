"""Findings about modes that EM found or missed, and that no chain visited."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from bayesgmm.analysis.diagnosis.mass import UNKNOWN, Share, log_masses, shares
from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.analysis.labelings import passes_worth, target_of
from bayesgmm.digits import counted
from bayesgmm.engines.normal import find_peak
from bayesgmm.engines.nuts import NUTS, explore
from bayesgmm.estimation.density import Objective, Target
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.point_estimate import share_nearer
from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import ALTERNATIVE_MODE
from bayesgmm.tree.fit import Fit, read_parameters

MASS_LIMIT = 0.05
"""Posterior mass that chains may miss and still count as converged."""

ALTERNATIVE_LIMIT = 3.0
"""If masses are unknown, a mode counts if its log density is lower by less than this."""

_VISITED = 0.02
"""Fraction of draws nearer to another mode above which chains have visited it."""

_NEGLIGIBLE = 12.0
"""A mode lower by more in log mass, by Laplace's approximation, is not checked further."""

_LOOK = NUTS(draws=400, tune=300, chains=2)
_STEPS = 30_000  # evaluations of the log posterior for such a check
_MOST_WORK = 4e10  # of them all: some seconds

_DRAWS_LOOKED_AT = 400
_DRAWS_WEIGHED = 100  # against the mode that EM found
_GAIN = 3.0
"""A second search that ends higher by more has found a different mode."""

_FEW_AGREE = 0.15  # fraction of EM starts that reached the best optimum
_SEARCH_WORK = 4e10  # of a second search; EM takes about a hundred passes per start
_PASSES = 300


def findings_about_optima(fit: Fit, *, in_trouble: bool = False) -> list[Finding]:
    """Report draws above the mode, modes that EM missed, and modes that no chain visited.

    EM runs again if few of its starts agreed and there are other problems, which suggests a missed
    mode. If the prior is not known, there was no EM.
    """
    if not fit.knows_prior:
        return []
    target, draws = target_of(fit)
    findings = _about_height(fit, target)
    if in_trouble and not findings:
        findings += _about_missed_modes(fit, target)
    return findings + _about_unvisited_modes(fit, target, draws)


def _about_height(fit: Fit, target: Target) -> list[Finding]:
    """Compare the posterior density of draws with that of EM's mode, in EM's coordinates."""
    point = fit.tree["point_estimate"]
    if float(point["objective"]) == float(point["log_likelihood"]):
        return []  # maximum likelihood is not comparable with the posterior density
    scaling, density = fit.scaling, _density_of(target)
    some = scaling.standardize_parameters(read_parameters(fit.thinned(_DRAWS_WEIGHED)))
    heights = [density(some.draw(index)) for index in np.ndindex(*some.batch_shape)]
    mode = density(fit.standard_mode)
    if not np.median(heights) > mode:
        return []
    return [Finding(
        f"Typical draws have a higher posterior density than the mode that EM found (by "
        f"{np.median(heights) - mode:.1f} on the log scale): EM missed the mode, and labels were "
        "matched "
        "to the wrong one.",
        f"Use more EM starts, with fit(..., solver=EM(n_starts={_more_starts(fit)})).",
        kind="better mode",
    )]  # fmt: skip


def _about_missed_modes(fit: Fit, target: Target) -> list[Finding]:
    starts = fit.point_estimate.starts
    n_starts = starts.objectives.size
    if target.layout.n_components == 1 or starts.agreeing > max(1, _FEW_AGREE * n_starts):
        return []
    more = _more_starts(fit)
    remedy = f"Use more EM starts, with fit(..., solver=EM(n_starts={more}))."
    if passes_worth(target, _SEARCH_WORK) > _PASSES * n_starts:
        density = _density_of(target)
        _, seed = fit.seed.spawn(2)
        found = EM(n_starts=n_starts).run(target.spec, target.data, seed=seed)
        gain = density(found.parameters) - density(fit.standard_mode)
        if gain > _GAIN:
            return [Finding(
                f"EM missed the mode: a second search of {counted(n_starts, 'start')} found one "
                f"that is {gain:.1f} higher in log density. Chains started at a lower mode.",
                remedy,
                kind="missed mode",
            )]  # fmt: skip
    return [Finding(
        f"Only {starts.agreeing} of {n_starts} EM starts reached this mode, so there may be a "
        "higher one that assigns rows to components differently.",
        remedy,
        kind="missed mode",
        serious=False,
    )]  # fmt: skip


def _about_unvisited_modes(fit: Fit, target: Target, draws: MixtureParameters) -> list[Finding]:
    """Estimate the mass of a mode that no chain started at or visited, if there is one."""
    optima = set(fit.record.get("chain_optima", [0]))
    if ALTERNATIVE_MODE not in fit.tree.children or {0, 1} <= optima:
        return []
    scaling = fit.scaling
    best, alternative = (scaling.standardize_parameters(read_parameters(fit.tree[name]))
                   for name in ("point_estimate", ALTERNATIVE_MODE))  # fmt: skip
    gap = float(fit.tree[ALTERNATIVE_MODE]["gap"])
    here, there = (best, alternative) if 0 in optima else (alternative, best)
    lower = gap if 0 in optima else -gap
    groups = fit.groups
    if share_nearer(there, here, _some(draws), groups) > _VISITED:
        return []
    share = _weighed(fit, target, draws, here, there, groups)
    if share is None:
        return []
    if share.is_known and share.value < MASS_LIMIT:
        return []
    if not share.is_known and abs(lower) > ALTERNATIVE_LIMIT:
        return []
    height = f"{abs(lower):.1f} {'lower' if lower >= 0 else 'higher'} in log density"
    mass = (
        f"By bridge sampling it holds {share} of the posterior mass"
        if share.is_known
        else "Its posterior mass is not known"
    )
    sampler = "Gibbs" if target.layout.covariances.n_factors else "NUTS"
    return [Finding(
        f"EM found an alternative mode, {height}, that no chain visited. {mass}. The draws do not "
        "represent it.",
        f'Start chains at both, with {sampler}(init="multi"), and inspect '
        "tree['alternative_mode']; "
        f"{_ways_to_one_mode(fit)} if only one mode is wanted.",
        kind="unvisited mode",
    )]  # fmt: skip


def _weighed(
    fit: Fit,
    target: Target,
    draws: MixtureParameters,
    here: MixtureParameters,
    there: MixtureParameters,
    groups: np.ndarray,
) -> Share | None:
    """Return the mass of a mode without chains; ``None`` if it is not a mode, or negligible."""
    if fit.record.get("partial") or passes_worth(target, _MOST_WORK) < _STEPS:
        return shares([UNKNOWN, UNKNOWN])[1]
    ours, theirs = (find_peak(target, target.position_of(one), target.rough_deviations(one))
                    for one in (here, there))  # fmt: skip
    if not theirs.regularized and theirs.log_integral < ours.log_integral - _NEGLIGIBLE:
        return None
    look_seed, bridge_seed = fit.seed.spawn(2)
    found = explore(target, there, _LOOK, look_seed)
    if share_nearer(there, here, _some(found), groups) < 0.5:
        return None  # chains leave it: those of the fit would have visited it
    rng = np.random.default_rng(bridge_seed)
    return shares(log_masses(target, [draws, found], groups, rng))[1]


def _some(draws: MixtureParameters) -> MixtureParameters:
    n_chains, n_draws = draws.batch_shape
    each = min(n_draws, -(-_DRAWS_LOOKED_AT // n_chains))
    return draws.draw((slice(None), np.linspace(0, n_draws - 1, each).round().astype(int)))


def _density_of(target: Target) -> Callable[[MixtureParameters], float]:
    """Return the log posterior density that EM maximizes, up to a constant."""
    objective = Objective(target.spec, target.data.n_features)
    return partial(objective.height, target.data.fitted_rows)


def _more_starts(fit: Fit) -> int:
    return max(50, 4 * fit.point_estimate.starts.objectives.size)


def _ways_to_one_mode(fit: Fit) -> str:
    labels = "give more labels, " if fit.data.label_log_likelihoods.size else ""
    return f"{labels}use fewer components or stronger priors"
