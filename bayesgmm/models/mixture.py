"""The PyMC model of a Gaussian mixture: named variables, allocations marginalized."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.tensor import TensorVariable

from bayesgmm.data.dataset import Dataset
from bayesgmm.models.covariances import NOISE_SCALES, declare_covariances
from bayesgmm.models.inverse_wishart import partial_precisions
from bayesgmm.models.observations import declare_annotations
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.means import NormalMeans
from bayesgmm.priors.spec import MixtureSpec, layout_of
from bayesgmm.schema import COMPONENT, DATA, FACTOR, FEATURE, FEATURE_BIS, PARAMETER_DIMS, ROW

SMALLEST_WEIGHT = 1e-12
"""Of a component to start from: the transform to an unconstrained space takes its logarithm."""


def declare_model(
    data: Dataset, spec: MixtureSpec, *, initial: MixtureParameters | None = None
) -> pm.Model:
    """Declare a Gaussian mixture and its priors as a PyMC model.

    p(x_i) = sum_k weights_k N(x_i | means_k, covariances_k), independently for all rows.

    Free variables are ``weights``, ``means``, and ``covariances`` (``covariance`` where components
    share it) or, where they have priors of their own, ``scales`` (``scale`` in its natural shape
    where components or features share it) and ``correlation_cholesky``. ``scales``,
    ``correlations`` and ``covariances`` are there per component whatever the structure; for
    :class:`Factors`, ``noise_scales`` and ``signals`` (loadings over these) are free, and there are
    ``loadings`` and ``uniquenesses``. The rows
    are the mutable data ``rows``, observed as ``x``. Missing cells, weights and labels are data of
    their own, see :mod:`bayesgmm.models.observations`: to exchange rows is then to
    exchange these too.

    Parameters
    ----------
    data : Dataset
        The rows, with their weights and labels.
    spec : MixtureSpec
        Resolved, in the units of ``data``: none of its hyperparameters is ``None``.
    initial : MixtureParameters, optional
        One mixture, in the units of ``data``: where samplers start. PyMC refuses to transform
        a model that has such starts, so ``compute_log_likelihood``, ``do`` and ``observe`` need
        a model without starts.

    Returns
    -------
    pymc.Model
        A model like any other, to sample from or to extend.

    Raises
    ------
    SpecificationError
        If a prior has the wrong number of hyperparameters.
    """
    shape = (spec.n_components, data.n_features)
    coords = {
        COMPONENT: range(spec.n_components),
        FEATURE: list(data.feature_names),
        FEATURE_BIS: list(data.feature_names),
        ROW: data.row_names,
    }
    n_factors = layout_of(spec, data.n_features).covariances.n_factors
    if n_factors:
        coords[FACTOR] = range(n_factors)
    with pm.Model(coords=coords) as model:
        rows = _declare_rows(data)
        weights = _declare_weights(spec.weights.expanded(spec.n_components), initial)
        means = _declare_means(spec.means, initial)
        distribution, factors = declare_covariances(spec.covariances, shape=shape, initial=initial)
        if not spec.covariances.conjugate:
            _declare_resolution(spec, factors, data.n_features)
        annotations: tuple[TensorVariable, ...] = ()
        if not data.rows.is_plain:
            distribution, annotations = declare_annotations(distribution, data)
        parameters = (weights, means, factors, *annotations)
        distribution(DATA, *parameters, observed=rows, dims=(ROW, FEATURE))
    return model


def _declare_resolution(spec: MixtureSpec, factors: TensorVariable, n_features: int) -> None:
    """Bound partial standard deviations from below, in every free covariance matrix."""
    covariances = layout_of(spec, n_features).covariances
    if covariances.n_factors:
        precisions = pm.modelcontext(None)[NOISE_SCALES] ** -2.0
    elif factors.ndim == 3:
        precisions = partial_precisions(covariances.free_matrices(factors))
    else:
        precisions = covariances.free_scales(factors) ** -2.0
    pm.Potential("resolution", -((spec.floor(n_features) ** 2 * precisions) ** 4).sum())


def _declare_rows(data: Dataset) -> TensorVariable:
    """Declare the cells, NaN where one is missing."""
    rows = pm.Data("rows", np.nan_to_num(data.values), dims=(ROW, FEATURE))
    # PyMC refuses NaN here, because elsewhere it means cells to be sampled.
    rows.set_value(data.values)
    return rows


def _declare_weights(
    concentration: np.ndarray, initial: MixtureParameters | None
) -> TensorVariable:
    dims = PARAMETER_DIMS["weights"]
    if concentration.size == 1:  # certain, and a simplex of one entry has no unconstrained value
        return pm.Deterministic("weights", pt.ones(1), dims=dims)
    initval = None
    if initial is not None:
        floored = np.maximum(initial.weights, SMALLEST_WEIGHT)
        initval = floored / floored.sum()
    return pm.Dirichlet("weights", a=concentration, dims=dims, initval=initval)


def _declare_means(prior: NormalMeans, initial: MixtureParameters | None) -> TensorVariable:
    return pm.Normal(
        "means",
        mu=np.asarray(prior.loc),
        sigma=np.asarray(prior.scale),
        dims=PARAMETER_DIMS["means"],
        initval=None if initial is None else initial.means,
    )
