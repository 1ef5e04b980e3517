"""Conflicts between prior and data: which parameter, how strong, and a remedy.

A prior conflicts with the data of a component if the posterior lies in the tail of the prior, and
if the posterior differs from the estimate from the data alone. The latter is measured with
responsibilities. The standard deviation sigma of a component is compared with that of its N rows,
weighted by their responsibilities, which would be equal, on average over the posterior, without a
prior. The standard error from the data alone is 1 / sqrt(2 N) for log(sigma), and 1 / sqrt(N - 3)
for the inverse hyperbolic tangent of a correlation. A shift of 1.25 standard errors reduces the
coverage of an 89 % interval to 63 %.

For small samples, the mean of log(sigma) given the data alone is not log(s) but, with
nu = N - 1, log(s) + (log(N / 2) - digamma(nu / 2)) / 2.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import digamma

from bayesgmm.analysis.diagnosis.components import Components, Moments
from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.digits import listed, plural
from bayesgmm.priors.covariances import CorrelatedStructure, SeparatedStructure
from bayesgmm.priors.factors import Factors
from bayesgmm.priors.sampling import draw_covariances
from bayesgmm.priors.scales import HalfT
from bayesgmm.priors.spec import layout_of
from bayesgmm.schema import FEATURE
from bayesgmm.tree.fit import Fit

SHIFT_LIMIT = 1.25
"""Shift by the prior, in standard errors, that hardly affects intervals."""

TAIL_LIMIT = 0.05
"""Tail probability under the prior below which a value is in the tail."""

_PRIOR_DRAWS = 4000
_MOST_NAMED = 3
_ALMOST_ONE = 1 - 1e-12
_FEWEST_ROWS = 8  # and twice as many as there are features


_UNKNOWN = Finding(
    "The prior of these draws is not known, so prior conflicts and modes that no chain visited "
    "were not checked.",
    "Pass spec to from_draws if the draws are from its model; otherwise compare with other priors.",
    kind="unknown prior",
    serious=False,
)


def findings_about_priors(fit: Fit, components: Components) -> list[Finding]:
    """Report scales and correlations shifted by the prior, and propose an alternative prior."""
    if not fit.knows_prior:
        return [_UNKNOWN]
    spec, moments = fit.spec, components.moments
    n_features = fit.posterior.sizes[FEATURE]
    structure = layout_of(spec, n_features).covariances
    enough = moments.counts >= max(_FEWEST_ROWS, 2 * n_features)
    scale_shifts = np.where(
        enough[:, None],
        _scale_shifts(moments, isotropic=structure.isotropic and not structure.n_factors),
        0.0,
    )
    if not structure.tied:
        scale_shifts = np.where(components.collapsed, 0.0, scale_shifts)
    twists = np.zeros(1)
    if moments.twists is not None:
        twists = np.where(
            enough[:, None, None],
            np.tril(moments.twists, -1) * np.sqrt(np.maximum(moments.counts - 3, 1))[:, None, None],
            0.0,
        )
    if max(np.abs(scale_shifts).max(), np.abs(twists).max()) < SHIFT_LIMIT:
        return []
    rng = np.random.default_rng(fit.seed)
    scales, correlations = draw_covariances(spec.covariances, structure, _PRIOR_DRAWS, rng)
    findings = _about_scales(fit, moments, scale_shifts, scales)
    if moments.twists is not None and np.abs(twists).max() >= SHIFT_LIMIT:
        assert correlations is not None
        findings += _about_correlations(fit, moments, twists, np.asarray(correlations))
    return findings


def _scale_shifts(moments: Moments, *, isotropic: bool) -> Float[np.ndarray, "m d"]:
    """Return the shift of log scales by the prior, in standard errors of the data alone."""
    n_features = moments.spread.shape[1]
    cells = moments.counts * (n_features if isotropic else 1)
    freedom = np.maximum(cells - 1, 1)
    skewness = 0.5 * (np.log(np.maximum(cells, 1) / 2) - digamma(freedom / 2))
    shifts = (moments.log_ratios - skewness[:, None]) * np.sqrt(2 * cells)[:, None]
    return np.nan_to_num(shifts, posinf=np.finfo(float).max)  # rows without any spread


def _about_scales(
    fit: Fit,
    moments: Moments,
    shifts: Float[np.ndarray, "m d"],
    prior: Float[np.ndarray, "draw m s"],
) -> list[Finding]:
    posterior = fit.posterior["scales"].mean(("chain", "draw")).values[: shifts.shape[0]]
    draws = np.broadcast_to(prior, (*prior.shape[:2], posterior.shape[1]))
    below, above = (draws <= posterior).mean(axis=0), (draws >= posterior).mean(axis=0)
    tails = np.where(shifts > 0, below, above)  # a prior shrinks toward its bulk
    conflict = (np.abs(shifts) >= SHIFT_LIMIT) & (tails < TAIL_LIMIT)
    if not conflict.any():
        return []
    features = fit.posterior[FEATURE].values
    typical = np.log(fit.posterior["scales"]).mean(("chain", "draw")).values
    own = np.exp(typical[: shifts.shape[0]] - moments.log_ratios)
    places = sorted(zip(*np.nonzero(conflict), strict=True), key=lambda at: -abs(shifts[at]))
    conflicts = [
        f"{_owner(fit, moments, at[0])}, {features[at[1]]}: {posterior[at]:.3g}, whereas its rows "
        f"suggest {own[at]:.3g} (below {_tail(tails[at])} of the prior)"
        if shifts[at] > 0
        else f"{_owner(fit, moments, at[0])}, {features[at[1]]}: {posterior[at]:.3g}, whereas its "
        f"rows suggest {own[at]:.3g} (above all but {_tail(tails[at])} of the prior)"
        for at in places
    ]
    return [Finding(
        f"The prior of the standard deviations conflicts with the data and moves "
        f"{len(places)} of them outside {plural(len(places), 'its', 'their')} "
        f"interval: {listed(conflicts, _MOST_NAMED, between='; ')}.",
        _prior_of_scales(fit, own),
        kind="prior conflict",
    )]  # fmt: skip


def _prior_of_scales(fit: Fit, own: Float[np.ndarray, "m d"]) -> str:
    """Propose the half-t prior, or one with the mode of log(sigma) at the narrowest component."""
    structure = fit.spec.covariances
    name = type(structure).__name__
    if isinstance(structure, Factors):
        return "Give the uniquenesses another prior: covariances=Factors(..., scales=HalfT(...))."
    if isinstance(structure, SeparatedStructure) and not isinstance(structure.scales, HalfT):
        return f"Use a weakly informative scale prior: covariances={name}(scales=HalfT())."
    narrowest = np.where(own > 0, own, np.inf).min(axis=0)
    narrowest = np.where(np.isfinite(narrowest), narrowest, fit.scaling.factor)
    if not isinstance(structure, SeparatedStructure):
        numbers = ", ".join(f"{value:.2g}" for value in narrowest)
        return f"Use inverse-Wishart scales near those of the data: {numbers}."
    # p(log sigma) of InverseGamma(2, s) is highest at s / 2.
    values = [f"{2 * value:.2g}" for value in narrowest[: structure.n_scales(narrowest.size)]]
    scale = values[0] if len(values) == 1 else f"({', '.join(values)})"
    return (
        f"Use a prior that covers the narrowest component: covariances="
        f"{name}(scales=InverseGamma(2.0, {scale}))."
    )


def _about_correlations(
    fit: Fit,
    moments: Moments,
    shifts: Float[np.ndarray, "m d d"],
    prior: Float[np.ndarray, "draw k d d"],
) -> list[Finding]:
    n_matrices = shifts.shape[0]
    posterior = fit.posterior["correlations"].mean(("chain", "draw")).values[:n_matrices]
    tails = (np.abs(prior[:, :n_matrices]) >= np.abs(posterior)).mean(axis=0)
    # A prior shrinks correlations toward zero.
    conflict = (shifts * np.sign(posterior) <= -SHIFT_LIMIT) & (tails < TAIL_LIMIT)
    if not conflict.any():
        return []
    features = fit.posterior[FEATURE].values
    places = sorted(zip(*np.nonzero(conflict), strict=True), key=lambda at: -abs(shifts[at]))
    of_rows = np.tanh(np.arctanh(np.clip(posterior, -_ALMOST_ONE, _ALMOST_ONE)) - moments.twists)
    conflicts = [
        f"{_owner(fit, moments, at[0])}, {features[at[2]]} and {features[at[1]]}: "
        f"{posterior[at]:.2f}, whereas its rows suggest {of_rows[at]:.2f} (more extreme than all "
        "but "
        f"{_tail(tails[at])} of the prior)"
        for at in places
    ]
    return [Finding(
        "The prior of the correlations conflicts with the data and moves "
        f"{len(places)} of them outside {plural(len(places), 'its', 'their')} interval: "
        f"{listed(conflicts, _MOST_NAMED, between='; ')}.",
        _prior_of_correlations(fit),
        kind="prior conflict",
    )]  # fmt: skip


def _prior_of_correlations(fit: Fit) -> str:
    structure = fit.spec.covariances
    if not isinstance(structure, CorrelatedStructure):
        return "Lower degrees_of_freedom, or use a prior scale matrix with such correlations."
    name = type(structure).__name__
    if not structure.is_joint:
        return f"Use a weakly informative correlation prior: covariances={name}(scales=HalfT())."
    return (
        "Use a scale matrix with such correlations: covariances=InverseWishart(scale_matrix=...)."
    )


def _owner(fit: Fit, moments: Moments, matrix: int) -> str:
    names = fit.names
    return f"component {names[matrix]}" if moments.counts.size == names.size else "all components"


def _tail(probability: float) -> str:
    return f"{probability:.1%}" if probability >= 0.001 else "0.1%"
