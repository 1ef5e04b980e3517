"""The parameters of one mixture, or of many along leading batch axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

Index = int | slice | list[int] | np.ndarray | None
"""What NumPy takes as an index of one axis, or of a new one."""


@dataclass(frozen=True, eq=False)
class FactoredCorrelations:
    """Correlation matrices L L' + diag(u): their loadings and uniquenesses.

    It takes the place of an array of shape (..., k, d, d), which is made only where NumPy asks for
    it: with many features and draws that would be by far the largest array of a fit.

    Attributes
    ----------
    loadings : array, shape (..., k, d, q)
        L, in units of the standard deviations.
    uniquenesses : array, shape (..., k, d)
        u, one minus the sum of the squared loadings of a feature.
    """

    loadings: Float[np.ndarray, "*batch k d q"]
    uniquenesses: Float[np.ndarray, "*batch k d"]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array that it stands for."""
        return (*self.uniquenesses.shape, self.uniquenesses.shape[-1])

    @property
    def ndim(self) -> int:
        """Number of axes of the array that it stands for."""
        return len(self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the correlation matrices."""
        matrices = self.loadings @ np.swapaxes(self.loadings, -1, -2)
        places = np.arange(matrices.shape[-1])
        matrices[..., places, places] = 1.0
        return matrices if dtype is None else matrices.astype(dtype)

    def __getitem__(self, index: Any) -> FactoredCorrelations | np.ndarray:
        """Return some of the matrices; an array, where some of their entries are asked for."""
        parts = index if isinstance(index, tuple) else (index,)
        n_axes = sum(part is not None for part in parts)
        if any(part is Ellipsis for part in parts) or n_axes > self.ndim - 2:
            return np.asarray(self)[index]
        return FactoredCorrelations(self.loadings[index], self.uniquenesses[index])

    def marginal(self, features: Int[np.ndarray, " m"]) -> FactoredCorrelations:
        """Return the matrices of some features, in the given order."""
        return FactoredCorrelations(
            self.loadings[..., features, :], self.uniquenesses[..., features]
        )


Correlations = Float[np.ndarray, "*batch k d d"] | FactoredCorrelations | None
"""Of a structure with correlations, with few factors, and without."""


@dataclass(frozen=True)
class MixtureParameters:
    """Weights, means, standard deviations and correlations of a Gaussian mixture.

    Structures that share or forbid parameters (tied, spherical, diagonal) are written out in
    full here, so that code that reads parameters does not need to know the structure.

    Attributes
    ----------
    weights : array, shape (..., k)
        Mixing weights, summing to one.
    means : array, shape (..., k, d)
        Component means, in the units of the features.
    scales : array, shape (..., k, d)
        Standard deviations of the features within each component.
    correlations : array, shape (..., k, d, d), FactoredCorrelations, or None
        Correlation matrices; ``None`` where the structure has none.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> import numpy as np
    >>> mixture = bg.MixtureParameters(
    ...     weights=np.array([0.6, 0.4]), means=np.array([[0.0], [3.0]]), scales=np.ones((2, 1))
    ... )
    >>> mixture.n_components, mixture.n_features
    (2, 1)
    """

    weights: Float[np.ndarray, "*batch k"]
    means: Float[np.ndarray, "*batch k d"]
    scales: Float[np.ndarray, "*batch k d"]
    correlations: Correlations = None

    @property
    def n_components(self) -> int:
        """Number of components, k."""
        return self.means.shape[-2]

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return self.means.shape[-1]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the leading axes, such as ``(chain, draw)``."""
        return self.weights.shape[:-1]

    @property
    def covariances(self) -> Float[np.ndarray, "*batch k d d"]:
        """Covariance matrices, D R D with D the diagonal matrix of the scales."""
        if self.correlations is None:
            return self.scales[..., :, None] ** 2 * np.eye(self.n_features)
        correlations = np.asarray(self.correlations)
        return self.scales[..., :, None] * correlations * self.scales[..., None, :]

    @property
    def cholesky(self) -> Float[np.ndarray, "*batch k d d"]:
        """Lower Cholesky factors of the covariance matrices.

        The factor is taken of the correlation matrix and then scaled, which stays accurate when
        the features have very different units.
        """
        if self.correlations is None:
            return self.scales[..., :, None] * np.eye(self.n_features)
        return self.scales[..., :, None] * np.linalg.cholesky(np.asarray(self.correlations))

    def reordered(self, order: np.ndarray) -> MixtureParameters:
        """Return one mixture (no batch axes) with its components in the given order."""
        return self.draw((order,))

    def draw(self, index: tuple[Index, ...]) -> MixtureParameters:
        """Return the mixtures, or the one, at an index of the batch axes as NumPy reads it."""
        correlations = None if self.correlations is None else self.correlations[index]
        return MixtureParameters(
            self.weights[index], self.means[index], self.scales[index], correlations
        )

    @classmethod
    def from_covariances(
        cls,
        weights: Float[np.ndarray, "*batch k"],
        means: Float[np.ndarray, "*batch k d"],
        covariances: Float[np.ndarray, "*batch k d d"],
    ) -> MixtureParameters:
        """Split covariance matrices into scales and correlations."""
        scales = np.sqrt(np.diagonal(covariances, axis1=-2, axis2=-1))
        correlations = covariances / (scales[..., :, None] * scales[..., None, :])
        return cls(weights, means, scales, correlations)
