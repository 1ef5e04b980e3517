"""Conditional and marginal mixtures, for each draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import chi2

from bayesgmm.analysis.density.derived import Source, derived, source_features
from bayesgmm.analysis.mixtures import asked_features, others_than, read_mixtures
from bayesgmm.errors import DataError, SpecificationError, warn
from bayesgmm.numerics.conditional_normals import conditional_mixture, marginal_mixture
from bayesgmm.options import is_number
from bayesgmm.parameters import MixtureParameters

_FAR = 1e-9


def condition(mixture: Source, given: Mapping[str, float]) -> Source:
    """Return the conditional mixture of the other features, given the values of some.

    Under each draw the conditional distribution is again a Gaussian mixture. With o the given
    features and m the others, component k has the weight, mean and covariance

        pi_k N(x_o | mu_ko, S_koo) / sum_l pi_l N(x_o | mu_lo, S_loo),
        mu_km + S_kmo S_koo^-1 (x_o - mu_ko),
        S_kmm - S_kmo S_koo^-1 S_kom.

    Draws keep their equal weights: the given values are not additional data.

    Parameters
    ----------
    mixture : xarray.DataTree, PointEstimate or MixtureParameters
        What :func:`bayesgmm.fit` or :func:`bayesgmm.estimate` returned; a tree with a group
        ``prior``, as :func:`bayesgmm.prior_predictive` returns it; or parameters with any batch
        axes, whose features are called x0, x1, and so on.
    given : mapping from feature to number
        In the units of the data.

    Returns
    -------
    xarray.DataTree or MixtureParameters
        From a fit or an estimate, a tree for the remaining features, on which
        :func:`bayesgmm.generate`, :func:`bayesgmm.log_density`, :func:`bayesgmm.cluster` of new
        rows, :func:`bayesgmm.summarize` and the like work; rows drawn from it are conditional ones.
        ``posterior`` and ``point_estimate`` hold conditional parameters, with the component
        numbers of the fit. The mixture has no rows: ``observed_data`` is empty, functions of rows
        need ``X``, and functions that need the spec or the log-likelihoods of a fit refuse
        the tree. From a tree with a prior, a tree with the group ``prior``. From
        parameters, parameters; unnamed features are called x0, x1, ... again.

    Raises
    ------
    DataError
        If a feature is unknown, all features are given, or a value is not finite or too
        far from every component.
    SpecificationError
        If ``given`` is no mapping, or ``mixture`` is none of these.
    SchemaError
        If ``mixture`` is another tree.

    Warns
    -----
    BayesGMMWarning
        If the given values are far from every component: the result then
        extrapolates.

    References
    ----------
    Ghahramani, Z. and Jordan, M. I. (1994). Supervised learning from incomplete data via an EM
    approach. Advances in Neural Information Processing Systems 6, 120-127.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> long_flippers = bg.condition(bg.example_fit(), {"flipper_length_mm": 210.0})
    >>> summary = bg.summarize(long_flippers)
    >>> summary["weights"].sel(statistic="mean").values.round()
    array([0., 1., 0.])
    >>> dict(bg.generate(long_flippers, 10, random_seed=1)["x"].sizes)
    {'obs_id': 10, 'feature': 3}
    """
    known = source_features(mixture)
    features, values = _given(given, known)

    def change(parameters: MixtureParameters) -> MixtureParameters:
        changed = conditional_mixture(parameters, features, values)
        if not np.isfinite(changed.weights).all():
            raise DataError(f"given lies too far from every component: {dict(given)}.")
        return changed

    step = {"given": {str(name): float(value) for name, value in given.items()}}
    left = others_than(features.tolist(), len(known))
    found = derived(mixture, left, change, keeps_rows=False, step=step)
    _warn_if_far(mixture, features, values, given)
    return found


def marginalize(mixture: Source, features: str | Sequence[str]) -> Source:
    """Return the mixture of some features; the others are integrated out.

    Under each draw it has the same weights, and the entries of means and covariances that
    belong to the features.

    Parameters
    ----------
    mixture : xarray.DataTree, PointEstimate or MixtureParameters
        As for :func:`condition`.
    features : str or sequence of str
        Features to keep, in this order.

    Returns
    -------
    xarray.DataTree or MixtureParameters
        Of the kind that :func:`condition` returns. From a fit, the tree keeps the rows, reduced
        to these features, so functions of rows work. It is not a fit of these
        features alone: its posterior comes from all of them. So it has neither spec nor
        log-likelihoods, and functions that need these refuse it.

    Raises
    ------
    DataError
        If a feature is unknown or named twice.
    SpecificationError
        If none is named, or ``mixture`` is none of these.
    SchemaError
        If ``mixture`` is another tree.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bills = bg.marginalize(bg.example_fit(), ["bill_length_mm", "bill_depth_mm"])
    >>> bg.log_density(bills, [[40.0, 18.0]]).values.round(1)
    array([-4.])
    """
    kept = np.array(asked_features("features", features, source_features(mixture)))

    def change(parameters: MixtureParameters) -> MixtureParameters:
        return marginal_mixture(parameters, kept)

    step = {"features": [features] if isinstance(features, str) else list(features)}
    return derived(mixture, tuple(kept.tolist()), change, keeps_rows=True, step=step)


def _warn_if_far(
    source: Source, features: np.ndarray, values: np.ndarray, given: Mapping[str, float]
) -> None:
    """Warn if, in most draws, such values have probability below 1e-9 under every component."""
    if isinstance(source, MixtureParameters):  # with any batch axes
        return
    found = marginal_mixture(read_mixtures(source).parameters, features)
    offsets = (values - found.means)[..., None]
    solved = np.linalg.solve(found.covariances, offsets)
    nearest = np.median((offsets * solved).sum(axis=(-2, -1)).min(axis=-1))
    if nearest > chi2.isf(_FAR, len(features)):
        warn(
            f"given lies {np.sqrt(nearest):.0f} standard deviations from the nearest component: "
            f"{dict(given)}. The result is an extrapolation."
        )


def _given(given: Any, known: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the given features and their values, once they are checked."""
    if not isinstance(given, Mapping):
        raise SpecificationError(
            f"given must say a number for each feature, such as {{{known[0]!r}: 1.0}}; "
            f"not {given!r}."
        )
    features = asked_features("given", list(given), known)
    for name, value in given.items():
        if not is_number(value) or not np.isfinite(value):
            raise DataError(f"given: {name!r} must be a finite number, not {value!r}.")
    if len(features) == len(known):
        raise DataError(
            f"given names all features, {list(known)}, so no feature is left to predict. "
            "Leave out those of interest; for complete rows, use log_density or cluster."
        )
    return np.array(features), np.array(list(given.values()), dtype=float)
