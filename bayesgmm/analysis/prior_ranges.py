"""What a prior says in the units of the data: the ranges that it expects parameters in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from scipy import stats

from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, equal_tails, interval_name
from bayesgmm.posterior.fit import Fit, Fitted
from bayesgmm.priors.means import NormalMeans
from bayesgmm.priors.sampling import draw_parameters
from bayesgmm.priors.weights import Dirichlet
from bayesgmm.schema import COMPONENT, FEATURE

END = "end"
_DRAWS, _NUMBERS = 20_000, 10_000_000  # of covariance matrices, and of their entries
_SEED = 0


def prior_ranges(tree: Fitted, *, probability: float = DEFAULT_PROBABILITY) -> xr.Dataset:
    """Return where the prior of a fit expected its parameters.

    Ranges of weights and means are exact. Those of standard deviations and correlations are
    quantiles of draws from the prior, always the same ones, right to two digits.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    probability : float, default 0.89
        Prior probability of a range, which leaves equal tails on both sides.

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
    >>> from bayesgmm.analysis.prior_ranges import prior_ranges
    >>> prior_ranges(bg.example_fit())["means"].sel(feature="body_mass_g").values.round()
    array([1638., 4202., 6765.])
    """
    fit = Fit.of(tree)
    lower, upper = equal_tails(probability)
    spec, quantiles = fit.spec, np.array([lower, 0.5, upper])
    features, components = fit.posterior[FEATURE].values, fit.posterior[COMPONENT].values
    loc, precision = spec.means.expanded(spec.n_components, features.size)
    dims: tuple[str, ...] = (END, COMPONENT, FEATURE)
    if np.all(loc == loc[0]) and np.all(precision == precision[0]):
        dims, loc, precision = (END, FEATURE), loc[0], precision[0]
    concentration = spec.weights.expanded(spec.n_components)
    # What one component says holds for all, whether they share a covariance or not.
    anywhere = NormalMeans(0.0, 1.0)  # its means are not looked at
    single = replace(spec, n_components=1, weights=Dirichlet(1.0), means=anywhere)
    size = min(_DRAWS, max(500, _NUMBERS // features.size**2))
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
        found["correlations"] = ((END,), np.quantile(draws.correlations[:, 0, 1, 0], quantiles))
    return xr.Dataset(
        found,
        coords={END: ["lower", "median", "upper"], FEATURE: features, COMPONENT: components},
        attrs={"interval": interval_name(probability)},
    )


def _weight_quantiles(concentration: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Return quantiles of each entry of a Dirichlet vector, which is beta distributed."""
    others = concentration.sum() - concentration
    if concentration.size == 1:
        return np.ones((quantiles.size, 1))
    return stats.beta.ppf(quantiles[:, None], concentration, others)
