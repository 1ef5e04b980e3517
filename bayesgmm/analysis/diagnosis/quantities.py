"""Monitored quantities: label-invariant ones, then relabeled parameters.

Responsibilities have axes chain, draw, row, component.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.special import xlogy

from bayesgmm.analysis.diagnosis.convergence import Quantity
from bayesgmm.numerics.statistics import component_log_densities, each_mixture, responsibilities
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters
from bayesgmm.schema import CHAIN, COMPONENT, DATA, DRAW, PARAMETER_DIMS
from bayesgmm.tree.fit import Fit, read_parameters

_MOST_ROWS = 120  # for co-clustering; any rows would do
_MOST_DRAWS = 4000
_MOST_NUMBERS = 10_000_000  # in the responsibilities of these rows under these draws, 80 MB
_DRAWS_AVERAGED = 500  # of each chain, for mean co-clustering probabilities
_REFERENCE_ROWS = 5
_MOST_PAIRED = 60  # features, of which all covariances are monitored
_OCCUPIED = 0.5
"""A component counts as occupied if this many of the sampled rows are expected in it."""


@dataclass(frozen=True, eq=False)
class Allocation:
    """Responsibilities of some fitted rows, spread evenly over the table, under some draws.

    Attributes
    ----------
    log_densities : array, shape (chain, draw, row)
        On the standard scale.
    responsibilities : array, shape (chain, draw, row, component)
    at_mode : array, shape (row, mode)
        Responsibilities at the point estimate.
    """

    log_densities: Float[np.ndarray, "chain draw row"]
    responsibilities: Float[np.ndarray, "chain draw row component"]
    at_mode: Float[np.ndarray, "row mode"]

    @classmethod
    def of(cls, fit: Fit) -> Allocation:
        """Allocate at most 120 rows under at most 4000 draws."""
        data, _, _ = fit.on_standard_scale(fit.data.fitted)
        X = data.evenly(_MOST_ROWS).rows
        n_components = fit.posterior.sizes[COMPONENT]
        n_draws = min(_MOST_DRAWS, max(1, _MOST_NUMBERS // (X.n_rows * n_components)))
        draws = fit.scaling.standardize_parameters(read_parameters(fit.thinned(n_draws)))
        table = np.empty((*draws.batch_shape, X.n_rows, n_components))
        for index, mixture in each_mixture(draws):
            table[index] = component_log_densities(X, mixture)
        highest = table.max(axis=-1, keepdims=True)
        shares = np.exp(np.subtract(table, highest, out=table), out=table)
        totals = shares.sum(axis=-1, keepdims=True)
        shares /= totals
        at_mode = responsibilities(X, fit.standard_mode)
        return cls((highest + np.log(totals))[..., 0], shares, at_mode)

    @property
    def entropy(self) -> Float[np.ndarray, "chain draw"]:
        """Mean entropy of the allocation of a row, in natural logarithms."""
        shares = self.responsibilities
        return -xlogy(shares, shares).sum(axis=-1).mean(axis=-1)

    @property
    def occupied(self) -> Float[np.ndarray, "chain draw"]:
        """Number of components in which rows are expected."""
        counts = self.responsibilities.sum(axis=-2)
        return (counts >= _OCCUPIED).sum(axis=-1).astype(float)

    @property
    def distance_to_mode(self) -> Float[np.ndarray, "chain draw"]:
        """Co-clustering distance to the point estimate.

        Root mean square, over pairs of rows, of the difference in the probability that both
        come from one component. With the responsibilities R of n rows that probability is RR',
        and |RR' - PP'|^2 = |R'R|^2 - 2 |R'P|^2 + |P'P|^2 never needs a matrix of n by n.
        """
        shares, at_mode = self.responsibilities, self.at_mode
        transposed = np.swapaxes(shares, -1, -2)
        squares = _square(transposed @ shares) - 2 * _square(transposed @ at_mode)
        squares += _square(at_mode.T @ at_mode)
        return np.sqrt(np.maximum(squares, 0.0)) / at_mode.shape[0]

    @cached_property
    def co_clustering(self) -> Float[np.ndarray, "chain half row row"]:
        """Probability that two rows come from one component, for both halves of each chain."""
        n_draws = self.responsibilities.shape[1]
        step = -(-n_draws // _DRAWS_AVERAGED)
        halves = (slice(0, max(1, n_draws // 2), step), slice(n_draws // 2, None, step))
        return np.array(
            [[_together(chain[half]) for half in halves] for chain in self.responsibilities]
        )

    def reference(self) -> Float[np.ndarray, "chain draw reference"]:
        """Log predictive density at a few of the rows."""
        n_rows = self.log_densities.shape[-1]
        chosen = np.linspace(0, n_rows - 1, min(n_rows, _REFERENCE_ROWS)).round().astype(int)
        return self.log_densities[..., chosen]


def label_free_quantities(fit: Fit, allocation: Allocation) -> list[Quantity]:
    """Return the label-invariant quantities."""
    draws = fit.standard_draws
    found: dict[str, np.ndarray] = {}
    if "log_likelihood" in fit.tree.children:
        found["log-likelihood"] = fit.tree["log_likelihood"][DATA].values.sum(axis=-1)
    if "lp" in fit.tree["sample_stats"]:
        found["log posterior"] = fit.tree["sample_stats"]["lp"].values
    found["predictive density"] = allocation.reference()
    found["total covariance"] = _total_covariance(draws)
    if draws.n_components > 1:
        found["sorted weights"] = np.sort(draws.weights, axis=-1)
        found["entropy"] = allocation.entropy
        found["co-clustering"] = allocation.distance_to_mode
        if np.ptp(allocation.occupied) > 0:  # constants need no check
            found["occupied"] = allocation.occupied
    return [Quantity(name, values, label_free=True) for name, values in found.items()]


def relabeled_quantities(fit: Fit) -> list[Quantity]:
    """Return the parameters, without redundant entries, then additional variables.

    Additional variables of given draws may have no ``component``: then they are label-invariant.
    Entries that are constant or not finite are ignored, and integers may be
    labels.
    """
    draws = fit.draws
    found = {"weights": draws.weights, "means": draws.means, "scales": draws.scales}
    if draws.n_components == 1:  # its weight is 1 in every draw
        del found["weights"]
    if isinstance(draws.correlations, FactoredCorrelations):
        found["uniquenesses"] = draws.correlations.uniquenesses * draws.scales**2
    elif draws.correlations is not None:
        rows, columns = np.tril_indices(draws.n_features, -1)
        found["correlations"] = draws.correlations[..., rows, columns]
    quantities = [Quantity(name, values, label_free=False) for name, values in found.items()]
    for name, variable in fit.posterior.data_vars.items():
        if name in PARAMETER_DIMS or variable.dtype.kind != "f":
            continue
        values = variable.transpose(CHAIN, DRAW, ...).values.astype(float)
        entries = values.reshape(*values.shape[:2], -1)
        entries = entries[..., np.isfinite(entries).all((0, 1)) & (np.ptp(entries, (0, 1)) > 0)]
        if entries.size:
            label_free = COMPONENT not in variable.dims
            quantities.append(Quantity(str(name), entries, label_free=label_free))
    return quantities


def _total_covariance(draws: MixtureParameters) -> Float[np.ndarray, "chain draw pair"]:
    """Return the covariances of the whole mixture: within components, and of their means.

    Variances only, where there are very many features.
    """
    center = np.einsum("...k,...ki->...i", draws.weights, draws.means)
    away = draws.means - center[..., None, :]
    if draws.n_features > _MOST_PAIRED:
        return np.einsum("...k,...ki->...i", draws.weights, away**2 + draws.scales**2)
    total = np.einsum("...k,...ki,...kj->...ij", draws.weights, away, away)
    weights, scales, correlations = draws.weights, draws.scales, draws.correlations
    if correlations is None:
        variances = np.einsum("...k,...ki->...i", weights, scales**2)
        total += variances[..., None] * np.eye(draws.n_features)
    elif isinstance(correlations, FactoredCorrelations):
        parts = correlations.loadings * (np.sqrt(weights)[..., None] * scales)[..., None]
        together = np.moveaxis(parts, -3, -2).reshape(*total.shape[:-1], -1)  # (..., d, k q)
        total += together @ together.swapaxes(-1, -2)
        noise = np.einsum("...k,...ki,...ki->...i", weights, scales**2, correlations.uniquenesses)
        total += noise[..., None] * np.eye(draws.n_features)
    else:  # without an array of all covariance matrices, which would be the largest array
        total += np.einsum(
            "...k,...ki,...kij,...kj->...ij", weights, scales, np.asarray(correlations), scales
        )
    rows, columns = np.tril_indices(draws.n_features)
    return total[..., rows, columns]


def _square(matrices: np.ndarray) -> np.ndarray:
    return np.sum(matrices**2, axis=(-2, -1))


def _together(shares: Float[np.ndarray, "draw row component"]) -> Float[np.ndarray, "row row"]:
    side_by_side = np.moveaxis(shares, 1, 0).reshape(shares.shape[1], -1)
    return side_by_side @ side_by_side.T / shares.shape[0]
