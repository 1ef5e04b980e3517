"""A surrogate of the objective: fast to optimize, and without collapses.

It is the likelihood of the imputed rows, with a few prior rows as wide as the clusters of a
partition by k-means, in coordinates in which these are about spherical. EM on it is compiled from
start to end, whatever the priors are; a run costs a fraction of one on the posterior density.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.likelihood import optimize_best, position_with
from bayesgmm.estimation.point_estimate import Status
from bayesgmm.numerics.kernels.em_starts import moments_of, partition_moments
from bayesgmm.numerics.mixture_prior import CovariancePrior, MixturePrior
from bayesgmm.numerics.rows import Rows, RowsInMemory, as_compiled
from bayesgmm.numerics.unconstrained import CovarianceMap, Layout
from bayesgmm.parameters import MixtureParameters

_PRIOR_ROWS = 1.0
_PSEUDO_COUNT = 0.01  # of every weight, so that a component without rows is there to be repaired
_EMPTY = 1e-3  # rows: a component with fewer has none
_RIDGE = 1e-9  # beside the variance of a feature: for rows in a plane
_LEAST_WIDTH = 1e-6  # of prior rows, beside all rows: for partitions into equal rows
_MUCH_NARROWER = 0.3  # beside prior rows, of a component that these hide
_SMALLEST_SCALE = 1e-7
_TOLERANCE, _MOST_STEPS = 1e-6, 100  # relative: the optimum is refined later


def whitening(X: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and Cholesky factor of the covariance matrix of all rows."""
    mean, covariance = X.moments()
    scales = np.diagonal(covariance) + (np.diagonal(covariance) == 0)
    return mean, np.linalg.cholesky(covariance + _RIDGE * np.diag(scales))


def in_coordinates(rows: RowsInMemory, center: np.ndarray, root: np.ndarray) -> RowsInMemory:
    """Return the rows z with x = center + root z."""
    return rows.with_values(as_compiled(np.linalg.solve(root, (rows.values - center).T).T))


@dataclass(frozen=True, eq=False)
class Mode:
    """An optimum of the surrogate.

    Attributes
    ----------
    parameters : MixtureParameters
        In the coordinates of the surrogate.
    height : float
        The surrogate there.
    """

    parameters: MixtureParameters
    height: float


