"""The density of a mixture with sixty digits, from floats taken as the exact numbers they are."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np

from bayesgmm.parameters import MixtureParameters

_DIGITS = 60
_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


def joint_densities(X: np.ndarray, mixture: MixtureParameters) -> list[list[Decimal]]:
    """Return pi_k N(x_i | mu_k, Sigma_k), a list of components for every row.

    With D R D = Sigma and L L' = R, the exponent is half the square of L^-1 D^-1 (x - mu).
    """
    with localcontext(prec=_DIGITS):
        components = [_component(mixture, k) for k in range(mixture.n_components)]
        return [[_joint(_exact(row), *one) for one in components] for row in X]


def log_densities(X: np.ndarray, mixture: MixtureParameters) -> np.ndarray:
    """Return log sum_k pi_k N(x_i | mu_k, Sigma_k) of every row, rounded once."""
    with localcontext(prec=_DIGITS):
        return np.array([float(sum(row).ln()) for row in joint_densities(X, mixture)])


def responsibilities(X: np.ndarray, mixture: MixtureParameters) -> np.ndarray:
    """Return the probability of every component for every row, rounded once."""
    with localcontext(prec=_DIGITS):
        joint = joint_densities(X, mixture)
        return np.array([[float(one / sum(row)) for one in row] for row in joint])


def _exact(values: np.ndarray) -> list[Decimal]:
    return [Decimal(float(value)) for value in values]


def _component(mixture: MixtureParameters, k: int) -> tuple:
    """Return weight over normalizing constant, mean, scales and L of one component."""
    size = mixture.n_features
    correlations = np.eye(size) if mixture.correlations is None else mixture.correlations[k]
    root, scales = _cholesky([_exact(row) for row in correlations]), _exact(mixture.scales[k])
    constant = Decimal(float(mixture.weights[k]))
    for i in range(size):
        constant /= (2 * _PI).sqrt() * scales[i] * root[i][i]
    return constant, _exact(mixture.means[k]), scales, root


def _joint(
    row: list[Decimal],
    constant: Decimal,
    mean: list[Decimal],
    scales: list[Decimal],
    root: list[list[Decimal]],
) -> Decimal:
    white: list[Decimal] = []
    for i in range(len(row)):
        left = (row[i] - mean[i]) / scales[i] - sum(root[i][j] * white[j] for j in range(i))
        white.append(left / root[i][i])
    return constant * (-sum(value * value for value in white) / 2).exp()


def _cholesky(matrix: list[list[Decimal]]) -> list[list[Decimal]]:
    size = len(matrix)
    root = [[Decimal(0)] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            left = matrix[i][j] - sum(root[i][m] * root[j][m] for m in range(j))
            root[i][j] = left.sqrt() if i == j else left / root[j][j]
    return root
