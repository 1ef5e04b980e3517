"""How well a fit describes rows at its mode, and how many parameters it has for that."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from bayesgmm.analysis.mixtures import read_mixtures
from bayesgmm.analysis.selection.criteria import Criteria, entropies
from bayesgmm.data.suitability import expect_counting_rows
from bayesgmm.numerics.statistics import log_densities, responsibilities
from bayesgmm.posterior.fit import Fit, Fitted
from bayesgmm.priors.layout import layout_of


def mode_criteria(
    tree: Fitted, X: Any | None = None, weights: Float[np.ndarray, " _"] | None = None
) -> Criteria:
    """Return BIC and its relatives of rows at the point estimate of a fit.

    With the posterior mode in place of the maximum of the likelihood, as Fraley & Raftery (2007)
    propose: under priors as weak as the default ones both agree where the maximum is regular, and
    the mode exists where a likelihood is unbounded. The number of parameters counts k - 1 weights,
    k d means and the free entries of covariance matrices. The gain on one component is NaN.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    X : table with the features of the fit, optional
        Rows; those of the fit by default, of which labels then count for nothing. Rows without
        any observed cell do not count, nor do those of weight zero.
    weights : array, shape (n,) or (0,), optional
        How often each row counts; by default once, or as in the fit where ``X`` is ``None``.

    Raises
    ------
    SchemaError
        If ``fit`` is no fit, or has no point estimate.
    DataError
        If the features of ``X`` are not those of the fit, or no row counts.

    References
    ----------
    Fraley, C. and Raftery, A. E. (2007). Bayesian regularization for normal mixture estimation and
    model-based clustering. Journal of Classification 24, 155-181.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.analysis.mode import mode_criteria
    >>> criteria = mode_criteria(bg.example_fit())
    >>> criteria.n_parameters
    44
    >>> round(criteria.bic)
    10559
    """
    fit = Fit.of(tree)
    data = fit.rows(X)
    fit.expect_fitted()
    if weights is not None:
        data = replace(data, weights=weights)
    data = data.without_labels()
    expect_counting_rows(data)
    data = data.fitted
    scaling, spec = fit.scaling, fit.spec
    mode = read_mixtures(fit, "point").parameters.draw((0, 0))
    rows, mode = scaling.standardize(data), scaling.standardize_parameters(mode)
    densities = log_densities(rows.rows, mode) - scaling.log_jacobians(data)
    counts = data.weights if data.weights.size else np.ones(data.n_rows)
    return Criteria(
        float(counts @ densities),
        spec.n_components,
        layout_of(spec, data.n_features).size,
        data.total_weight,
        *entropies(responsibilities(rows.rows, mode), counts),
        gain=math.nan,
    )