@dataclass(frozen=True, eq=False)
class Surrogate:
    """The likelihood with prior rows.

    Attributes
    ----------
    rows : RowsInMemory
        In the coordinates of the surrogate, no cell missing.
    mixture_prior : MixturePrior
        The pseudo-counts of the weights, and prior rows.
    layout : Layout
    smallest_scales : array, shape (s,)
    center, root : arrays, shapes (d,), (d, d)
        Of the standard scale: x = center + root z.
    """

    rows: RowsInMemory
    mixture_prior: MixturePrior
    layout: Layout
    smallest_scales: Float[np.ndarray, " s"]
    center: Float[np.ndarray, " d"]
    root: Float[np.ndarray, "d d"]

    @classmethod
    def of(
        cls,
        complete: RowsInMemory,
        partitions: Sequence[Int[np.ndarray, " n"]],
        objective: Objective,
    ) -> Surrogate:
        """Return the surrogate for rows of which no cell is missing, and partitions of them.

        Its prior rows are as wide as the clusters of the tightest of them. Rows may have fewer
        features than those of the objective; see ``search.py``.
        """
        layout = layout_of_surrogate(objective, complete.n_features)
        center, total = whitening(complete)
        white = in_coordinates(complete, center, total).values
        within = min(
            (_within(white, labels, layout.n_components) for labels in partitions), key=np.trace
        )
        # A product of factors, not the factor of a product: with fewer rows than features that is
        # singular to rounding.
        root = total @ np.linalg.cholesky(within + _LEAST_WIDTH * np.eye(within.shape[0]))
        if not layout.covariances.correlated:
            variances = np.sum(root**2, axis=1)
            if layout.covariances.isotropic:
                variances = np.full(layout.n_features, np.mean(variances))
            root = np.diag(np.sqrt(variances))
        return cls(
            in_coordinates(complete, center, root), _prior_of(objective, layout), layout,
            np.full(layout.covariances.n_scales, _SMALLEST_SCALE), center, root,
        )  # fmt: skip

    @cached_property
    def counts(self) -> Float[np.ndarray, " n"]:
        """How often each row counts."""
        return self.rows.counts

    def as_narrow_as(self, parameters: MixtureParameters) -> Surrogate | None:
        """Return the surrogate whose prior rows are as narrow as the narrowest component.

        ``parameters`` are on the standard scale. ``None`` if no component is much narrower than the
        prior rows, which only hide narrower components.
        """
        volumes = 0.5 * np.linalg.slogdet(parameters.covariances)[1]
        own = np.linalg.slogdet(self.root)[1]
        sizes = np.exp((volumes - own) / self.layout.n_features)
        has_rows = parameters.weights * self.counts.sum() > self.layout.n_features
        factor = float(np.min(sizes, where=has_rows, initial=np.inf))
        if not _LEAST_WIDTH < factor < _MUCH_NARROWER:
            return None
        rows = self.rows.with_values(self.rows.values / factor)
        return replace(self, rows=rows, root=factor * self.root)

    def from_partition(self, labels: Int[np.ndarray, " n"]) -> Mode | None:
        """Optimize from the moments of a partition; ``None`` if a component has no rows."""
        counts, means, scatter, _ = partition_moments(
            as_compiled(self.rows.values), labels, self.layout.n_components,
            self.smallest_scales,
        )  # fmt: skip
        position = position_with(counts, means, scatter, self)
        return None if position is None else self.optimize([position])

    def from_standard(self, parameters: MixtureParameters) -> Mode | None:
        """Optimize from parameters on the standard scale.

        Components without rows are placed on the narrowest one, where prior rows give them some
        responsibilities: EM has no step for a component without any.
        """
        means = np.linalg.solve(self.root, (parameters.means - self.center).T).T
        whitener = np.linalg.inv(self.root)
        covariances = whitener @ parameters.covariances @ whitener.T
        least = _EMPTY / self.counts.sum()
        is_empty = parameters.weights < least
        sizes = np.where(is_empty, np.inf, np.linalg.slogdet(covariances)[1])
        means[is_empty] = means[np.argmin(sizes)]
        covariances[is_empty] = covariances[np.argmin(sizes)]
        position = self.position_of(np.maximum(parameters.weights, least), means, covariances)
        return None if position is None else self.optimize([position])

    def position_of(
        self,
        weights: Float[np.ndarray, " k"],
        means: Float[np.ndarray, "k d"],
        covariances: Float[np.ndarray, "k d d"],
    ) -> Float[np.ndarray, " p"] | None:
        """Return the position of a mixture; ``None`` at the edge of the space."""
        prior, counts = self.mixture_prior.covariances, weights * self.counts.sum()
        # Of the covariance matrices that are wanted, prior rows are a part; of a shared one, once.
        parts = (weights if self.layout.covariances.tied else np.ones(weights.size))[:, None, None]
        rows = counts[:, None, None] + parts * prior.count
        scatter = rows * covariances - parts * prior.scatter[0, 0] * np.eye(means.shape[1])
        return position_with(counts, means, scatter, self)

    def optimize(
        self, positions: Sequence[np.ndarray], *, screening: int = 0, goal: float = -np.inf
    ) -> Mode | None:
        """Optimize from the best of some positions after some steps, if it can reach a goal."""
        path = optimize_best(
            self.rows, np.array(positions), self, tolerance=_TOLERANCE, limit=_MOST_STEPS,
            screening=screening, goal=goal,
        )  # fmt: skip
        is_inside = path.status is not Status.COLLAPSED and len(path.trace) > 0
        return Mode(path.parameters, path.trace[-1]) if is_inside else None

    def on_standard_scale(self, mode: Mode) -> MixtureParameters:
        """Return its parameters on the standard scale."""
        weights, means = mode.parameters.weights, self.center + mode.parameters.means @ self.root.T
        if self.layout.covariances.correlated:
            covariances = self.root @ mode.parameters.covariances @ self.root.T
            return MixtureParameters.from_covariances(weights, means, covariances)
        return MixtureParameters(weights, means, mode.parameters.scales * np.diagonal(self.root))


def layout_of_surrogate(objective: Objective, n_features: int) -> Layout:
    """Return the layout of the surrogate, in which matrices are not factor-analytic."""
    own = objective.layout.covariances
    if not own.n_factors:
        return objective.layout
    relations = own.volume, own.shape, own.orientation
    return Layout(CovarianceMap(own.n_components, n_features, *relations))


def _within(
    X: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], n_components: int
) -> Float[np.ndarray, "d d"]:
    """Return the covariance matrix within the clusters of a partition."""
    *_, scatter = moments_of(as_compiled(X), np.eye(n_components)[labels])
    return scatter.sum(axis=0) / max(X.shape[0] - n_components, 1)


def _prior_of(objective: Objective, layout: Layout) -> MixturePrior:
    count = _PRIOR_ROWS if objective.uses_prior else 0.0
    covariances = CovariancePrior.flat(layout.covariances.n_scales)._replace(
        count=count, scatter=count * np.eye(layout.covariances.n_scales)
    )
    nothing = np.zeros((layout.n_components, layout.n_features))
    pseudo_counts = objective.mode_prior.concentration + count * _PSEUDO_COUNT
    return MixturePrior(
        0.0, pseudo_counts, nothing, nothing, layout.covariances.n_matrices, covariances
    ).as_compiled()
