"""The map between mixture parameters and unconstrained vectors, with PyMC's transforms.

A vector holds k - 1 log-ratios of the weights, k d means, and the coordinates of the covariance
matrices that are free: the log scales of all, then their correlation coordinates;
``kernels/covariances.py`` has the formulas.

Axes: batch axes, then components k, or free matrices m, then features d, or free scales s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax

from bayesgmm.errors import SpecificationError
from bayesgmm.parameters import Correlations, FactoredCorrelations, MixtureParameters

_SMALLEST_EIGENVALUE = 1e-12
"""Of a correlation matrix: its Cholesky factor exists, and its coordinates are finite."""


Relation = Literal["equal", "varying", "identity"]


@dataclass(frozen=True)
class CovarianceMap:
    """The map between covariance matrices and the coordinates of those that are free.

    Volumes, shapes and orientations of the components are equal, or vary from component to
    component; a shape may also be that of a ball, and an orientation that of the axes: the
    identity. All others are equal together or vary together, so that one matrix is free, or every
    matrix. Relations such as one shape and several volumes have no coordinates yet.

    Attributes
    ----------
    n_components, n_features : int
        Sizes k and d.
    volume, shape, orientation : {"equal", "varying", "identity"}
    n_factors : int
        Number of factors of a :class:`FactorMap`, q; 0 for others.
    """

    n_components: int
    n_features: int
    volume: Relation
    shape: Relation
    orientation: Relation
    n_factors: int = 0

    def __post_init__(self) -> None:
        answers = self.volume, self.shape, self.orientation
        if set(answers) - {"identity"} != {self.volume}:
            raise SpecificationError(
                "Volumes, shapes and orientations must be equal together or vary together, apart "
                f"from the identity, not {answers}."
            )

    @property
    def n_matrices(self) -> int:
        """Number of free covariance matrices, m."""
        return 1 if self.volume == "equal" else self.n_components

    @property
    def n_scales(self) -> int:
        """Number of free scales in each of them, s."""
        return 1 if self.shape == "identity" else self.n_features

    @property
    def n_pairs(self) -> int:
        """Number of correlation coordinates, or of loadings, in each of them."""
        return self.n_features * (self.n_features - 1) // 2 if self.correlated else 0

    @property
    def n_redundant(self) -> int:
        """Number of coordinates more than covariance matrices have dimensions.

        Rotations of the factors, and with many factors what is beyond all entries of a matrix
        (above the bound of Ledermann, 1937).
        """
        rotations = self.n_factors * (self.n_factors - 1) // 2
        n_entries = self.n_features * (self.n_features + 1) // 2
        return self.n_matrices * max(rotations, self.n_scales + self.n_pairs - n_entries)

    @property
    def tied(self) -> bool:
        """Whether several components share a matrix."""
        return self.n_matrices < self.n_components

    @property
    def isotropic(self) -> bool:
        """Whether several features share a scale."""
        return self.n_scales < self.n_features

    @property
    def correlated(self) -> bool:
        """Whether there are correlations."""
        return self.orientation != "identity" and self.n_features > 1

    @property
    def size(self) -> int:
        """Number of coordinates: all log scales, then all correlation coordinates."""
        return self.n_matrices * (self.n_scales + self.n_pairs)

    def unpack(
        self, coordinates: Float[np.ndarray, "*batch c"]
    ) -> tuple[Float[np.ndarray, "*batch k d"], Correlations]:
        """Return scales and correlations of every component; new arrays."""
        m, batch = self.n_matrices, coordinates.shape[:-1]
        log_scales, pairs = np.split(coordinates, [m * self.n_scales], axis=-1)
        scales = np.exp(log_scales).reshape(*batch, m, self.n_scales)
        return self.all_scales(scales), self.correlations(pairs.reshape(*batch, m, self.n_pairs))

    def pack(
        self,
        scales: Float[np.ndarray, "*batch k d"],
        correlations: Correlations,
    ) -> Float[np.ndarray, "*batch c"]:
        """Return the coordinates; the inverse of ``unpack``."""
        log_scales = np.log(self.free_scales(scales)).reshape(*scales.shape[:-2], -1)
        if not self.correlated:
            return log_scales
        assert correlations is not None
        pairs = self.coordinates(np.asarray(correlations)).reshape(*scales.shape[:-2], -1)
        return np.concatenate([log_scales, pairs], axis=-1)

    def deviations(self, counts: Float[np.ndarray, " k"]) -> Float[np.ndarray, " c"]:
        """Return rough posterior standard deviations of the coordinates, given so many rows."""
        shared = self.pooled(counts)
        return np.concatenate([
            np.repeat(1 / np.sqrt(2 * shared), self.n_scales),
            np.repeat(1 / np.sqrt(shared), self.n_pairs),
        ])  # fmt: skip

    def pooled(self, sums: Float[np.ndarray, "k ..."]) -> Float[np.ndarray, "m ..."]:
        """Add up what belongs to the components that share a matrix."""
        return sums.sum(axis=0, keepdims=True) if self.tied else sums

    def free_scales(self, scales: Any) -> Any:
        """Return those of scales, (..., k, d), that are free, (..., m, s); of tensors, too."""
        return scales[..., : self.n_matrices, : self.n_scales]

    def free_matrices(self, matrices: Any) -> Any:
        """Return those of matrices, (..., k, d, d), that are free, (..., m, d, d)."""
        return matrices[..., : self.n_matrices, :, :]

    def all_scales(self, free: np.ndarray) -> Float[np.ndarray, "*batch k d"]:
        """Write free scales, (..., m or 1, s or d), out for every component and feature."""
        shape = self.n_components, self.n_features
        return np.broadcast_to(free, (*free.shape[:-2], *shape)).copy()

    def all_matrices(self, free: np.ndarray) -> Float[np.ndarray, "*batch k _ _"]:
        """Write free matrices, (..., m or 1, d, d), or loadings, out for every component."""
        shape = self.n_components, *free.shape[-2:]
        return np.broadcast_to(free, (*free.shape[:-3], *shape)).copy()

    def correlations(self, coordinates: np.ndarray) -> np.ndarray | None:
        """Return correlation matrices for every component from their coordinates (..., m, p)."""
        if not self.correlated:
            return None
        size = self.n_features
        factors = np.zeros((*coordinates.shape[:-1], size, size))
        rows, columns = np.tril_indices(size, -1)
        factors[..., rows, columns] = coordinates
        factors[..., np.arange(size), np.arange(size)] = 1.0
        factors /= np.sqrt(np.einsum("...ij,...ij->...i", factors, factors))[..., None]
        correlations = factors @ np.swapaxes(factors, -1, -2)
        correlations[..., np.arange(size), np.arange(size)] = 1.0
        return self.all_matrices(correlations)

    def coordinates(self, correlations: np.ndarray) -> np.ndarray:
        """Return the coordinates (..., m, p) of correlation matrices."""
        factors = np.linalg.cholesky(self.free_matrices(correlations))
        diagonal = np.diagonal(factors, axis1=-2, axis2=-1)[..., None]
        rows, columns = np.tril_indices(self.n_features, -1)
        return np.ascontiguousarray((factors / diagonal)[..., rows, columns])

    @property
    def moves_by_scale(self) -> bool:
        """Whether Gibbs sampling moves scale by scale, or a matrix as a whole."""
        return not self.correlated or self.n_factors > 0

    def room_for_factors(self) -> Float[np.ndarray, "k d ..."]:
        """Return an array for precision factors, which tells kernels about correlations."""
        k, d = self.n_components, self.n_features
        return np.empty((k, d, d) if self.correlated else (k, d))


@dataclass(frozen=True)
class FactorMap(CovarianceMap):
    """The map of factor-analytic matrices, Sigma = D (I + A A') D; see ``kernels/factors.py``.

    Free scales are the diagonal of D, the square roots of the uniquenesses.

    Attributes
    ----------
    one_scale : bool
        Whether the uniquenesses of all features are equal.
    """

    one_scale: bool = False

    @property
    def n_scales(self) -> int:
        """Number of free scales in each matrix, s."""
        return 1 if self.one_scale else self.n_features

    @property
    def n_pairs(self) -> int:
        """Number of entries of A."""
        return self.n_features * self.n_factors

    def unpack(
        self, coordinates: Float[np.ndarray, "*batch c"]
    ) -> tuple[Float[np.ndarray, "*batch k d"], FactoredCorrelations]:
        """See :meth:`CovarianceMap.unpack`."""
        return self.combined(*self.split(coordinates))

    def split(
        self, coordinates: Float[np.ndarray, "*batch c"]
    ) -> tuple[Float[np.ndarray, "*batch m s"], Float[np.ndarray, "*batch m q d"]]:
        """Return the logarithms of the free scales, and A, transposed."""
        m, batch = self.n_matrices, coordinates.shape[:-1]
        log_scales, pairs = np.split(coordinates, [m * self.n_scales], axis=-1)
        return (
            log_scales.reshape(*batch, m, self.n_scales),
            pairs.reshape(*batch, m, self.n_factors, self.n_features),
        )

    def combined(
        self,
        log_scales: Float[np.ndarray, "*batch m s"],
        signals: Float[np.ndarray, "*batch m q d"],
    ) -> tuple[Float[np.ndarray, "*batch k d"], FactoredCorrelations]:
        """Return scales and correlations of every component, given u and A, transposed."""
        sizes = 1.0 + np.sum(signals**2, axis=-2)
        loadings = np.swapaxes(signals, -1, -2) / np.sqrt(sizes)[..., None]
        correlations = FactoredCorrelations(
            self.all_matrices(loadings), self.all_scales(1.0 / sizes)
        )
        return self.all_scales(np.exp(log_scales) * np.sqrt(sizes)), correlations

    def taken_apart(
        self, scales: Float[np.ndarray, "*batch k d"], correlations: FactoredCorrelations
    ) -> tuple[Float[np.ndarray, "*batch m s"], Float[np.ndarray, "*batch m q d"]]:
        """Return u and A, transposed; the inverse of ``combined``."""
        roots = np.sqrt(correlations.uniquenesses[..., : self.n_matrices, :])
        free = scales[..., : self.n_matrices, :] * roots
        loadings = correlations.loadings[..., : self.n_matrices, :, :] / roots[..., None]
        return np.log(free[..., : self.n_scales]), np.swapaxes(loadings, -1, -2)

    def pack(
        self, scales: Float[np.ndarray, "*batch k d"], correlations: Correlations
    ) -> Float[np.ndarray, "*batch c"]:
        """See :meth:`CovarianceMap.pack`; only for correlations whose factors are known."""
        assert isinstance(correlations, FactoredCorrelations)
        log_scales, signals = self.taken_apart(scales, correlations)
        batch = scales.shape[:-2]
        return np.concatenate([log_scales.reshape(*batch, -1), signals.reshape(*batch, -1)], -1)


@dataclass(frozen=True)
class Layout:
    """Where each parameter lies in an unconstrained vector: weights, means, covariances.

    Attributes
    ----------
    covariances : CovarianceMap
        Which also says how many components and features there are.
    """

    covariances: CovarianceMap

    @property
    def n_components(self) -> int:
        """Number of components, k."""
        return self.covariances.n_components

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return self.covariances.n_features

    @property
    def boundaries(self) -> tuple[int, int]:
        """Ends of the first two parts of a vector: log-ratios, means; coordinates follow."""
        ratios = self.n_components - 1
        return ratios, ratios + self.n_components * self.n_features

    @property
    def size(self) -> int:
        """Length of a vector."""
        return self.boundaries[-1] + self.covariances.size

    @property
    def n_parameters(self) -> int:
        """Number of free parameters: loadings can be rotated without a change of the mixture."""
        return self.size - self.covariances.n_redundant

    @property
    def groups(self) -> Int[np.ndarray, " p"]:
        """A number for every coordinate: that of its component, or one of its own kind.

        Weights and shared covariance matrices belong to no component.
        """
        k, matrices = self.n_components, np.arange(self.covariances.n_matrices)
        matrices = matrices if matrices.size == k else matrices + k + 1
        return np.concatenate([
            np.full(k - 1, k),
            np.repeat(np.arange(k), self.n_features),
            np.repeat(matrices, self.covariances.n_scales),
            np.repeat(matrices, self.covariances.n_pairs),
        ])  # fmt: skip

    def unpack(self, vectors: Float[np.ndarray, "*batch p"]) -> MixtureParameters:
        """Turn unconstrained vectors into parameters written out for every component."""
        logits, means, coordinates = np.split(vectors, self.boundaries, axis=-1)
        logits = np.concatenate([logits, -logits.sum(axis=-1, keepdims=True)], axis=-1)
        shape = (*vectors.shape[:-1], self.n_components, self.n_features)
        return MixtureParameters(
            softmax(logits, axis=-1),
            means.reshape(shape).copy(),
            *self.covariances.unpack(coordinates),
        )

    def pack(self, parameters: MixtureParameters) -> Float[np.ndarray, "*batch p"]:
        """Turn parameters into unconstrained vectors; the inverse of ``unpack``."""
        log_weights = np.log(parameters.weights)
        ratios = (log_weights - log_weights.mean(axis=-1, keepdims=True))[..., :-1]
        means = parameters.means.reshape(*parameters.batch_shape, -1)
        coordinates = self.covariances.pack(parameters.scales, parameters.correlations)
        return np.concatenate([ratios, means, coordinates], axis=-1)

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
        means = np.minimum(parameters.scales / np.sqrt(counts)[:, None], prior_widths)
        ratios = 1 / np.sqrt(counts[:-1])
        return np.concatenate([ratios, means.ravel(), self.covariances.deviations(counts)])


def made_regular(correlations: Float[np.ndarray, "*batch d d"]) -> Float[np.ndarray, "*batch d d"]:
    """Shrink correlation matrices toward the identity until they are not singular."""
    identity = np.eye(correlations.shape[-1])
    smallest = np.linalg.eigvalsh(correlations)[..., :1, None]
    missing = np.maximum(0.0, _SMALLEST_EIGENVALUE - smallest)
    pull = missing / (1.0 - np.minimum(smallest, _SMALLEST_EIGENVALUE))
    return (1.0 - pull) * correlations + pull * identity
