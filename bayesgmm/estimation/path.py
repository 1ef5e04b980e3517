"""Where an ascent leads: what it passes, and where it begins and ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesgmm.estimation.point_estimate import PointEstimate, Starts, Status
from bayesgmm.parameters import MixtureParameters


@dataclass(frozen=True)
class Path:
    """Where some steps led.

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
