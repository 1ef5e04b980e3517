"""Highest-density regions: the smallest sets that hold a given probability."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.analysis.density.derived import Source
from bayesgmm.analysis.density.distribution import one_feature, simulated_rows
from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY
from bayesgmm.analysis.mixtures import Uncertainty, on_own_scale, read_mixtures
from bayesgmm.data.dataset import read_like
from bayesgmm.data.standardize import Scaling
from bayesgmm.data.suitability import expect_complete
from bayesgmm.numerics.normal_mixtures import NormalMixture, highest_density_intervals
from bayesgmm.numerics.statistics import predictive_log_densities
from bayesgmm.options import expect_fraction, expect_whole_number
from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import ROW
from bayesgmm.seeds import RandomSeed, generator

INTERVAL = "interval"


def highest_density_region(
    mixture: Source,
    X: Any | None = None,
    *,
    ci_prob: float = DEFAULT_PROBABILITY,
    feature: str | None = None,
    uncertainty: Uncertainty = "posterior",
    n_rows: int = 10_000,
    random_seed: RandomSeed = None,
) -> xr.Dataset:
    """Find the smallest region with a given posterior predictive probability.

    The region is {x : p(x) >= c}, p being the posterior predictive density. For one feature it is
    a union of intervals, and exact. For several, c is a quantile of the densities of simulated
    rows (Hyndman, 1996).

    Parameters
    ----------
    mixture : xarray.DataTree, PointEstimate or MixtureParameters
        What :func:`bayesgmm.fit` returned; a tree with a group ``prior``; or parameters, whose
        features are called x0, x1, and so on.
    X : table of n rows, optional
        Rows to test for being in the region; with all features, or the one that
        ``feature`` names.
    ci_prob : float, default 0.89
        Probability of the region.
    feature : str, optional
        Use this feature only.
    uncertainty : {"posterior", "point"}
        All draws of a fit, or its point estimate.
    n_rows : int, default 10_000
        Number of rows to simulate for several features.
    random_seed : int, SeedSequence or Generator, optional
        Seed of the simulation.

    Returns
    -------
    xarray.Dataset
        ``log_threshold``, the logarithm of c; for one feature, the ends ``lower`` and ``upper``
        (interval) of the intervals, in the units of the data; with ``X``, ``log_density`` and
        ``within`` (obs_id), whether a row lies in the region. The attribute ``region`` names
        the kind of region; ``probability_error`` is the simulation standard error of its
        probability: zero for one feature.

    Raises
    ------
    DataError
        If the feature is unknown, or the table has other columns or cells that cannot be used.
    SpecificationError
        If an option is invalid, or ``mixture`` is none of these.
    SchemaError
        If ``mixture`` is another tree.

    References
    ----------
    Hyndman, R. J. (1996). Computing and graphing highest density regions. The American
    Statistician 50, 120-126.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.example_fit()
    >>> region = bg.highest_density_region(tree, feature="flipper_length_mm", ci_prob=0.5)
    >>> region["lower"].size
    2
    >>> new = bg.highest_density_region(tree, [[40.0, 18.0, 190.0, 3700.0]], random_seed=1)
    >>> new["within"].values
    array([ True])
    """
    expect_fraction("ci_prob", ci_prob)
    expect_whole_number("n_rows", n_rows)
    mixtures = one_feature(read_mixtures(mixture, uncertainty), feature)
    data = None if X is None else read_like(X, mixtures.features)
    if data is not None:
        expect_complete(data, "A region")
    scaling, parameters = on_own_scale(mixtures)
    if parameters.n_features == 1:
        region, error = _intervals(parameters, ci_prob, scaling), 0.0
    else:
        region = _simulated(parameters, ci_prob, scaling, n_rows, generator(random_seed))
        error = math.sqrt(ci_prob * (1 - ci_prob) / n_rows)
    if data is not None:
        values = _log_densities(scaling.standardize(data).values, parameters, scaling)
        region = region.assign_coords({ROW: data.row_names})
        region["log_density"] = (ROW, values)
        region["within"] = (ROW, values >= region["log_threshold"].item())
    region.attrs = {
        "region": f"{100 * ci_prob:g}% highest-density region",
        "probability_error": error,
    }
    return region


def _intervals(parameters: MixtureParameters, probability: float, scaling: Scaling) -> xr.Dataset:
    found = highest_density_intervals(NormalMixture.predictive(parameters, 0), probability)
    lower, upper = (
        scaling.restore_rows(ends[:, None])[:, 0] for ends in (found.lower, found.upper)
    )
    return xr.Dataset(
        {
            "log_threshold": math.log(found.threshold) - scaling.log_jacobian(),
            "lower": (INTERVAL, lower),
            "upper": (INTERVAL, upper),
        }
    )


def _simulated(
    parameters: MixtureParameters,
    probability: float,
    scaling: Scaling,
    n_rows: int,
    rng: np.random.Generator,
) -> xr.Dataset:
    heights = _log_densities(simulated_rows(parameters, n_rows, rng), parameters, scaling)
    return xr.Dataset({"log_threshold": np.quantile(heights, 1 - probability)})


def _log_densities(
    rows: Float[np.ndarray, "n d"], parameters: MixtureParameters, scaling: Scaling
) -> Float[np.ndarray, " n"]:
    return predictive_log_densities(rows, parameters) - scaling.log_jacobian()
