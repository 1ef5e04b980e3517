"""The convergence diagnosis of a posterior: a verdict with findings and statistics."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.analysis.diagnosis.chains import (
    Settings,
    count_divergences,
    findings_about_agreement,
    findings_about_chains,
    findings_about_divergences,
    findings_about_the_end,
    is_approximation,
    is_resampled,
    judge_approximation,
)
from bayesgmm.analysis.diagnosis.components import Components, findings_about_components
from bayesgmm.analysis.diagnosis.convergence import convergence, smallest_ess
from bayesgmm.analysis.diagnosis.labels import Labels, findings_about_labels
from bayesgmm.analysis.diagnosis.modes import chain_distance, find_modes, findings_about_modes
from bayesgmm.analysis.diagnosis.number import judge_number, number_in_words
from bayesgmm.analysis.diagnosis.optima import findings_about_optima
from bayesgmm.analysis.diagnosis.prior_conflicts import findings_about_priors
from bayesgmm.analysis.diagnosis.quantities import (
    Allocation,
    label_free_quantities,
    relabeled_quantities,
)
from bayesgmm.analysis.diagnosis.value import Diagnosis, Finding, known_diagnosis
from bayesgmm.digits import counted
from bayesgmm.numerics.blocks import on_one_thread
from bayesgmm.schema import CHAIN, COMPONENT, DRAW
from bayesgmm.tree.fit import Fit

_OF_THE_MODEL = {
    "collapsed component", "empty component", "few rows", "overlap", "prior conflict",
}  # fmt: skip
"""Findings about the model, which may occur even if chains agree."""

_NOT_OF_STARTS = {
    "prior conflict", "divergences", "few draws", "one chain", "interrupted", "approximation",
}  # fmt: skip
"""Findings that a mode missed by EM does not explain."""


@on_one_thread
def diagnose(tree: xr.DataTree | Fit) -> Diagnosis:
    """Diagnose the convergence of a fit.

    It first checks label-invariant quantities: log-likelihood,
    log posterior, predictive density at a few of the rows, total covariance, sorted weights,
    entropy of the allocation, occupied components, and co-clustering; then the
    relabeled parameters. All are assessed by the rank-normalized split R-hat and the bulk and
    tail effective sample sizes (Vehtari et al., 2021). It distinguishes

    - chains that agree, without label switching, or with label switching corrected by relabeling;
    - a pair of components that overlaps too much to be identified, if all else is fine;
    - chains in different modes: which ones, and the posterior mass of each mode by bridge
      sampling (Meng & Wong, 1996) with its error, or that it is unknown;
    - components that are empty, have too few rows, or have collapsed onto repeated values;
    - a prior that conflicts with the data: in which scale or correlation, and an alternative;
    - divergent transitions, and near which parameter they lie; a few of them are harmless.

    The limit for the largest of hundreds of R-hats is 1.01 or, where chance alone exceeds that,
    the value that converged chains with the same ESS exceed in one fit of 200.

    With an unknown number of components all quantities are label-invariant, the numbers of
    components and of clusters among them. Chains start from different numbers; if they disagree
    about the number of clusters, a finding says what each says. Draws with the largest number of
    components that the prior considers are a problem if they are more than one in a thousand.

    Chains that all start at one mode do not reveal others. Therefore it also checks, with two short
    chains, the alternative mode of EM with the most mass that no chain visited: more than a
    twentieth of the posterior mass is a problem. It also checks whether EM missed the mode: whether
    draws have a higher posterior density, or, if few EM starts agreed and there are other problems,
    whether a second search finds a higher mode. Chains of ``NUTS(init="multi")`` start at different
    modes.

    At most 120 rows and 4000 draws are used for quantities that need a pass over rows, and at most
    the 128 entries of a variable in which chains differ most. ``fit`` stores the
    diagnosis in ``tree["diagnosis"]``, which is returned while the tree is unchanged.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.

    Returns
    -------
    Diagnosis
        With ``passed``, ``verdict``, ``findings`` (each with its remedy) and ``figures``
        (statistics).

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit``; a point estimate has no draws.

    References
    ----------
    Meng, X.-L. and Wong, W. H. (1996). Simulating ratios of normalizing constants via a simple
    identity: a theoretical exploration. Statistica Sinica 6, 831-860.

    Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. and Buerkner, P.-C. (2021).
    Rank-normalization, folding, and localization: an improved R-hat for assessing convergence
    of MCMC. Bayesian Analysis 16, 667-718.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> diagnosis = bg.diagnose(bg.example_fit())
    >>> diagnosis.passed
    True
    """
    fit = Fit.with_draws(tree, "diagnose")
    fit.expect_fitted()
    return known_diagnosis(fit.tree) or _judged(fit)


def _judged(fit: Fit) -> Diagnosis:
    if fit.infers_number:
        found, figures = judge_number(fit)
        return _verdict(fit, tuple(found), figures)
    allocation = Allocation.of(fit)
    label_free = label_free_quantities(fit, allocation)
    figures = convergence([*label_free, *relabeled_quantities(fit)])
    components = Components.of(fit)
    labels = Labels.of(fit, components.small)
    distances = chain_distance(allocation)
    figures = _with_all(figures, fit, components, labels, distances)
    if is_approximation(fit):
        return judge_approximation(fit, figures)
    modes = find_modes(fit, label_free, distances)
    findings = findings_about_the_end(fit) + findings_about_chains(fit)
    findings += findings_about_components(fit, components)
    findings += findings_about_priors(fit, components)
    findings += findings_about_divergences(fit)
    findings += findings_about_modes(fit, modes) or _findings_within_a_mode(fit, labels, figures)
    in_trouble = any(one.serious and one.kind not in _NOT_OF_STARTS for one in findings)
    # Modes missed by EM come first: they may cause the other findings.
    findings = findings_about_optima(fit, in_trouble=in_trouble) + findings
    return _verdict(fit, tuple(findings), figures)


def _findings_within_a_mode(fit: Fit, labels: Labels, figures: xr.Dataset) -> list[Finding]:
    """Return findings about labels and agreement, which do not apply to different modes."""
    found = findings_about_labels(fit, labels, figures)
    if any(finding.kind == "overlap" for finding in found):
        # For components that cannot be identified, no other findings about parameters are needed.
        figures = figures.isel(variable=figures["label_free"].values)
    if is_resampled(fit):  # independent draws, whose number findings about chains judge
        return found
    return found + findings_about_agreement(figures, Settings.of(fit))


def _with_all(
    figures: xr.Dataset,
    fit: Fit,
    components: Components,
    labels: Labels,
    distances: Float[np.ndarray, "chain chain"],
) -> xr.Dataset:
    """Return the statistics of variables, components, pairs and chains."""
    names, chains = fit.names, fit.posterior[CHAIN].values
    pairs = [f"{names[one]}, {names[other]}" for one, other in labels.pairs]
    weighed = {name: fit.record[name] for name in ("pareto_k", "importance_ess")
               if is_resampled(fit)}  # fmt: skip
    return figures.assign(
        expected_rows=(COMPONENT, components.expected_rows),
        confusion=("pair", labels.confusion),
        chain_distance=((CHAIN, "chain_bis"), distances),
    ).assign_coords({COMPONENT: names, "pair": pairs, CHAIN: chains, "chain_bis": chains}
    ).assign_attrs(
        divergences=count_divergences(fit),
        switched_draws=int(labels.switched.sum()),
        rhat_before_relabeling=labels.rhat_before,
        **weighed,
    )  # fmt: skip


def _verdict(fit: Fit, findings: tuple[Finding, ...], figures: xr.Dataset) -> Diagnosis:
    serious = {finding.kind for finding in findings if finding.serious}
    posterior, count = fit.posterior, sum(finding.serious for finding in findings)
    if serious:
        found = f"{counted(count, 'problem')} found."
        agree = "The draws are good, but" if is_resampled(fit) else "The chains agree, but"
        chains = agree if serious <= _OF_THE_MODEL else "Not converged:"
        verdict = f"{chains} {found}"
        return Diagnosis(False, verdict, findings, figures)
    if is_resampled(fit):
        verdict = (
            f"Converged: {posterior.sizes[DRAW]} draws by importance resampling (Pareto k "
            f"{fit.record['pareto_k']:.2f}, {fit.record['importance_ess']:.0f} effective draws)."
        )
        return Diagnosis(True, verdict, findings, figures)
    if fit.infers_number:
        verdict = (
            f"Converged: {posterior.sizes[CHAIN]} chains of {posterior.sizes[DRAW]} draws agree "
            f"(R-hat at most {float(figures['rhat'].max()):.3f}, at least "
            f"{math.floor(smallest_ess(figures).min())} effective draws). Most probable: "
            f"{number_in_words(fit)}."
        )
        return Diagnosis(True, verdict, findings, figures)
    cured = any(finding.kind == "labels switched" for finding in findings)
    diverged = figures.attrs["divergences"]
    verdict = (
        f"Converged{' after relabeling' if cured else ''}: {posterior.sizes[CHAIN]} chains of "
        f"{posterior.sizes[DRAW]} draws agree (R-hat at most {float(figures['rhat'].max()):.3f}, "
        f"at least {math.floor(smallest_ess(figures).min())} effective draws, "
        f"{counted(diverged, 'divergence') if diverged else 'no divergences'})."
    )
    return Diagnosis(True, verdict, findings, figures)
