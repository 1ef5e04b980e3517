"""Prior predictive mixtures and rows, and prior ranges in the units of the data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from bayesgmm.analysis.generation.generate import draw_rows
from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, equal_tails, interval_name
from bayesgmm.estimation.problem import Problem
from bayesgmm.numerics.conditional_normals import marginal_mixture
from bayesgmm.options import expect_whole_number
from bayesgmm.priors.means import NormalMeans
from bayesgmm.priors.sampling import draw_parameters
from bayesgmm.priors.spec import MixtureSpec, layout_of
from bayesgmm.priors.weights import Dirichlet
from bayesgmm.schema import CHAIN, COMPONENT, DATA, DRAW, FEATURE, FEATURE_BIS, ROW
from bayesgmm.seeds import RandomSeed, generator
from bayesgmm.tree.fit import Fit, Fitted
from bayesgmm.tree.write import parameters_dataset, rows_dataset


def prior_predictive(
    X: Any,
    spec: MixtureSpec,
    *,
    n_draws: int = 500,
    n_rows: int = 20,
    random_seed: RandomSeed = None,
) -> xr.DataTree:
    """Draw mixtures from the prior, and rows from each of them.

    Parameters
    ----------
    X : table of n rows and d features
        Data that the priors are scaled to.
    spec : MixtureSpec
        Number of components and priors.
    n_draws : int, default 500
        Mixtures to draw.
    n_rows : int, default 20
        Rows to draw from each mixture.
    random_seed : int, SeedSequence or Generator, optional
        The same seed gives the same tree.

    Returns
    -------
    xarray.DataTree
        Groups ``prior`` (the parameters), ``prior_predictive`` (``x``, dims chain, draw, obs_id,
        feature) and ``observed_data``, in the units of the data.

    Raises
    ------
    DataError
        If the table cannot be used.
    SpecificationError
        If ``n_draws`` or ``n_rows`` is not a positive whole number.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("penguins")[["bill_length_mm"]].dropna()
    >>> tree = bg.prior_predictive(X, bg.MixtureSpec(n_components=2), random_seed=1)
    >>> tree["prior_predictive"]["x"].shape
    (1, 500, 20, 1)
    """
    expect_whole_number("n_draws", n_draws)
    expect_whole_number("n_rows", n_rows)
    problem, rng = Problem.pose(X, spec), generator(random_seed)
    data = problem.data
    parameters = draw_parameters(problem.spec, data.n_features, n_draws, rng)
    tables, _ = draw_rows(parameters.draw((np.repeat(np.arange(n_draws), n_rows),)), rng)
    coords = {
        COMPONENT: np.arange(parameters.n_components),
        FEATURE: list(data.feature_names),
        FEATURE_BIS: list(data.feature_names),
    }
    predictive = xr.Dataset(
        {DATA: ((CHAIN, DRAW, ROW, FEATURE), tables.reshape(1, n_draws, n_rows, data.n_features))},
        coords={
            CHAIN: [0],
            DRAW: np.arange(n_draws),
            ROW: np.arange(n_rows),
            FEATURE: coords[FEATURE],
        },
    )
    return xr.DataTree.from_dict(
        {
            "prior": parameters_dataset(parameters.draw((None,)), (CHAIN, DRAW), coords),
            "prior_predictive": predictive,
            "observed_data": rows_dataset(data),
        }
    )


END = "end"
_DRAWS, _NUMBERS = 20_000, 10_000_000  # of covariance matrices, and of their entries
_SEED = 0


def prior_ranges(tree: Fitted) -> xr.Dataset:
    """Return central 89 % intervals of the prior of each parameter of a fit.

    Ranges of weights and means are exact. Those of standard deviations and correlations are
    quantiles of draws from the prior, with a fixed seed, accurate to two digits.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.

    Returns
    -------
    xarray.Dataset
        ``weights`` (end, component), ``means`` and ``scales`` (end, feature) and, where there are
        correlations, ``correlations`` (end), those of any two features; ``end`` is lower, median,
        upper. ``means`` are (end, component, feature) where their priors differ. Attribute
        ``interval``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.analysis.generation.prior_predictive import prior_ranges
    >>> prior_ranges(bg.example_fit())["means"].sel(feature="body_mass_g").values.round()
    array([1638., 4202., 6765.])
    """
    fit = Fit.of(tree)
    lower, upper = equal_tails(DEFAULT_PROBABILITY)
    spec, quantiles = fit.spec, np.array([lower, 0.5, upper])
    features, components = fit.posterior[FEATURE].values, fit.posterior[COMPONENT].values
    loc, precision = spec.means.expanded(spec.n_components, features.size)
    dims: tuple[str, ...] = (END, COMPONENT, FEATURE)
    if np.all(loc == loc[0]) and np.all(precision == precision[0]):
        dims, loc, precision = (END, FEATURE), loc[0], precision[0]
    concentration = spec.weights.expanded(spec.n_components)
    # One component is enough, whether covariances are tied or not.
    anywhere = NormalMeans(0.0, 1.0)  # its means are not looked at
    single = replace(spec, n_components=1, weights=Dirichlet(1.0), means=anywhere)
    layout = layout_of(single, features.size)
    in_a_draw = layout.size if layout.covariances.n_factors else features.size**2
    size = min(_DRAWS, max(500, _NUMBERS // in_a_draw))
    draws = draw_parameters(single, features.size, size, np.random.default_rng(_SEED))
    found = {
        "weights": ((END, COMPONENT), _weight_quantiles(concentration, quantiles)),
        "means": (
            dims,
            stats.norm.ppf(quantiles.reshape(-1, *[1] * loc.ndim), loc, precision**-0.5),
        ),
        "scales": ((END, FEATURE), np.quantile(draws.scales[:, 0], quantiles, axis=0)),
    }
    if draws.correlations is not None and features.size > 1:
        pair = np.asarray(marginal_mixture(draws, np.arange(2)).correlations)
        found["correlations"] = ((END,), np.quantile(pair[:, 0, 1, 0], quantiles))
    return xr.Dataset(
        found,
        coords={END: ["lower", "median", "upper"], FEATURE: features, COMPONENT: components},
        attrs={"interval": interval_name(DEFAULT_PROBABILITY)},
    )


def _weight_quantiles(concentration: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Return quantiles of each entry of a Dirichlet vector, which is beta distributed."""
    others = concentration.sum() - concentration
    if concentration.size == 1:
        return np.ones((quantiles.size, 1))
    return stats.beta.ppf(quantiles[:, None], concentration, others)
