"""The normal approximation of a log density at its mode: location and curvature.

A log density here is any function of a vector that returns its value and its gradient. Chains
depend on these results, and those of BLAS and LAPACK on the number of threads, so it is always one
here; products with single vectors are compiled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import eigh, qr, solve_triangular

from bayesgmm.numerics.blocks import on_one_thread
from bayesgmm.numerics.kernels.triangular import upper_products, upper_solutions
from bayesgmm.numerics.quasi_newton import Function, highest_point

_STEP = 1e-3
"""Half-width of the central differences, in units of rough posterior deviations.

In these units the gradient has a third derivative of order 1/N for N rows, so the truncation
error is near 1e-7 / N. Sums over N rows are rounded by about 1e-16 sqrt(N), which the division by
the step makes 1e-13 sqrt(N). Both are far below the curvature, which is of order one.
"""

MOST_CURVED = 2000
"""Coordinates up to which the curvature is computed: some seconds at a thousand rows."""

_MOST_TOGETHER = 400
"""Coordinates up to which groups stay correlated: beyond, products with the root of a covariance
matrix of all would take longer than a pass over a thousand rows."""

LEAST_CURVATURE = 1e-4
"""Smallest positive curvature, same units: a width of 100 rough deviations."""


@dataclass(frozen=True, eq=False)
class NormalApproximation:
    """A normal distribution center + root @ noise of unconstrained positions.

    Attributes
    ----------
    center : array, shape (p,)
    root : array, shape (p, p) or (p,)
        An upper triangular root of the covariance matrix, root @ root.T; or standard deviations,
        where there are too many coordinates for their correlations.
    groups : integer array, shape (p,), optional
        Coordinates with different numbers are independent.
    """

    center: Float[np.ndarray, " p"]
    root: Float[np.ndarray, "p ..."]
    groups: Int[np.ndarray, " p"] | None = None

    def positions(self, noise: Float[np.ndarray, "*batch p"]) -> Float[np.ndarray, "*batch p"]:
        """Turn standard normal noise into draws."""
        if self.root.ndim == 1:
            return self.center + self.root * noise
        return self.center + _row_by_row(upper_products, self.root, noise)

    def noise(self, positions: Float[np.ndarray, "*batch p"]) -> Float[np.ndarray, "*batch p"]:
        """Turn positions into the noise that would give them; the inverse of ``positions``."""
        if self.root.ndim == 1:
            return (positions - self.center) / self.root
        return _row_by_row(upper_solutions, self.root, positions - self.center)

    def pulled_back(self, gradient: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
        """Turn a gradient in the position into one in the noise."""
        if self.root.ndim == 1:
            return self.root * gradient
        return np.sum(self.root * gradient[:, None], axis=0)

    def log_density(self, noise: Float[np.ndarray, "*batch p"]) -> Float[np.ndarray, "*batch"]:
        """Return the log density of this distribution at the positions of some noise."""
        constant = 0.5 * self.center.size * math.log(2 * math.pi) + self.log_root_determinant
        return -constant - 0.5 * np.sum(noise**2, axis=-1)

    @property
    def log_root_determinant(self) -> float:
        """Half the log determinant of the covariance matrix."""
        deviations = self.root if self.root.ndim == 1 else np.abs(np.diagonal(self.root))
        return float(np.sum(np.log(deviations)))


@dataclass(frozen=True, eq=False)
class Peak:
    """A mode of a log density with the normal approximation at it.

    Attributes
    ----------
    normal : NormalApproximation
        Centered at the mode; its precision matrix is minus the Hessian, regularized if necessary.
    height : float
        Log density at the mode.
    regularized : int
        Number of directions in which the curvature was not positive, or nearly zero, and was
        raised to the smallest positive value.
    remaining : float
        Length of the next Newton step in standard deviations: near 0 at a mode.
    """

    normal: NormalApproximation
    height: float
    regularized: int
    remaining: float

    @property
    def log_integral(self) -> float:
        """Laplace's estimate of the log of the integral of the density around this mode."""
        size = self.normal.center.size
        return self.height + 0.5 * size * math.log(2 * math.pi) + self.normal.log_root_determinant


