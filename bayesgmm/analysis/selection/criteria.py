"""Information criteria of a fit: log-likelihood, number of parameters, entropy of assignments.

Axes: rows n, components k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import xlogy

from bayesgmm.analysis.mixtures import read_mixtures
from bayesgmm.data.suitability import expect_counting_rows
from bayesgmm.numerics.statistics import log_densities, responsibilities
from bayesgmm.priors.spec import layout_of
from bayesgmm.tree.fit import Fit, Fitted


@dataclass(frozen=True)
class Criteria:
    """Information criteria of one fit. Smaller is better.

    Attributes
    ----------
    log_likelihood : float
        Of all rows, in the units of the data.
    n_components, n_parameters : int
        Components k and free parameters p.
    n_rows : float
        Rows n, the sum of their weights.
    entropy : float
        -sum_i sum_k r_ik log r_ik: the entropy of the responsibilities.
    hard_entropy : float
        -sum_i log max_k r_ik: the same for the most probable components only.
    gain : float
        The log-likelihood minus that of one component.
    """

    log_likelihood: float
    n_components: int
    n_parameters: int
    n_rows: float
    entropy: float
    hard_entropy: float
    gain: float

    @property
    def bic(self) -> float:
        """-2 log L + p log n (Schwarz, 1978)."""
        return -2 * self.log_likelihood + self.n_parameters * math.log(self.n_rows)

    @property
    def aic(self) -> float:
        """-2 log L + 2 p (Akaike, 1974)."""
        return -2 * self.log_likelihood + 2 * self.n_parameters

    @property
    def icl(self) -> float:
        """BIC + 2 times the hard entropy (Biernacki, Celeux & Govaert, 2000)."""
        return self.bic + 2 * self.hard_entropy

    @property
    def nec(self) -> float:
        """Entropy over the gain in log-likelihood over one component; 1 for one component.

        Celeux & Soromenho (1996), and Biernacki, Celeux & Govaert (1999) on one component. NaN
        if there is no gain.
        """
        if self.n_components == 1:
            return 1.0
        return self.entropy / self.gain if self.gain > 0 else math.nan


def entropies(
    resp: Float[np.ndarray, "n k"], row_weights: Float[np.ndarray, " n"] | None = None
) -> tuple[float, float]:
    """Return the entropy of the responsibilities of all rows, and the hard entropy."""
    by_component = np.ascontiguousarray(resp.T)  # of which the largest is found much sooner
    soft, hard = xlogy(by_component, by_component), np.log(by_component.max(axis=0))
    if row_weights is not None:
        soft, hard = soft * row_weights, hard * row_weights
    return -float(soft.sum()), -float(hard.sum())


def mode_criteria(
    tree: Fitted, X: Any | None = None, weights: Float[np.ndarray, " _"] | None = None
) -> Criteria:
    """Return the information criteria of rows at the point estimate of a fit.

    With the posterior mode in place of the maximum of the likelihood, as Fraley & Raftery (2007)
    propose: under priors as weak as the default ones both agree where the maximum is regular, and
    the mode exists where a likelihood is unbounded. The number of parameters counts k - 1 weights,
    k d means and the free entries of covariance matrices. The gain over one component is NaN.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    X : table with the features of the fit, optional
        Rows; those of the fit by default, whose labels are then not used. Rows without
        any observed cell do not count, nor do those of weight zero.
    weights : array, shape (n,) or (0,), optional
        How often each row counts; by default once, or as in the fit where ``X`` is ``None``.

    Raises
    ------
    SchemaError
        If ``tree`` is not a fit, or has no point estimate.
    DataError
        If the features of ``X`` are not those of the fit, or no row counts.

    References
    ----------
    Fraley, C. and Raftery, A. E. (2007). Bayesian regularization for normal mixture estimation and
    model-based clustering. Journal of Classification 24, 155-181.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.analysis.selection.criteria import mode_criteria
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
    counts = data.counts
    return Criteria(
        float(counts @ densities),
        spec.n_components,
        layout_of(spec, data.n_features).n_parameters,
        data.total_weight,
        *entropies(responsibilities(rows.rows, mode), counts),
        gain=math.nan,
    )
