"""Starts of EM as in scikit-learn, with the same random numbers, or from given parameters.

With row weights, random numbers differ from those that scikit-learn draws for repeated rows.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.cluster import KMeans, kmeans_plusplus
from threadpoolctl import ThreadpoolController

from bayesgmm.errors import SpecificationError
from bayesgmm.estimation.regularized import (
    FactoredMixture,
    covariances_of_factors,
    factors_of_precisions,
)
from bayesgmm.estimators.spec_from_parameters import from_sklearn, sklearn_shape
from bayesgmm.numerics.blocks import SHORT
from bayesgmm.priors.covariances import CovarianceStructure

Counts = Float[np.ndarray, " n"] | None

SHARED = ("kmeans", "random")
"""The methods that start from responsibilities of all rows;"""

PICKED = ("k-means++", "random_from_data")
"""and those that start from one row per component."""


def responsibilities(
    X: Float[np.ndarray, "n d"],
    counts: Counts,
    n_components: int,
    method: str,
    random_state: np.random.RandomState,
) -> Float[np.ndarray, "n k"]:
    """Return the initial responsibilities."""
    if method == "random":
        table = random_state.uniform(size=(X.shape[0], n_components))
        return table / table.sum(axis=1)[:, None]
    with _threads_for(X.shape[0]):
        k_means = KMeans(n_components, n_init=1, random_state=random_state)
        labels = k_means.fit(X, sample_weight=counts).labels_
    table = np.zeros((X.shape[0], n_components))
    table[np.arange(X.shape[0]), labels] = 1.0
    return table


def picked_rows(
    X: Float[np.ndarray, "n d"],
    counts: Counts,
    n_components: int,
    method: str,
    random_state: np.random.RandomState,
) -> Int[np.ndarray, " k"]:
    """Return the number of the row that each component starts on."""
    if method == "k-means++":
        return kmeans_plusplus(X, n_components, sample_weight=counts, random_state=random_state)[1]
    probabilities = None if counts is None else counts / counts.sum()
    return random_state.choice(X.shape[0], n_components, replace=False, p=probabilities)


def _threads_for(n_rows: int) -> AbstractContextManager:
    """Return a context in which k-means keeps short tables on one thread.

    Where another process uses a core, its threads wait for each other twenty times as long as they
    work.
    """
    if n_rows > SHORT:
        return nullcontext()
    return _controller().limit(limits=1, user_api="openmp")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # made here, when scikit-learn has loaded its threads


_ROUNDING = 1e-8  # by which weights may fail to sum to one


@dataclass(frozen=True, eq=False)
class InitialParameters:
    """Weights, means and precisions that were given; ``None`` for those that were not."""

    weights: Float[np.ndarray, " k"] | None
    means: Float[np.ndarray, "k d"] | None
    precisions: Float[np.ndarray, "m ..."] | None

    @classmethod
    def read(
        cls,
        structure: CovarianceStructure,
        shape: tuple[int, int],
        *,
        weights: Any | None,
        means: Any | None,
        precisions: Any | None,
    ) -> InitialParameters:
        """Check what was given against numbers of components and features.

        Raises
        ------
        SpecificationError
            If shapes are wrong, weights are not probabilities, or precisions not positive definite.
        """
        k, d = shape
        matrices = _read("precisions_init", precisions, sklearn_shape(structure, k, d))
        return cls(
            _expect_probabilities(_read("weights_init", weights, (k,))),
            _read("means_init", means, (k, d)),
            None if matrices is None else _expect_definite(from_sklearn(structure, matrices)),
        )

    @property
    def is_whole(self) -> bool:
        """Whether all parameters are given."""
        return not any(part is None for part in (self.weights, self.means, self.precisions))

    def alone(self, structure: CovarianceStructure) -> FactoredMixture:
        """Return the mixture, where all was given."""
        assert self.weights is not None
        assert self.means is not None
        assert self.precisions is not None
        factors = factors_of_precisions(self.precisions)
        covariances = covariances_of_factors(factors)
        return FactoredMixture(structure, self.weights, self.means, covariances, factors)

    def instead_of(self, mixture: FactoredMixture) -> FactoredMixture:
        """Return a mixture with the given parameters replaced."""
        if self.precisions is not None:
            factors = factors_of_precisions(self.precisions)
            mixture = replace(mixture, factors=factors, covariances=covariances_of_factors(factors))
        weights = mixture.weights if self.weights is None else self.weights
        means = mixture.means if self.means is None else self.means
        return replace(mixture, weights=weights, means=means)


def _read(name: str, values: Any | None, shape: tuple[int, ...]) -> np.ndarray | None:
    if values is None:
        return None
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise SpecificationError(f"{name} must be an array of numbers: {error}.") from error
    if array.shape != shape:
        raise SpecificationError(
            f"{name} has shape {array.shape}; this number of components and features, and this "
            f"covariance_type, need {shape}."
        )
    if not np.all(np.isfinite(array)):
        raise SpecificationError(f"{name} has entries that are not finite; give numbers.")
    return array


def _expect_probabilities(weights: np.ndarray | None) -> np.ndarray | None:
    if weights is None:
        return None
    if weights.min() < 0 or weights.max() > 1:
        raise SpecificationError(
            f"weights_init must lie between 0 and 1; they go from {weights.min():g} to "
            f"{weights.max():g}. Divide them by their sum."
        )
    if abs(weights.sum() - 1) > _ROUNDING:
        raise SpecificationError(
            f"weights_init must sum to one, not to {weights.sum():g}. Divide them by their sum."
        )
    return weights


def _expect_definite(precisions: np.ndarray) -> np.ndarray:
    if precisions.ndim < 3:
        if not np.all(precisions > 0):
            raise SpecificationError(
                "precisions_init must be positive: one over the variances of the features."
            )
        return precisions
    symmetric = np.allclose(precisions, np.swapaxes(precisions, 1, 2))
    if not symmetric or not np.all(np.linalg.eigvalsh(precisions) > 0):
        raise SpecificationError(
            "precisions_init must be symmetric, positive-definite matrices: the inverses of "
            "covariance matrices, for example np.linalg.inv(covariances)."
        )
    return precisions