def find_peak(
    log_density: Function,
    near: Float[np.ndarray, " p"],
    units: Float[np.ndarray, " p"],
    *,
    least_curvature: float = LEAST_CURVATURE,
) -> Peak:
    """Find the mode near a position and the curvature there.

    Parameters
    ----------
    log_density : callable
    near : array, shape (p,)
        Starting point of the optimization.
    units : array, shape (p,)
        Rough posterior standard deviations, in which coordinates are measured.
    least_curvature : float
        Eigenvalues of the curvature below are raised to this, same units.
    """
    mode, _ = highest_point(log_density, near, units)
    return peak_at(log_density, mode, units, least_curvature=least_curvature)


@on_one_thread
def peak_at(
    log_density: Function,
    mode: Float[np.ndarray, " p"],
    units: Float[np.ndarray, " p"],
    *,
    least_curvature: float = LEAST_CURVATURE,
    groups: Int[np.ndarray, " p"] | None = None,
    most_curved: int | None = None,
) -> Peak:
    """Return the peak whose mode is known; see ``find_peak``.

    With many coordinates, those of different groups are taken to be independent.

    With more coordinates than ``most_curved`` the curvature, which costs two evaluations for each
    and a decomposition, is taken to be one in the given units.
    """
    if mode.size > (MOST_CURVED if most_curved is None else most_curved):
        normal = NormalApproximation(mode, units, np.arange(mode.size))
        height, gradient = log_density(mode)
        remaining = float(np.sqrt(np.sum((units * gradient) ** 2)))
        return Peak(normal, float(height), 0, remaining)
    precision = units[:, None] * curvature(log_density, mode, units) * units
    if groups is None or mode.size <= _MOST_TOGETHER:
        groups = None
        root, regularized = _covariance_root(precision, least_curvature)
    else:
        root, regularized = np.zeros(precision.shape), 0
        for group in np.unique(groups):
            here = np.ix_(places := np.flatnonzero(groups == group), places)
            root[here], count = _covariance_root(precision[here], least_curvature)
            regularized += count
    normal = NormalApproximation(mode, np.ascontiguousarray(units[:, None] * root), groups)
    height, gradient = log_density(mode)
    remaining = float(np.sqrt(np.sum(normal.pulled_back(gradient) ** 2)))
    return Peak(normal, float(height), regularized, remaining)


def curvature(
    log_density: Function, position: Float[np.ndarray, " p"], units: Float[np.ndarray, " p"]
) -> Float[np.ndarray, "p p"]:
    """Minus the Hessian, from central differences of the gradient, made symmetric."""
    size = position.size
    hessian = np.empty((size, size))
    for coordinate in range(size):
        step = np.zeros(size)
        step[coordinate] = _STEP * units[coordinate]
        rise = log_density(position + step)[1] - log_density(position - step)[1]
        hessian[coordinate] = rise / (2 * step[coordinate])
    return -0.5 * (hessian + hessian.T)


def _covariance_root(
    precision: Float[np.ndarray, "p p"], least_curvature: float
) -> tuple[Float[np.ndarray, "p p"], int]:
    """Return an upper triangular root of the covariance matrix; see ``precision_root``."""
    root, regularized = precision_root(precision, least_curvature)
    return solve_triangular(root, np.eye(len(root)), lower=True).T, regularized


def precision_root(
    precision: Float[np.ndarray, "p p"], least_curvature: float
) -> tuple[Float[np.ndarray, "p p"], int]:
    """Return the lower Cholesky factor in rough units, and the number of regularized directions.

    If the data hardly inform a direction, the density is flat there, and the computed curvature
    may be zero or negative. Such eigenvalues are raised to a small positive number, which
    makes the approximation wide but proper. If the curvature is not finite, the rough
    deviations are used in all directions.
    """
    size = precision.shape[0]
    if not np.isfinite(precision).all():
        return np.eye(size), size
    try:
        np.linalg.cholesky(precision - least_curvature * np.eye(size))
        return np.linalg.cholesky(precision), 0
    except np.linalg.LinAlgError:
        values, vectors = eigh(precision)
    raised = np.sqrt(np.maximum(values, least_curvature))
    upper = qr(raised[:, None] * vectors.T, mode="r", check_finite=False)[0]
    return (upper * np.sign(np.diagonal(upper))[:, None]).T, int(np.sum(values < least_curvature))


def _row_by_row(kernel: Callable, root: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    flat = np.ascontiguousarray(vectors.reshape(-1, root.shape[0]))
    return kernel(np.ascontiguousarray(root), flat).reshape(vectors.shape)
