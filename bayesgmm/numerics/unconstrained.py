"""The map between mixture parameters and unconstrained vectors, with PyMC's transforms.

A vector holds k - 1 log-ratios of the weights, k d means, the log scales of every free
covariance matrix, then its correlation coordinates; ``kernels/covariances.py`` has the formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.special import softmax

from bayesgmm.parameters import MixtureParameters

_SMALLEST_EIGENVALUE = 1e-12
"""Of a correlation matrix: its Cholesky factor exists, and its coordinates are finite."""


@dataclass(frozen=True)
class Layout:
    """Where each parameter lies in an unconstrained vector.

    Attributes
    ----------
    n_components, n_features : int
        Sizes k and d.
    n_matrices : int
        Free covariance matrices: k, or 1 where they are tied.
    n_scales : int
        Free scales in each: d, or 1 where it is spherical.
    correlated : bool
        Whether there are correlations; ``False`` where d = 1.
    """

    n_components: int
    n_features: int
    n_matrices: int
    n_scales: int
    correlated: bool

    @property
    def n_pairs(self) -> int:
        """Number of correlation coordinates in one matrix."""
        return self.n_features * (self.n_features - 1) // 2 if self.correlated else 0

    @cached_property
    def boundaries(self) -> tuple[int, int, int, int]:
        """Ends of the four parts of a vector: log-ratios, means, log scales, coordinates."""
        ratios = self.n_components - 1
        means = ratios + self.n_components * self.n_features
        scales = means + self.n_matrices * self.n_scales
        return ratios, means, scales, scales + self.n_matrices * self.n_pairs

    @property
    def size(self) -> int:
        """Length of a vector."""
        return self.boundaries[-1]

    def unpack(self, vectors: Float[np.ndarray, "*batch p"]) -> MixtureParameters:
        """Turn unconstrained vectors into parameters written out for every component."""
        batch = vectors.shape[:-1]
        ratios, means, scales, _ = self.boundaries
        logits = vectors[..., :ratios]
        logits = np.concatenate([logits, -logits.sum(axis=-1, keepdims=True)], axis=-1)
        free_scales = np.exp(vectors[..., means:scales]).reshape(
            *batch, self.n_matrices, self.n_scales
        )
        shape = (*batch, self.n_components, self.n_features)
        return MixtureParameters(
            weights=softmax(logits, axis=-1),
            means=vectors[..., ratios:means].reshape(shape).copy(),
            scales=np.broadcast_to(free_scales, shape).copy(),
            correlations=self.correlations(
                vectors[..., scales:].reshape(*batch, self.n_matrices, self.n_pairs)
            ),
        )

    def pack(self, parameters: MixtureParameters) -> Float[np.ndarray, "*batch p"]:
        """Turn parameters into unconstrained vectors; the inverse of ``unpack``."""
        batch = parameters.batch_shape
        log_weights = np.log(parameters.weights)
        ratios = (log_weights - log_weights.mean(axis=-1, keepdims=True))[..., :-1]
        free_scales = parameters.scales[..., : self.n_matrices, : self.n_scales]
        parts = [ratios, parameters.means.reshape(*batch, -1)]
        parts.append(np.log(free_scales).reshape(*batch, -1))
        if self.correlated:
            assert parameters.correlations is not None
            parts.append(self.coordinates(parameters.correlations).reshape(*batch, -1))
        return np.concatenate(parts, axis=-1)

    def rough_deviations(
        self,
        parameters: MixtureParameters,
        n_rows: float,
        means_precision: Float[np.ndarray, "k d"] | float = 0.0,
    ) -> Float[np.ndarray, " p"]:
        """Posterior standard deviations of a vector if every row knew its component.

        With N rows a mean has sigma / sqrt(N), a log scale 1 / sqrt(2 N), a correlation
        coordinate and a log-ratio of weights about 1 / sqrt(N). A normal prior of the means may
        be narrower: in a spherical structure it is where a feature varies far less than others.
        """
        with np.errstate(divide="ignore"):
            prior_widths = 1 / np.sqrt(means_precision)
        counts = 1.0 + n_rows * parameters.weights
        shared = counts if self.n_matrices > 1 else counts.sum(keepdims=True)
        parts = [
            1 / np.sqrt(counts[:-1]),
            np.minimum(parameters.scales / np.sqrt(counts)[:, None], prior_widths).ravel(),
            np.repeat(1 / np.sqrt(2 * shared), self.n_scales),
            np.repeat(1 / np.sqrt(shared), self.n_pairs),
        ]
        return np.concatenate(parts)

    def correlations(self, coordinates: np.ndarray) -> np.ndarray | None:
        """Return correlation matrices for every component from their coordinates."""
        if not self.correlated:
            return None
        batch, size = coordinates.shape[:-2], self.n_features
        factors = np.zeros((*batch, self.n_matrices, size, size))
        rows, columns = np.tril_indices(size, -1)
        factors[..., rows, columns] = coordinates
        factors[..., np.arange(size), np.arange(size)] = 1.0
        factors /= np.sqrt(np.einsum("...ij,...ij->...i", factors, factors))[..., None]
        correlations = factors @ np.swapaxes(factors, -1, -2)
        correlations[..., np.arange(size), np.arange(size)] = 1.0
        return np.broadcast_to(correlations, (*batch, self.n_components, size, size)).copy()

    def coordinates(self, correlations: np.ndarray) -> np.ndarray:
        """Return the coordinates (..., n_matrices, n_pairs) of correlation matrices."""
        size = self.n_features
        free = correlations[..., : self.n_matrices, :, :]
        factors = np.linalg.cholesky(free)
        diagonal = np.diagonal(factors, axis1=-2, axis2=-1)[..., None]
        rows, columns = np.tril_indices(size, -1)
        return np.ascontiguousarray((factors / diagonal)[..., rows, columns])


def made_regular(correlations: Float[np.ndarray, "*batch d d"]) -> Float[np.ndarray, "*batch d d"]:
    """Shrink correlation matrices toward the identity until they are not singular."""
    identity = np.eye(correlations.shape[-1])
    smallest = np.linalg.eigvalsh(correlations)[..., :1, None]
    missing = np.maximum(0.0, _SMALLEST_EIGENVALUE - smallest)
    pull = missing / (1.0 - np.minimum(smallest, _SMALLEST_EIGENVALUE))
    return (1.0 - pull) * correlations + pull * identity
