"""The LKJ prior as a PyMC variable: PyMC's density, with other draws and transform.

Axes: Cholesky factors of correlation matrices, ``(..., d, d)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.multivariate import LKJCorrRV
from pymc.distributions.shape_utils import rv_size_is_none
from pymc.logprob.transforms import Transform
from pymc.pytensorf import normalize_rng_param
from pytensor.tensor import TensorVariable, get_underlying_scalar_constant_value
from pytensor.tensor.random.utils import normalize_size_param


class CorrelationCholeskyRV(LKJCorrRV):
    """A random Cholesky factor, all rows drawn at once.

    PyMC 6.4 draws row after row in a ``Scan``, which takes tens of seconds to compile, hides the
    shape of the draws, cannot take its size from named dims, and drags in the warning of the C
    back end that no BLAS was found. Its log density and default start are inherited.
    """

    @classmethod
    def rv_op(cls, n: Any, eta: Any, *, size: Any = None, rng: Any = None) -> TensorVariable:
        """Build the graph that draws ``size`` Cholesky factors of n by n matrices."""
        rng, size = normalize_rng_param(rng), normalize_size_param(size)
        n, eta = pt.as_tensor(n, dtype="int64"), pt.as_tensor(eta)
        batch = () if rv_size_is_none(size) else tuple(size)
        next_rng, draws = _onion(rng, int(get_underlying_scalar_constant_value(n)), eta, batch)
        inputs = [rng, size, n, eta]
        return cls(inputs=inputs, outputs=[next_rng, draws])(*inputs)


def _onion(
    rng: Any, n: int, eta: TensorVariable, batch: tuple[Any, ...]
) -> tuple[Any, TensorVariable]:
    """Draw Cholesky factors by the extended onion method (Lewandowski et al., 2009).

    Row m, counted from zero, has a uniform direction left of its diagonal and a squared length
    there that follows Beta(m / 2, eta + (n - 1 - m) / 2).
    """
    m = np.arange(1, n)
    next_rng, squared = pt.random.beta(
        m / 2, eta + (n - 1 - m) / 2, size=(*batch, n - 1), rng=rng, return_next_rng=True
    )
    final_rng, noise = pt.random.normal(
        size=(*batch, n - 1, n - 1), rng=next_rng, return_next_rng=True
    )
    left = pt.tril(noise)
    length = pt.sqrt(squared / (left**2).sum(axis=-1))
    cholesky = pt.zeros((*batch, n, n))[..., 0, 0].set(1.0)
    cholesky = cholesky[..., 1:, :-1].set(left * length[..., None])
    return final_rng, cholesky[..., m, m].set(pt.sqrt(1 - squared))


class CorrelationTransform(Transform):
    """The map from Cholesky factors of correlation matrices to unconstrained vectors.

    Row i of the factor is (y_i1, ..., y_i,i-1, 1) divided by its length, as in PyMC's own
    transform, but the vector has the y in the order of the rows instead of a spiral, and the
    graph compiles faster. PyMC 6.4 finds a variable from its unconstrained value by cutting
    three words off the name of the value, so that ``cholesky_corr``, the name of PyMC's own,
    breaks ``compute_log_likelihood`` and starting points given by name; this name has one word.
    """

    name = "choleskycorr"
    ndim_supp = 1

    def __init__(self, n: int) -> None:
        self.n = n
        self.below = np.tril_indices(n, -1)
        self.position = np.zeros((n, n), dtype=int)
        self.position[self.below] = np.arange(n * (n - 1) // 2)

    def forward(self, value: TensorVariable, *_parameters: Any) -> TensorVariable:
        """Return the unconstrained vectors, shape (..., d (d - 1) / 2)."""
        diagonal = pt.diagonal(value, axis1=-2, axis2=-1)
        return (value / diagonal[..., None])[..., *self.below]

    def backward(self, value: TensorVariable, *_parameters: Any) -> TensorVariable:
        """Return the Cholesky factors, shape (..., d, d)."""
        rows = self._rows(value)
        return (rows + np.eye(self.n)) / pt.sqrt(1 + (rows**2).sum(axis=-1))[..., None]

    def log_jac_det(self, value: TensorVariable, *_parameters: Any) -> TensorVariable:
        """Return log |det| of the derivatives of the factor's entries below the diagonal.

        In a row with m of them it is (1 + |y|^2)^(-(m + 2) / 2).
        """
        squared_lengths = 1 + (self._rows(value) ** 2).sum(axis=-1)
        return -((np.arange(self.n) + 2) / 2 * pt.log(squared_lengths)).sum(axis=-1)

    def _rows(self, value: TensorVariable) -> TensorVariable:
        """Return the y below the diagonal of a matrix that is zero elsewhere."""
        return value[..., self.position] * np.tri(self.n, k=-1)


class CorrelationCholesky(pm.LKJCorr):
    """Cholesky factors of correlation matrices C with density proportional to det(C)^(eta - 1).

    The density is with respect to the entries of the factor below the diagonal.

    References
    ----------
    Lewandowski, D., Kurowicka, D. and Joe, H. (2009). Generating random correlation matrices
    based on vines and extended onion method. Journal of Multivariate Analysis 100, 1989-2001.
    """

    rv_type = CorrelationCholeskyRV
    rv_op = CorrelationCholeskyRV.rv_op

    def __new__(cls, name: str, *, n: int, **declaration: Any) -> TensorVariable:
        """Declare the variable in the model on the context stack."""
        transform = CorrelationTransform(n)
        return super().__new__(cls, name, n=n, default_transform=transform, **declaration)
