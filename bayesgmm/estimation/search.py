"""Where to climb: many starts, screened on a surrogate of the objective, the best of them repaired.

Biernacki, Celeux & Govaert (2003) make many short runs of EM and go on with the best; here the runs
are whole, on a surrogate (``surrogate.py``) that takes a fraction of the time. Starts that meet
there share what comes after: repairs (``repair.py``), and the ascent of the objective itself
(``em.py``).

References
----------
Biernacki, C., Celeux, G. and Govaert, G. (2003). Choosing starting values for the EM algorithm for
getting the highest likelihood in multivariate Gaussian mixture models. Computational Statistics &
Data Analysis 41, 561-575.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Int

from bayesgmm.estimation.objective import Objective
from bayesgmm.estimation.point_estimate import Starts, distance
from bayesgmm.estimation.repair import repaired
from bayesgmm.estimation.starts import from_shares, partition
from bayesgmm.estimation.surrogate import Mode, Surrogate, in_coordinates, whitening
from bayesgmm.numerics.annotated_rows import Rows, values_of
from bayesgmm.numerics.statistics import responsibilities
from bayesgmm.parameters import MixtureParameters

_SAME = 0.05  # difference of heights below which modes are compared
_STARTS_A_REPAIR = 3  # one of so many is repaired,
_ENOUGH = 3  # until so many have ended at the highest place


@dataclass(frozen=True, eq=False)
class Lead:
    """Where some starts led.

    Attributes
    ----------
    mode : Mode
        Of the surrogate.
    starts : list of int
        The starts that met here.
    """

    mode: Mode
    starts: list[int] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Search:
    """The starts of one problem.

    Attributes
    ----------
    surrogate : Surrogate
    complete : Rows
        On the standard scale, no cell missing.
    partitions : list of arrays, shape (n,)
        One for every start.
    groups : array, shape (k,)
        Components that nothing tells apart.
    """

    surrogate: Surrogate
    complete: Rows
    partitions: list[Int[np.ndarray, " n"]]
    groups: Int[np.ndarray, " k"]
    _repaired_heights: list[float] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        complete: Rows,
        objective: Objective,
        methods: Sequence[tuple[str, np.random.Generator]],
        groups: Int[np.ndarray, " k"],
    ) -> Search:
        """Find a partition for every start: of the rows as they are, and whitened, by turns."""
        white = in_coordinates(complete, *whitening(values_of(complete)))
        n_components = objective.spec.n_components
        partitions = [
            partition(complete if _is_plain(number) else white, n_components, method, rng)
            for number, (method, rng) in enumerate(methods)
        ]
        return cls(Surrogate.of(complete, partitions, objective), complete, partitions, groups)

    @cached_property
    def _first_modes(self) -> list[Mode | None]:
        return [self.surrogate.from_partition(labels) for labels in self.partitions]

    @property
    def failed(self) -> list[int]:
        """The starts that led nowhere: a component was left without rows."""
        return [number for number, mode in enumerate(self._first_modes) if mode is None]

    def leads(self) -> list[Lead]:
        """Return where the other starts led, best first."""
        leads: list[Lead] = []
        for number, mode in enumerate(self._first_modes):
            if mode is not None:
                self._add(leads, Lead(mode, [number]))
        leads.sort(key=lambda lead: -lead.mode.height)
        return self._repaired(leads)

    def _repaired(self, leads: list[Lead]) -> list[Lead]:
        """Repair the best, until several starts have ended at the highest place."""
        ends: list[Lead] = []
        for number, lead in enumerate(leads):
            heights = np.array(self._repaired_heights)
            enough = np.sum(heights > heights.max(initial=-np.inf) - _SAME) >= _ENOUGH
            if number <= len(self.partitions) // _STARTS_A_REPAIR and not enough:
                mode = repaired(self.surrogate, lead.mode)
                self._repaired_heights.extend([mode.height] * len(lead.starts))
                self._add(ends, Lead(mode, lead.starts))
            else:
                self._add(ends, lead)
        return sorted(ends, key=lambda lead: -lead.mode.height)

    def beyond(self, parameters: MixtureParameters) -> Lead | None:
        """Return where repairs of a mixture on the standard scale lead to, if any is new."""
        mode = self.surrogate.from_standard(parameters)
        if mode is None:
            return None
        if np.any(np.abs(np.array(self._repaired_heights) - mode.height) < _SAME):
            return None
        better = repaired(self.surrogate, mode)
        return Lead(better) if better.height > mode.height else None

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
        """Return where to climb the objective from, on the standard scale.

        Under a prior that is one M-step on, because not all that the surrogate allows may lie
        inside the space.
        """
        parameters = self.surrogate.on_standard_scale(lead.mode)
        if not objective.uses_prior:
            return parameters
        shares = responsibilities(self.surrogate.rows, lead.mode.parameters)
        return from_shares(self.complete, shares, objective)


def _is_plain(number: int) -> bool:
    return number % 4 in (1, 2)
