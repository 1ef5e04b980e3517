"""Awkward tables by name, and what may come of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.cases import STRUCTURES


@dataclass(frozen=True, eq=False)
class Awkward:
    """A table that is hard on arithmetic, and the number of components to ask for.

    Attributes
    ----------
    rows : array, shape (n, d)
    n_components : int
    refusal : str or None
        What the message of the ``DataError`` must match, where there is no answer.
    relation : str or None
        What it must match under structures with correlations that no prior of whole matrices
        bounds, where columns depend on each other exactly.
    """

    rows: np.ndarray
    n_components: int = 2
    refusal: str | None = None
    relation: str | None = None

    def suits(self, structure: str) -> bool:
        """Whether there is an answer under a structure."""
        return self.refusal is None and (self.relation is None or structure not in UNBOUNDED)


def two_clouds(n_rows: int = 60, n_features: int = 2, *, seed: int = 0) -> np.ndarray:
    """Return rows of two clouds, well apart, of equal size, correlated within each."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n_rows, n_features))
    rows[:, 1:] += 0.5 * rows[:, :1]
    rows[: n_rows // 2] += 8.0
    return rows


def _changed(rows: np.ndarray, place: object, value: object) -> np.ndarray:
    changed = rows.copy()
    changed[place] = value
    return changed


def _in_a_plane() -> np.ndarray:
    rows = two_clouds(n_features=3)
    rows[:, 2] = rows[:, 0] + rows[:, 1]
    return rows


UNBOUNDED = ("full", "tied")
"""Structures under which a linear relation among columns leaves the density without bound."""

ROWS = two_clouds()
UNITS = np.array([1e-12, 1e-6, 1.0, 1e6, 1e12])

TABLES = {
    "rows in a plane": Awkward(_in_a_plane(), relation=r"rows: x2 = x0 \+ x1\. A"),
    "a column twice": Awkward(ROWS[:, [0, 1, 1]], relation=r"rows: x2 = x1\. A"),
    "all rows equal": Awkward(np.ones((10, 2)), refusal=r"Column 'x0' is constant: 1 in all 10"),
    "a constant column": Awkward(
        _changed(ROWS, np.s_[:, 1], 3.0), refusal=r"Column 'x1' is constant: 3 in all 60"
    ),
    "a column that is constant but for one row": Awkward(
        _changed(_changed(ROWS, np.s_[:, 1], 3.0), (0, 1), 4.0)
    ),
    "half of the rows equal": Awkward(_changed(ROWS, np.s_[:30], ROWS[0])),
    "offset 1e8": Awkward(ROWS + 1e8),
    "offset 1e8 of rows a thousandth apart": Awkward(1e-3 * ROWS + 1e8),
    "units from 1e-12 to 1e12": Awkward(two_clouds(n_features=5) * UNITS),
    "units of 1e-90": Awkward(ROWS * 1e-90),
    "units of 1e90": Awkward(ROWS * 1e90),
    "fewer rows than components": Awkward(ROWS[:2], 3, r"3 components need at least 3 rows.*has 2"),
    "as many rows as components": Awkward(ROWS[::20], 3),
    "fewer rows than features": Awkward(two_clouds(4, 6)),
    "one row": Awkward(ROWS[:1], 1, r"one row; at least two"),
    "two rows": Awkward(ROWS[:2], 2),
    "one feature": Awkward(ROWS[:, :1]),
    "one component": Awkward(ROWS, 1),
    "an outlier at a million standard deviations": Awkward(_changed(ROWS, 0, 1e6)),
    "an outlier in one feature": Awkward(_changed(ROWS, (0, 1), -1e6)),
    "an outlier, and components to spare": Awkward(_changed(ROWS, 0, 1e6), 4),
    "an outlier among five rows": Awkward(_changed(ROWS[::12], 0, 1e6)),
    "more components than clouds": Awkward(ROWS, 6),
    "more components than distinct rows": Awkward(
        np.repeat(ROWS[[0, 40]], 5, axis=0), 4, relation=r"rows: x1 = .* x0 .*\. A"
    ),
    "two values": Awkward(
        np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0), relation=r"rows: x0 \+ x1 = 1\. A"
    ),
}

ANSWERED = {name: table for name, table in TABLES.items() if table.refusal is None}
REFUSED = {name: table for name, table in TABLES.items() if table.refusal is not None}

SUITABLE = [
    (table, structure)
    for table in ANSWERED
    for structure in STRUCTURES
    if ANSWERED[table].suits(structure)
]
"""Every table with every structure under which there is an answer."""

RELATED = [name for name, table in ANSWERED.items() if table.relation is not None]
