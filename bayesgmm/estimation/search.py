"""The search for modes: many starts on a surrogate of the objective, the best of them repaired.

Biernacki, Celeux & Govaert (2003) make many short runs of EM and continue the best; here the runs
are complete, on a surrogate (``surrogate.py``) that takes a fraction of the time. Starts with the
same optimum share the next steps: repairs (``repair.py``), and the optimization of the objective
(``em.py``).

Of mixtures of factor analyzers, which have many features, the surrogate sees the rows along their
first principal components, with free covariance matrices.

Clusters have no order. If components are not exchangeable, clusters are assigned to components
to maximize the priors of weights and means, and label likelihoods: an assignment problem. Without
labels the likelihood does not depend on the order, so this order is optimal.

References
----------
Biernacki, C., Celeux, G. and Govaert, G. (2003). Choosing starting values for the EM algorithm for
getting the highest likelihood in multivariate Gaussian mixture models. Computational Statistics &
Data Analysis 41, 561-575.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.point_estimate import Starts, distance
from bayesgmm.estimation.repair import repaired
from bayesgmm.estimation.starts import from_responsibilities, partition, stretched
from bayesgmm.estimation.surrogate import Mode, Surrogate, in_coordinates, whitening
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.numerics.statistics import responsibilities, shared_statistics
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec

_SAME = 0.05  # difference of heights below which modes are compared
_STARTS_A_STRETCH = 8  # two of so many look for axes that separate clusters
_STARTS_A_REPAIR = 3  # one of so many is repaired,
_ENOUGH = 3  # until so many have ended at the highest place
_FEWEST_AXES, _MOST_AXES = 6, 12  # of factor analyzers: one for each component, within these limits
_FORBIDDEN = -1e4  # stands for the logarithm of zero in what labels say
_LEAST_GAIN = 1e-9  # of an order, relative: less is rounding
_MOST_EXCHANGES, _MOST_LOSS = 3, 20.0  # of two components, that may lead to other modes


@dataclass(frozen=True, eq=False)
class Lead:
    """The optimum reached by some starts.

    Attributes
    ----------
    mode : Mode
        Of the surrogate.
    surrogate : Surrogate
    starts : list of int
        The starts that met here.
    """

    mode: Mode
    surrogate: Surrogate
    starts: list[int] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Search:
    """The starts of one problem.

    Attributes
    ----------
    surrogate : Surrogate
    complete : RowsInMemory
        On the standard scale, no cell missing.
    partitions : list of arrays, shape (n,)
        One for every start.
    groups : array, shape (k,)
        Groups of components that are exchangeable in the surrogate.
    axes : array, shape (d, r), or None
        Along which the surrogate sees the rows, if not along those of the features.
    """

    surrogate: Surrogate
    complete: RowsInMemory
    partitions: list[Int[np.ndarray, " n"]]
    groups: Int[np.ndarray, " k"]
    axes: Float[np.ndarray, "d r"] | None = None
    _repaired_heights: list[float] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        complete: RowsInMemory,
        objective: Objective,
        methods: Sequence[tuple[str, np.random.Generator]],
        groups: Int[np.ndarray, " k"],
    ) -> Search:
        """Find a partition for every start: of the rows as they are, and whitened, by turns.

        Where some axes separate clusters and others do not, also of rows stretched along those.
        """
        axes = _axes(complete, objective)
        seen = complete if axes is None else complete.with_values(complete.values @ axes)
        white = in_coordinates(seen, *whitening(seen))
        n_components = objective.spec.n_components
        partitions = []
        for number, (method, rng) in enumerate(methods):
            rows = seen if number % 4 in (1, 2) else white
            if number % _STARTS_A_STRETCH in (4, 6) and n_components > 1:
                better = stretched(rows, n_components, rng.spawn(1)[0])
                rows = rows if better is None else better
            partitions.append(partition(rows, n_components, method, rng))
        if objective.tells_apart:
            partitions = [_named(complete, labels, objective) for labels in partitions]
        surrogate = Surrogate.of(seen, partitions, objective)
        return cls(surrogate, complete, partitions, groups, axes)

    @cached_property
    def _first_modes(self) -> list[Mode | None]:
        return [self.surrogate.from_partition(labels) for labels in self.partitions]

    @property
    def failed(self) -> list[int]:
        """The failed starts: a component was left without rows."""
        return [number for number, mode in enumerate(self._first_modes) if mode is None]

    def leads(self) -> list[Lead]:
        """Return the optima of the other starts, best first."""
        leads: list[Lead] = []
        for number, mode in enumerate(self._first_modes):
            if mode is not None:
                self._add(leads, Lead(mode, self.surrogate, [number]))
        leads.sort(key=lambda lead: -lead.mode.height)
        return self._repaired(leads)

    def _repaired(self, leads: list[Lead]) -> list[Lead]:
        """Repair the best, until several starts have reached the highest optimum."""
        ends: list[Lead] = []
        for number, lead in enumerate(leads):
            heights = np.array(self._repaired_heights)
            enough = np.sum(heights > heights.max(initial=-np.inf) - _SAME) >= _ENOUGH
            if number <= len(self.partitions) // _STARTS_A_REPAIR and not enough:
                mode = repaired(self.surrogate, lead.mode)
                self._repaired_heights.extend([mode.height] * len(lead.starts))
                self._add(ends, Lead(mode, self.surrogate, lead.starts))
            else:
                self._add(ends, lead)
        return sorted(ends, key=lambda lead: -lead.mode.height)

    def beyond(self, parameters: MixtureParameters) -> Iterator[Lead]:
        """Yield where repairs of a mixture on the standard scale lead to, if that may be new.

        Twice: the prior rows of the surrogate hide components that are far narrower than clusters
        of k-means, those of the second are as narrow as the narrowest component.
        """
        if self.axes is not None:
            covariances = self.axes.T @ parameters.covariances @ self.axes
            parameters = MixtureParameters.from_covariances(
                parameters.weights, parameters.means @ self.axes, covariances
            )
        mode = self.surrogate.from_standard(parameters)
        heights = np.array(self._repaired_heights)
        if mode is not None and not np.any(np.abs(heights - mode.height) < _SAME):
            better = repaired(self.surrogate, mode)
            if better.height > mode.height:
                yield Lead(better, self.surrogate)
        narrow = self.surrogate.as_narrow_as(parameters)
        if narrow is not None and (mode := narrow.from_standard(parameters)) is not None:
            yield Lead(repaired(narrow, mode), narrow)

    def _add(self, leads: list[Lead], lead: Lead) -> None:
        """Add a lead, or its starts to one that is the same."""
        for other in leads:
            if abs(other.mode.height - lead.mode.height) < _SAME and self._is_same(other, lead):
                other.starts.extend(lead.starts)
                return
        leads.append(lead)

    def _is_same(self, one: Lead, other: Lead) -> bool:
        apart = distance(one.mode.parameters, other.mode.parameters, self.groups)
        return apart < Starts.reach

    def start_of(self, lead: Lead, objective: Objective) -> MixtureParameters:
        """Return the starting point for the objective, on the standard scale.

        Under a prior, or where the surrogate sees some axes only, that is after one M-step,
        because the surrogate optimum may lie outside of the parameter space.
        """
        parameters = lead.surrogate.on_standard_scale(lead.mode)
        if objective.uses_prior or self.axes is not None:
            resp = responsibilities(lead.surrogate.rows, lead.mode.parameters)
            parameters = from_responsibilities(self.complete, resp, objective)
        return in_best_places(self.complete, parameters, objective)


def _axes(complete: RowsInMemory, objective: Objective) -> Float[np.ndarray, "d r"] | None:
    """Return the axes along which the surrogate sees rows for factor analyzers, or ``None``."""
    covariances = objective.layout.covariances
    if not covariances.n_factors:
        return None
    n_axes = min(complete.n_features, _MOST_AXES, max(covariances.n_components, _FEWEST_AXES))
    values = complete.values - complete.values.mean(axis=0)
    small = values @ values.T if values.shape[0] < values.shape[1] else values.T @ values
    vectors = np.linalg.eigh(small)[1][:, ::-1][:, :n_axes]
    if values.shape[0] < values.shape[1]:
        vectors = np.linalg.qr(values.T @ vectors)[0]
    return vectors


def in_best_places(
    X: RowsInMemory, parameters: MixtureParameters, objective: Objective
) -> MixtureParameters:
    """Return a mixture in the best order under priors and labels; itself if it is in that order.

    No order has a higher prior density. Label likelihoods are evaluated at the current
    responsibilities, a lower bound.
    """
    if not objective.tells_apart:
        return parameters
    order = _best_order(_in_places(X, parameters, objective))
    return parameters if order is None else parameters.reordered(order)


def exchanges(
    X: RowsInMemory,
    parameters: MixtureParameters,
    objective: Objective,
    groups: Int[np.ndarray, " k"],
) -> list[MixtureParameters]:
    """Return the mixtures in which two components that differ a priori are exchanged.

    Those that lose least, and not too much to be near another mode.
    """
    if not objective.tells_apart:
        return []
    scores = _in_places(X, parameters, objective)
    own = np.diagonal(scores)
    losses = own[:, None] + own - scores - scores.T
    pairs = np.argwhere(np.triu(groups[:, None] != groups) & (losses < _MOST_LOSS))
    found = []
    for pair in sorted(pairs, key=lambda pair: losses[*pair])[:_MOST_EXCHANGES]:
        order = np.arange(groups.size)
        order[pair] = pair[::-1]
        found.append(parameters.reordered(order))
    return found


def _named(
    complete: RowsInMemory, labels: Int[np.ndarray, " n"], objective: Objective
) -> Int[np.ndarray, " n"]:
    """Number the clusters of a partition in the best order under priors and labels."""
    resp = np.eye(objective.spec.n_components)[labels]
    means, statistics = shared_statistics(complete, resp, correlated=False)
    weights = (statistics.counts + 1) / (statistics.counts + 1).sum()
    scores = _log_priors(objective.spec, weights, means) + _of_labels(complete, resp)
    order = _best_order(scores)
    return labels if order is None else np.argsort(order)[labels]


def _in_places(
    X: RowsInMemory, parameters: MixtureParameters, objective: Objective
) -> Float[np.ndarray, "k k"]:
    """Return log priors and label log likelihoods of each component (axis 0) in each place (1)."""
    scores = _log_priors(objective.spec, parameters.weights, parameters.means)
    if X.has_labels:
        scores = scores + _of_labels(X, responsibilities(X, parameters))
    return scores


def _log_priors(
    spec: MixtureSpec, weights: Float[np.ndarray, " k"], means: Float[np.ndarray, "k d"]
) -> Float[np.ndarray, "k k"]:
    """Return the log prior density of each component (axis 0) in each place (1).

    Up to constants that no permutation changes.
    """
    loc, precision = spec.means.expanded(*means.shape)
    distances = np.sum(precision * (means[:, None] - loc) ** 2, axis=-1)
    log_weights = np.log(np.maximum(weights, np.finfo(float).tiny))
    return log_weights[:, None] * spec.weights.expanded(weights.size) - 0.5 * distances


def _of_labels(X: RowsInMemory, resp: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "k k"] | float:
    if not X.has_labels:
        return 0.0
    return (resp * X.counts[:, None]).T @ np.maximum(X.label_log_likelihoods, _FORBIDDEN)


def _best_order(scores: Float[np.ndarray, "k k"]) -> Int[np.ndarray, " k"] | None:
    """Return which component each place should get; ``None`` where all are in the best one."""
    components, places = linear_sum_assignment(scores, maximize=True)
    gain = scores[components, places].sum() - np.trace(scores)
    return np.argsort(places) if gain > _LEAST_GAIN * (1 + np.abs(scores).max()) else None
