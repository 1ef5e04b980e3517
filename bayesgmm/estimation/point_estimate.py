"""The result of a point estimation: one set of parameters, and how it was reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import islice

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy.optimize import linear_sum_assignment

from bayesgmm.data.dataset import default_names
from bayesgmm.digits import counted, decimals, listed, number, plural
from bayesgmm.estimation.problem import Problem
from bayesgmm.numerics.exchangeability import with_forbidden_swaps
from bayesgmm.parameters import MixtureParameters

_MOST_NAMED = 5  # components, rows or features in one message
_MOST_COMPONENTS, _MOST_FEATURES = 12, 6  # what a terminal shows of an estimate


class Status(Enum):
    """How EM ended; files store the value.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.Status.ITERATION_LIMIT.value
    'iteration_limit'
    >>> bg.Status.CONVERGED.in_words
    'converged'
    """

    CONVERGED = "converged"
    ITERATION_LIMIT = "iteration_limit"
    COLLAPSED = "collapsed"
    DRAW = "draw"

    @property
    def in_words(self) -> str:
        """The outcome, and the remedy."""
        return _STATUS_IN_WORDS[self]


_STATUS_IN_WORDS = {
    Status.CONVERGED: "converged",
    Status.ITERATION_LIMIT: (
        "stopped at the iteration limit before the tolerance was reached; "
        "raise max_iterations, or accept a larger tolerance"
    ),
    Status.COLLAPSED: (
        "a component collapsed onto too few distinct rows, where the likelihood is unbounded; "
        "use fewer components, a structure with fewer parameters, or objective='posterior' "
        "with the default priors, under which this cannot happen"
    ),
    Status.DRAW: (
        "is the draw of the highest density, as the prior of these draws is not known; "
        "no optimum was sought"
    ),
}


@dataclass(frozen=True, eq=False)
class Collapse:
    """The collapsed components, and their rows.

    Attributes
    ----------
    components : tuple of int
        The components that did, as they are numbered in the estimate.
    features : tuple of tuples of str
        The features in which each has no spread; none where it is flat in a direction that is
        no feature's own, a linear combination of several.
    rows : tuple of arrays
        The names of the rows that each lies on; empty where it was left without rows.
    """

    components: tuple[int, ...]
    features: tuple[tuple[str, ...], ...]
    rows: tuple[Shaped[np.ndarray, " _"], ...]

    def __str__(self) -> str:
        each = list(zip(self.components, self.features, self.rows, strict=True))
        parts = [_told(*one) for one in each[:_MOST_NAMED]]
        if len(each) > _MOST_NAMED:
            parts.append(f"and so on for {len(each) - _MOST_NAMED} more")
        return "; ".join(parts)


def _told(component: int, features: tuple[str, ...], rows: np.ndarray) -> str:
    """Describe the collapse of one component."""
    if rows.size == 0:
        return f"component {component} was left without rows"
    names = [repr(name) for name in features]
    trouble = (
        f"no spread in {listed(names, _MOST_NAMED)}" if names else "a singular covariance matrix"
    )
    place = f"{plural(rows.size, 'row')} {listed(rows, _MOST_NAMED)}"
    return f"component {component} has {trouble} on {place}"


@dataclass(frozen=True)
class Starts:
    """The results of the starting points of EM.

    Attributes
    ----------
    objectives : array, shape (n_starts,)
        Final objective of every start, best first; -inf if a component collapsed. For runs that
        were stopped, far below the best, the last objective.
    distances : array, shape (n_starts,)
        Distance of the optimum of every start from the best one, see :func:`distance`, up to
        the order of exchangeable components.
    """

    objectives: Float[np.ndarray, " n_starts"]
    distances: Float[np.ndarray, " n_starts"]

    tolerance = 0.1
    """Starts count as the same optimum if log densities differ by less than this,"""

    reach = 0.3
    """and if no component lies further away than this many of its standard deviations."""

    @property
    def _agrees(self) -> Bool[np.ndarray, " n_starts"]:
        close = self.objectives >= self.objectives[0] - self.tolerance
        return close & (self.distances < self.reach)

    @property
    def agreeing(self) -> int:
        """Number of starts that reached the best optimum."""
        return int(np.sum(self._agrees))

    @property
    def alternative(self) -> int | None:
        """Which start reached the best of the other optima; ``None`` where there is none."""
        others = np.flatnonzero(~self._agrees & np.isfinite(self.objectives))
        return int(others[0]) if others.size else None

    @property
    def mode_gap(self) -> float:
        """By how much the best of the other optima is lower; infinite where there is none."""
        if self.alternative is None:
            return np.inf
        return float(self.objectives[0] - self.objectives[self.alternative])

    def __str__(self) -> str:
        text = f"{self.agreeing} of {self.objectives.size} starts reached this optimum"
        if self.alternative is not None:
            text += f", the next best is {self.mode_gap:.1f} lower"
        collapsed = int(np.sum(np.isneginf(self.objectives)))
        return text + (f", {collapsed} collapsed" if collapsed else "")


def distance(
    one: MixtureParameters,
    other: MixtureParameters,
    groups: Int[np.ndarray, " k"] | None = None,
) -> float:
    """Return the distance of two mixtures, up to the order of components in each group.

    Components are matched so that means are near; the distance is that of the worst match: the
    root mean square over features of the difference of means in standard deviations, or the
    largest absolute log-ratio of standard deviations. ``groups`` (``numerics/exchangeability.py``)
    are the exchangeable components; by default all of them.
    """
    steps = (one.means[:, None] - other.means[None]) / one.scales[:, None]
    apart = np.sqrt(np.mean(steps**2, axis=-1))
    costs = apart if groups is None else with_forbidden_swaps(apart, groups)
    places, order = linear_sum_assignment(costs)
    ratios = np.abs(np.log(one.scales) - np.log(other.scales[order]))
    return float(max(apart[places, order].max(), ratios.max()))


def share_nearer(
    there: MixtureParameters,
    here: MixtureParameters,
    draws: MixtureParameters,
    groups: Int[np.ndarray, " k"],
) -> float:
    """Return the fraction of draws that are nearer to one mode than to the other."""
    nearer = [
        distance(there, draw, groups) < distance(here, draw, groups)
        for draw in map(draws.draw, np.ndindex(*draws.batch_shape))
    ]
    return float(np.mean(nearer))


@dataclass(frozen=True)
class PointEstimate:
    """Parameters at the maximum that EM found, in the units of the data.

    The result of :func:`estimate` stores its rows. Functions of a fit that do not need draws accept
    it: :func:`cluster`, :func:`log_density`, :func:`impute`,
    :func:`summarize`, :func:`plot_clusters` and others. Their results treat the parameters as known
    and have no uncertainty. :func:`save` stores it as a tree of one chain of one draw.

    Attributes
    ----------
    parameters : MixtureParameters
        Weights (k,), means (k, d), scales (k, d), correlations (k, d, d) or ``None``;
        components ordered by weight, largest first.
    log_likelihood : float
        Sum over rows of log p(x_i), in natural logarithms.
    objective : float
        What was maximized: the log-likelihood, plus the log prior density where there is one.
    trace : array, shape (n_iterations + 1,)
        The objective before each iteration, and at the end. It never decreases.
    status : Status
        How EM ended, with the remedy in ``status.in_words``.
    starts : Starts
        The objectives that the other starts reached.
    alternative_modes : tuple of MixtureParameters
        The other optima that they reached, up to seven, best first.
    n_passes : int
        Passes over all rows from the winning start.
    collapse : Collapse or None
        If every start collapsed: which components, on which rows. The parameters are then those
        at which the run of the first start stopped, not a valid estimate; log-likelihood and
        objective are the last values, or -inf.
    problem : Problem or None
        The rows and the spec, every hyperparameter a number, where :func:`estimate` made it.
    record : mapping
        The solver and the seed, as text.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> point = bg.estimate(X, bg.MixtureSpec(n_components=2), random_seed=1)
    >>> point
    EM converged after ...
    component  weight  mean ± standard deviation of eruptions, waiting
            0   0.644  4.29 ± 0.41, 80.0 ± 6.0
            1   0.356  2.04 ± 0.2..., 54.5 ± 5.8
    >>> point.covariances.shape
    (2, 2, 2)
    >>> bg.cluster(point, [[3.6, 79.0], [1.8, 54.0]])["label"].values
    array([0, 1])
    """

    parameters: MixtureParameters
    log_likelihood: float
    objective: float
    trace: Float[np.ndarray, " n"]
    status: Status
    starts: Starts
    alternative_modes: tuple[MixtureParameters, ...] = ()
    n_passes: int = 0
    collapse: Collapse | None = None
    problem: Problem | None = field(default=None, compare=False)
    record: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features: those of the table, or x0, x1, and so on."""
        if self.problem is None:
            return default_names(self.parameters.n_features)
        return self.problem.data.feature_names

    @property
    def weights(self) -> Float[np.ndarray, " k"]:
        """Mixing weights."""
        return self.parameters.weights

    @property
    def means(self) -> Float[np.ndarray, "k d"]:
        """Component means."""
        return self.parameters.means

    @property
    def covariances(self) -> Float[np.ndarray, "k d d"]:
        """Covariance matrices."""
        return self.parameters.covariances

    @property
    def alternative(self) -> MixtureParameters | None:
        """The best of the other optima, if any."""
        return self.alternative_modes[0] if self.alternative_modes else None

    @property
    def converged(self) -> bool:
        """Whether the tolerance was reached."""
        return self.status is Status.CONVERGED

    @property
    def explanation(self) -> str:
        """How EM ended: after a collapse, of which components, on which rows; and the remedy."""
        return self.status.in_words + ("" if self.collapse is None else f" ({self.collapse})")

    @property
    def n_iterations(self) -> int:
        """Number of iterations from the winning start."""
        return self.trace.size - 1

    def moved(
        self,
        move: Callable[[MixtureParameters], MixtureParameters],
        *,
        density: float = 0.0,
        objective: float = 0.0,
    ) -> PointEstimate:
        """Return the estimate in other units.

        ``move`` changes the units of parameters; ``density`` and ``objective`` are the constants
        that this adds to the log-likelihood and to the objective.
        """
        return replace(
            self,
            parameters=move(self.parameters),
            alternative_modes=tuple(move(alternative) for alternative in self.alternative_modes),
            log_likelihood=self.log_likelihood + density,
            objective=self.objective + objective,
            trace=self.trace + objective,
            starts=replace(self.starts, objectives=self.starts.objectives + objective),
        )

    def restored(self, problem: Problem, *, uses_prior: bool) -> PointEstimate:
        """Return the estimate from the standard scale of a problem in the units of its data."""
        of_likelihood = -problem.scaling.log_jacobian(problem.data.n_observed)
        of_prior = -problem.log_jacobian_of_parameters() if uses_prior else 0.0
        return self.moved(
            problem.scaling.restore, density=of_likelihood, objective=of_likelihood + of_prior
        )

    def __str__(self) -> str:
        return (
            f"EM {self.explanation} after {counted(self.n_iterations, 'iteration')}; "
            f"log-likelihood {self.log_likelihood:.3f}, objective {self.objective:.3f}; "
            f"{self.starts}"
        )

    def __repr__(self) -> str:
        names = listed(self.feature_names, _MOST_FEATURES)
        heading = f"component  weight  mean ± standard deviation of {names}"
        lines = [str(self), heading, *self._components()]
        more = self.weights.size - _MOST_COMPONENTS
        return "\n".join([*lines, f"and {more} more"] if more > 0 else lines)

    def _components(self) -> Iterator[str]:
        each = zip(self.weights, self.means, self.parameters.scales, strict=True)
        for place, (weight, means, scales) in enumerate(islice(each, _MOST_COMPONENTS)):
            pairs = [
                " ± ".join(number(value, decimals(scale)) for value in (mean, scale))
                for mean, scale in zip(means, scales, strict=True)
            ]
            yield f"{place:>9}{weight:>8.3f}  {listed(pairs, _MOST_FEATURES)}"


@dataclass(frozen=True)
class Path:
    """The result of some steps.

    Attributes
    ----------
    parameters : MixtureParameters
        The last that were evaluated; after a collapse, those that collapsed.
    log_likelihood : float
        Of the last that were evaluated.
    trace : list of float
        The objective at every step, the last included.
    status : Status
    n_passes : int
        Passes over all rows.
    """

    parameters: MixtureParameters
    log_likelihood: float
    trace: list[float]
    status: Status
    n_passes: int

    def followed_by(self, later: Path) -> Path:
        """Return both paths as one."""
        return Path(
            later.parameters,
            later.log_likelihood,
            self.trace + later.trace,
            later.status,
            self.n_passes + later.n_passes,
        )

    def as_estimate(self) -> PointEstimate:
        """Return the end of the path as an estimate from a single start."""
        trace = self.trace or [-np.inf]
        final = -np.inf if self.status is Status.COLLAPSED else trace[-1]
        return PointEstimate(
            parameters=self.parameters,
            log_likelihood=self.log_likelihood,
            objective=trace[-1],
            trace=np.array(trace),
            status=self.status,
            starts=Starts(np.array([final]), np.zeros(1)),
            n_passes=self.n_passes,
        )
