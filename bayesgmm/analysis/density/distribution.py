"""Distribution functions and quantiles of mixtures, averaged over the posterior."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.analysis.density.derived import Source
from bayesgmm.analysis.draws import affordable_draws
from bayesgmm.analysis.generation.generate import draw_rows
from bayesgmm.analysis.mixtures import (
    Mixtures,
    Uncertainty,
    asked_features,
    on_own_scale,
    read_mixtures,
)
from bayesgmm.data.dataset import read_like
from bayesgmm.data.suitability import expect_complete
from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.blocks import for_each
from bayesgmm.numerics.conditional_normals import marginal_mixture
from bayesgmm.numerics.normal_mixtures import NormalMixture
from bayesgmm.options import expect_whole_number
from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import CHAIN, DRAW, FEATURE, ROW
from bayesgmm.seeds import RandomSeed, generator

QUANTILE = "quantile"

_NUMBERS_AT_ONCE = 4_000_000  # in arrays of the work, 32 MB


def cdf(
    mixture: Source,
    X: Any,
    *,
    feature: str | None = None,
    per_draw: bool = False,
    uncertainty: Uncertainty = "posterior",
    max_draws: int | None = None,
    n_rows: int = 100_000,
    random_seed: RandomSeed = None,
) -> xr.DataArray:
    """Return the probability of a row no larger than each row of a table, in any feature.

    For one feature, sum_k pi_k Phi((x - mu_k) / sigma_k), averaged over the draws, is exact. For
    several it is the fraction of simulated rows, with a standard error below 0.5 / sqrt(rows).

    Parameters
    ----------
    mixture : xarray.DataTree, PointEstimate or MixtureParameters
        Result of :func:`bayesgmm.fit`; a tree with a group ``prior``; or parameters, whose
        features are called x0, x1, and so on.
    X : table of n rows
        With all features, or the one that ``feature`` names.
    feature : str, optional
        Use this feature only.
    per_draw : bool, default False
        Whether to return a probability for every draw, which shows their uncertainty; for
        one feature.
    uncertainty : {"posterior", "point"}
        All draws of a fit, or its point estimate.
    max_draws : int, optional
        Draws that are used, spread evenly over the chains. By default all; for one feature without
        ``per_draw``, beyond 25,000 rows fewer of them, so that rows times draws are 100 million,
        but no fewer than 500.
    n_rows : int, default 100_000
        Number of rows to simulate for several features.
    random_seed : int, SeedSequence or Generator, optional
        Seed of the simulation.

    Returns
    -------
    xarray.DataArray
        Probabilities, dim ``obs_id``, after ``chain`` and ``draw`` if ``per_draw``.

    Raises
    ------
    DataError
        If the feature is unknown, or the table has other columns or cells that cannot be used.
    SpecificationError
        If an option is invalid, or ``mixture`` is none of these.
    SchemaError
        If ``mixture`` is another tree.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.cdf(bg.example_fit(), [190.0, 210.0], feature="flipper_length_mm").values.round(1)
    array([0.3, 0.7])
    """
    expect_whole_number("n_rows", n_rows)
    mixtures = one_feature(read_mixtures(mixture, uncertainty), feature)
    data = read_like(X, mixtures.features)
    expect_complete(data, "A distribution function")
    if max_draws is not None or not (per_draw or data.n_features > 1):
        all_draws = mixtures.chains.size * mixtures.draws.size
        mixtures = mixtures.thinned(affordable_draws(all_draws, data.n_rows, max_draws))
    scaling, parameters = on_own_scale(mixtures)
    points = scaling.standardize(data).values
    coords = {ROW: data.row_names}
    if data.n_features > 1:
        if per_draw:
            raise SpecificationError("per_draw is for one feature; name it with feature=.")
        simulated = simulated_rows(parameters, n_rows, generator(random_seed))
        return xr.DataArray(_share_below(points, simulated), coords, ROW, "cdf")

    def of(one: NormalMixture) -> np.ndarray:
        return one.cdf(points[:, 0])

    if per_draw:
        return _by_draw(mixtures, parameters, of, coords).rename("cdf")
    return xr.DataArray(of(NormalMixture.predictive(parameters, 0)), coords, ROW, "cdf")


def quantile(
    mixture: Source,
    q: Any,
    *,
    feature: str | None = None,
    per_draw: bool = False,
    uncertainty: Uncertainty = "posterior",
) -> xr.DataArray:
    """Return quantiles of each feature: exact roots of its distribution function.

    Parameters
    ----------
    mixture : xarray.DataTree, PointEstimate or MixtureParameters
        As for :func:`cdf`.
    q : float, or list of float
        Probabilities, strictly between 0 and 1.
    feature : str, optional
        Use this feature only.
    per_draw : bool, default False
        Whether to return quantiles for every draw, which shows their uncertainty.
    uncertainty : {"posterior", "point"}
        All draws of a fit, or its point estimate.

    Returns
    -------
    xarray.DataArray
        In the units of the data, dims ``quantile, feature``, after ``chain`` and ``draw`` if
        ``per_draw``; without ``quantile`` for one number, and without ``feature`` if
        one is named.

    Raises
    ------
    DataError
        If the feature is unknown.
    SpecificationError
        If an option is invalid, or ``mixture`` is none of these.
    SchemaError
        If ``mixture`` is another tree.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> quartiles = bg.quantile(bg.example_fit(), [0.25, 0.75])
    >>> quartiles.sel(feature="flipper_length_mm").values.round()
    array([190., 214.])
    """
    probabilities = _probabilities(q)
    mixtures = one_feature(read_mixtures(mixture, uncertainty), feature)
    scaling, parameters = on_own_scale(mixtures)
    answers = []
    for index in range(parameters.n_features):
        alone = marginal_mixture(parameters, np.array([index]))

        def of(one: NormalMixture, index: int = index) -> np.ndarray:
            values = one.quantiles(probabilities)
            return values * scaling.factor[index] + scaling.shift[index]

        coords = {QUANTILE: probabilities}
        if per_draw:
            answers.append(_by_draw(mixtures, alone, of, coords))
        else:
            predictive = of(NormalMixture.predictive(alone, 0))
            answers.append(xr.DataArray(predictive, coords, QUANTILE))
    names = xr.DataArray(list(mixtures.features), dims=FEATURE, name=FEATURE)
    answer = xr.concat(answers, dim=names).transpose(..., FEATURE).rename("quantiles")
    answer = answer if feature is None else answer.isel({FEATURE: 0})
    return answer if np.ndim(q) else answer.isel({QUANTILE: 0})


def one_feature(mixtures: Mixtures, feature: str | None) -> Mixtures:
    """Return the marginal mixtures of a feature, or those of all where none is named."""
    if feature is None:
        return mixtures
    (index,) = asked_features("feature", [feature], mixtures.features)
    alone = marginal_mixture(mixtures.parameters, np.array([index]))
    return Mixtures(alone, (feature,), mixtures.components, mixtures.chains, mixtures.draws)


def simulated_rows(
    draws: MixtureParameters, n_rows: int, rng: np.random.Generator
) -> Float[np.ndarray, "n d"]:
    """Draw rows from mixtures, each from one of them at random."""
    numbers = rng.integers(np.prod(draws.batch_shape), size=n_rows)
    size = max(1, _NUMBERS_AT_ONCE // (draws.n_components * draws.n_features**2))
    blocks = [numbers[start : start + size] for start in range(0, n_rows, size)]
    indices = (np.unravel_index(block, draws.batch_shape) for block in blocks)
    return np.concatenate([draw_rows(draws.draw(index), rng)[0] for index in indices])


def _by_draw(
    mixtures: Mixtures,
    parameters: MixtureParameters,
    of: Callable[[NormalMixture], np.ndarray],
    coords: dict[str, np.ndarray],
) -> xr.DataArray:
    """Evaluate a function of the mixture of one feature in every draw."""
    ((dim, labels),) = coords.items()
    values = np.empty((*parameters.batch_shape, len(labels)))
    indices = list(np.ndindex(*parameters.batch_shape))

    def ask(number: int) -> None:
        one = parameters.draw(indices[number])
        values[indices[number]] = of(NormalMixture.predictive(one, 0))

    for_each(len(indices), ask)
    named = {CHAIN: mixtures.chains, DRAW: mixtures.draws, **coords}
    return xr.DataArray(values, named, (CHAIN, DRAW, dim))


def _share_below(
    points: Float[np.ndarray, "n d"], simulated: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, " n"]:
    """Return the fraction of simulated rows that are at most a point in every feature."""
    shares = np.empty(len(points))
    size = max(1, _NUMBERS_AT_ONCE // len(simulated))
    for start in range(0, len(points), size):
        below = np.ones((len(points[start : start + size]), len(simulated)), dtype=bool)
        for index in range(points.shape[1]):
            below &= simulated[:, index] <= points[start : start + size, index, None]
        shares[start : start + size] = below.mean(axis=1)
    return shares


def _probabilities(q: Any) -> Float[np.ndarray, " q"]:
    values = np.atleast_1d(np.asarray(q))
    is_number = values.dtype.kind == "f" and values.ndim == 1 and values.size > 0
    if not is_number or not ((values > 0) & (values < 1)).all():
        raise SpecificationError(
            f"q must be one or more numbers strictly between 0 and 1, not {q!r}."
        )
    return values.astype(float)
