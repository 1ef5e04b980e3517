"""Gaussian mixture regression: prediction of some features from others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.analysis.density.derived import Source
from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, equal_tails, interval_name
from bayesgmm.analysis.mixtures import (
    Uncertainty,
    asked_features,
    on_own_scale,
    others_than,
    read_mixtures,
)
from bayesgmm.data.cells import first_labels
from bayesgmm.data.dataset import Dataset, default_names, read_like
from bayesgmm.data.readers import read_source
from bayesgmm.data.standardize import Scaling
from bayesgmm.digits import counted, plural
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.numerics.conditional_normals import marginal_mixture
from bayesgmm.numerics.regression import Regression, predictive_rows, regression
from bayesgmm.options import expect_whole_number
from bayesgmm.schema import ROW
from bayesgmm.seeds import RandomSeed, generator

TARGET, SAMPLE = "target", "sample"


def regress(
    mixture: Source,
    X: Any,
    *,
    target: str | Sequence[str] | None = None,
    ci_prob: float = DEFAULT_PROBABILITY,
    max_draws: int | None = None,
    uncertainty: Uncertainty = "posterior",
    random_seed: RandomSeed = None,
) -> xr.Dataset:
    """Predict some features of rows from others, with the full posterior uncertainty.

    Under one draw the target y of a row with given features x is from a mixture of linear
    regressions,

        p(y | x) = sum_k r_k(x) N(y | mu_ky + S_kyx S_kxx^-1 (x - mu_kx), C_k),

    with r_k(x) the responsibilities given x, and C_k = S_kyy - S_kyx S_kxx^-1 S_kxy.
    The predictive distribution is the average of these over all draws, as in
    :func:`bayesgmm.condition`. Features that are neither given nor targets are integrated out.

    Parameters
    ----------
    mixture : xarray.DataTree, PointEstimate or MixtureParameters
        What :func:`bayesgmm.fit` returned; a tree with a group ``prior``; or parameters, whose
        features are called x0, x1, and so on.
    X : table of n rows
        The given features. Columns with names are matched by name, and may be any but the
        targets; without names they are all features but the targets, in their order.
    target : str or sequence of str, optional
        The features to predict; by default all features that are not columns of ``X``.
    ci_prob : float, default 0.89
        Predictive probability of the intervals, which leave equal tails on both sides.
    max_draws : int, optional
        Number of predictive draws to return for each row; none by default.
    uncertainty : {"posterior", "point"}
        All draws of a fit, or its point estimate.
    random_seed : int, SeedSequence or Generator, optional
        Seed of the predictive draws.

    Returns
    -------
    xarray.Dataset
        ``mean`` and ``sd`` (obs_id, target) of the predictive distribution, in the units of the
        data, and the ends ``lower`` and ``upper`` of its interval: exact quantiles of the
        mixture over all draws and components. ``mean_sd`` is the uncertainty of the regression
        function itself: the standard deviation, over the draws, of the conditional mean. If
        requested, ``predictive`` (sample, obs_id, target): the targets of one sample are drawn
        jointly. The attribute ``interval`` names the kind of interval.

    Raises
    ------
    DataError
        If columns or targets are unknown or named twice, a feature is both given and a target,
        none is left to predict, or for cells that cannot be used.
    SpecificationError
        If an option is invalid, or ``mixture`` is none of these.
    SchemaError
        If ``mixture`` is another tree.

    References
    ----------
    Ghahramani, Z. and Jordan, M. I. (1994). Supervised learning from incomplete data via an EM
    approach. Advances in Neural Information Processing Systems 6, 120-127.

    Cohn, D. A., Ghahramani, Z. and Jordan, M. I. (1996). Active learning with statistical models.
    Journal of Artificial Intelligence Research 4, 129-145.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> import pandas as pd
    >>> flippers = pd.DataFrame({"flipper_length_mm": [180.0, 200.0, 220.0]})
    >>> mass = bg.regress(bg.example_fit(), flippers, target="body_mass_g")
    >>> mass["mean"].sel(target="body_mass_g").values.round(-2)
    array([3400., 3900., 5200.])
    """
    tails = equal_tails(ci_prob)
    if max_draws is not None:
        expect_whole_number("max_draws", max_draws)
    mixtures = read_mixtures(mixture, uncertainty)
    given, targets = _roles(X, target, mixtures.features)
    data = read_like(X, [mixtures.features[index] for index in given])
    scaling, parameters = on_own_scale(mixtures)
    parameters = marginal_mixture(parameters, np.array([*given, *targets]))
    rows, of_targets = _part(scaling, given).standardize(data).values, _part(scaling, targets)
    found = regression(rows, parameters, tails)
    _expect_near(found.mean, data)
    values = _in_units(found, of_targets)
    answer = xr.Dataset(
        {name: ((ROW, TARGET), array) for name, array in values.items()},
        coords={ROW: data.row_names, TARGET: [mixtures.features[index] for index in targets]},
        attrs={"interval": interval_name(ci_prob)},
    )
    if max_draws is not None:
        drawn = predictive_rows(rows, parameters, max_draws, generator(random_seed))
        answer["predictive"] = ((SAMPLE, ROW, TARGET), of_targets.restore_rows(drawn))
    return answer


def _in_units(found: Regression, scaling: Scaling) -> dict[str, np.ndarray]:
    """Return results from the standard scale in the units of the targets."""
    return {
        "mean": scaling.restore_rows(found.mean),
        "sd": found.sd * scaling.factor,
        "mean_sd": found.mean_sd * scaling.factor,
        "lower": scaling.restore_rows(found.lower),
        "upper": scaling.restore_rows(found.upper),
    }


def _roles(X: Any, target: Any, known: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return which features are given, and which are targets."""
    targets = None if target is None else asked_features("target", target, known)
    given = _named_columns(X, known)
    if given is None:
        if targets is None:
            raise SpecificationError(
                "target must be given if the columns of X have no names: the features "
                f"are {list(known)}."
            )
        given = others_than(targets, len(known))
    if targets is None:
        targets = others_than(given, len(known))
    _expect_apart(given, targets, known)
    return given, targets


def _named_columns(X: Any, known: tuple[str, ...]) -> tuple[int, ...] | None:
    """Return the features of named columns, or ``None`` if they are matched by position."""
    names = read_source(X).feature_names
    if not names:
        return None
    if known == default_names(len(known)) and not set(names) <= set(known):
        return None  # a model of features without names takes named columns by position
    return tuple(sorted(asked_features("X", names, known)))


def _expect_apart(given: tuple[int, ...], targets: tuple[int, ...], known: tuple[str, ...]) -> None:
    both = [known[index] for index in targets if index in given]
    if both:
        raise DataError(
            f"{both} are both given and targets. Leave them out of X, or out of target."
        )
    if not targets or not given:
        missing = "target" if not targets else "given feature"
        raise DataError(
            f"No {missing} is left; the features are {list(known)}. Give some of them in X, "
            "and predict others."
        )


def _part(scaling: Scaling, features: tuple[int, ...]) -> Scaling:
    chosen = list(features)
    return Scaling(scaling.shift[chosen], scaling.factor[chosen])


def _expect_near(mean: np.ndarray, data: Dataset) -> None:
    lost = data.row_names[np.isnan(mean).any(axis=1)]
    if lost.size:
        raise DataError(
            f"{counted(lost.size, 'row')} of X {plural(lost.size, 'lies', 'lie')} too far from "
            f"every component: {first_labels(lost)}. Are the values in the units of the fit?"
        )
