"""The result of a point estimation: one set of parameters, and how it was reached."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from jaxtyping import Float

from bayesgmm.parameters import MixtureParameters


class Status(Enum):
    """How EM ended; the value says what it means and what to do about it."""

    CONVERGED = "converged"
    ITERATION_LIMIT = (
        "stopped at the iteration limit before the tolerance was reached; "
        "raise max_iterations, or accept a larger tolerance"
    )
    COLLAPSED = (
        "a component collapsed onto too few distinct rows, where the likelihood is unbounded; "
        "use fewer components, a structure with fewer parameters, or objective='posterior' "
        "with the default priors, under which this cannot happen"
    )

    @property
    def text(self) -> str:
        """What happened, and the remedy."""
        return self.value


@dataclass(frozen=True)
class Starts:
    """What the different starting points of EM led to.

    Attributes
    ----------
    objectives : array, shape (n_starts,)
        Final objective of every start, best first; -inf where a component collapsed.
    """

    objectives: Float[np.ndarray, " n_starts"]

    tolerance = 0.1
    """Starts whose final log densities differ by less than this count as the same optimum."""

    @property
    def agreeing(self) -> int:
        """Number of starts that reached the best optimum."""
        return int(np.sum(self.objectives >= self.objectives[0] - self.tolerance))

    def __str__(self) -> str:
        collapsed = int(np.sum(np.isneginf(self.objectives)))
        text = f"{self.agreeing} of {self.objectives.size} starts reached this optimum"
        return text + (f", {collapsed} collapsed" if collapsed else "")


@dataclass(frozen=True)
class PointEstimate:
    """Parameters at the maximum that EM found, in the units of the data.

    Attributes
    ----------
    parameters : MixtureParameters
        Weights (k,), means (k, d), scales (k, d), correlations (k, d, d) or ``None``;
        components ordered by weight, largest first.
    log_likelihood : float
        Sum over rows of log p(x_i), in natural logarithms.
    objective : float
        What was maximised: the log-likelihood, plus the log prior density where there is one.
    trace : array, shape (n_iterations + 1,)
        The objective before each iteration, and at the end. It never decreases.
    status : Status
        How EM ended, with the remedy in ``status.text``.
    starts : Starts
        The objectives that the other starts reached.
    """

    parameters: MixtureParameters
    log_likelihood: float
    objective: float
    trace: Float[np.ndarray, " n"]
    status: Status
    starts: Starts

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
    def converged(self) -> bool:
        """Whether the tolerance was reached."""
        return self.status is Status.CONVERGED

    @property
    def n_iterations(self) -> int:
        """Number of EM iterations from the winning start."""
        return self.trace.size - 1

    def shifted(
        self, parameters: MixtureParameters, density: float, objective: float
    ) -> PointEstimate:
        """Return the estimate in other units.

        ``density`` and ``objective`` are the constants that the change of units adds to the
        log-likelihood and to the objective.
        """
        return replace(
            self,
            parameters=parameters,
            log_likelihood=self.log_likelihood + density,
            objective=self.objective + objective,
            trace=self.trace + objective,
            starts=Starts(self.starts.objectives + objective),
        )

    def __str__(self) -> str:
        return (
            f"EM {self.status.text} after {self.n_iterations} iterations; log-likelihood "
            f"{self.log_likelihood:.3f}, objective {self.objective:.3f}; {self.starts}"
        )
