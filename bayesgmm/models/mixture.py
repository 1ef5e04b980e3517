"""The PyMC model of a Gaussian mixture: everything named, allocations summed out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from jaxtyping import Float
from pytensor.tensor import TensorVariable

from bayesgmm.models.covariances import declare_covariances
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.means import NormalMeans
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.priors.weights import Dirichlet
from bayesgmm.schema import COMPONENT, DATA, FEATURE, FEATURE_BIS, PARAMETER_DIMS, ROW

SMALLEST_WEIGHT = 1e-12
"""Of a component to start from: the transform to an unconstrained space takes its logarithm."""


def declare_model(
    values: Float[np.ndarray, "n d"],
    spec: MixtureSpec,
    *,
    feature_names: Sequence[str],
    row_names: Sequence[object] | np.ndarray | None = None,
    initial: MixtureParameters | None = None,
) -> pm.Model:
    """Declare a Gaussian mixture and its priors as a PyMC model.

    p(x_i) = sum_k weights_k N(x_i | means_k, covariances_k), independently for all rows.

    Free variables are ``weights``, ``means``, ``scales`` (or ``scale`` in its natural shape,
    where components or features share it) and ``correlation_cholesky``. ``scales``,
    ``correlations`` and ``covariances`` are there per component whatever the structure. The rows
    are the mutable data ``rows``, observed as ``x``.

    Parameters
    ----------
    values : array, shape (n, d)
        The rows, complete and finite.
    spec : MixtureSpec
        Resolved, in the units of ``values``: none of its hyperparameters is ``None``.
    feature_names : sequence of d names
        Coordinates of the dims ``feature`` and ``feature_bis``.
    row_names : sequence of n names, optional
        Coordinates of the dim ``obs_id``; 0 to n - 1 by default.
    initial : MixtureParameters, optional
        One mixture, in the units of ``values``: where samplers start. PyMC refuses to transform
        a model that has such starts, so ``compute_log_likelihood``, ``do`` and ``observe`` want
        one that was declared without.

    Returns
    -------
    pymc.Model
        A model like any other, to sample from or to extend.

    Raises
    ------
    SpecificationError
        If a prior has the wrong number of hyperparameters.
    """
    n_rows, n_features = values.shape
    coords = {
        COMPONENT: range(spec.n_components),
        FEATURE: list(feature_names),
        FEATURE_BIS: list(feature_names),
        ROW: range(n_rows) if row_names is None else row_names,
    }
    with pm.Model(coords=coords) as model:
        rows = pm.Data("rows", values, dims=(ROW, FEATURE))
        weights = _declare_weights(spec.weights, spec.n_components, initial)
        means = _declare_means(spec.means, initial)
        row_distribution, factors = declare_covariances(
            spec.covariances, shape=(spec.n_components, n_features), initial=initial
        )
        row_distribution(DATA, weights, means, factors, observed=rows, dims=(ROW, FEATURE))
    return model


def _declare_weights(
    prior: Dirichlet, n_components: int, initial: MixtureParameters | None
) -> TensorVariable:
    dims = PARAMETER_DIMS["weights"]
    if n_components == 1:  # certain, and a simplex of one entry has no unconstrained value
        return pm.Deterministic("weights", pt.ones(1), dims=dims)
    initval = None
    if initial is not None:
        floored = np.maximum(initial.weights, SMALLEST_WEIGHT)
        initval = floored / floored.sum()
    concentration = prior.expanded(n_components)
    return pm.Dirichlet("weights", a=concentration, dims=dims, initval=initval)


def _declare_means(prior: NormalMeans, initial: MixtureParameters | None) -> TensorVariable:
    return pm.Normal(
        "means",
        mu=np.asarray(prior.loc),
        sigma=np.asarray(prior.scale),
        dims=PARAMETER_DIMS["means"],
        initval=None if initial is None else initial.means,
    )
