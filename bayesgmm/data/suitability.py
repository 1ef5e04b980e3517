"""Whether a table suits an analysis: enough rows, distinct columns, no missing cells.

Linear relations among columns that hold in every row, up to rounding, are found from a sample of
the rows: a column is a candidate if its distance from the linear span of the previous columns is
within rounding error. Candidates are checked in all rows, and a contradicting row is added to the
sample. So long tables cost one more pass per relation, and none without relations.

Axes: rows n, features d. Columns are measured in their typical spreads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bayesgmm.data.cells import first_labels, over_rows
from bayesgmm.data.dataset import Dataset
from bayesgmm.digits import plural
from bayesgmm.errors import DataError, warn

_EXACT = 1e-9  # largest residual, in spreads; that of correlations of 1 - 1e-9 is 4e-5
_ROUNDINGS = 8.0  # of the largest cell, which a residual may be besides
_LARGEST_ROUNDING = 1e-5  # far below 4e-5, however far columns lie from zero
_NEGLIGIBLE = 1e-7  # coefficients, in spreads; without them a relation must still hold
_FIRST_ROWS = 400
_MOST_ROUNDS = 30
_SOME_ROWS = 2_000


@dataclass(frozen=True, eq=False)
class Relation:
    """One relation: the sum of coefficients times columns is constant.

    Attributes
    ----------
    columns : integer array, shape (s,)
        Rising; the last one is what the others determine.
    coefficients : array, shape (s,)
        In the units of the data; that of the last column is -1.
    constant : float
        So that the sum of coefficients times columns, plus the constant, is zero.
    """

    columns: Int[np.ndarray, " s"]
    coefficients: Float[np.ndarray, " s"]
    constant: float

    def __str__(self) -> str:
        return self.named([f"x{column}" for column in range(self.columns[-1] + 1)])

    def named(self, names: list[str] | tuple[str, ...]) -> str:
        """Write the relation with names of columns, such as ``inch = 0.394 cm``.

        Examples
        --------
        >>> import numpy as np
        >>> from bayesgmm.data.suitability import Relation
        >>> Relation(np.array([0, 1]), np.array([1 / 2.54, -1.0]), 0.0).named(["cm", "inch"])
        'inch = 0.394 cm'
        >>> Relation(np.arange(3), -np.ones(3), 100.0).named(["sand", "silt", "clay"])
        'sand + silt + clay = 100'
        """
        known = [names[column] for column in self.columns]
        if np.allclose(self.coefficients, -1.0, rtol=1e-6, atol=0.0):
            return f"{' + '.join(known)} = {_short(self.constant)}"
        others = zip(self.coefficients[:-1], known[:-1], strict=True)
        terms = [*others, *([(self.constant, "")] if self.constant else [])]
        told = " ".join(_term(coefficient, name) for coefficient, name in terms)
        told = told.removeprefix("+ ") if told[0] == "+" else f"-{told.removeprefix('- ')}"
        return f"{known[-1]} = {told}"


def _term(coefficient: float, name: str) -> str:
    sign, size = "-" if coefficient < 0 else "+", _short(abs(coefficient))
    return f"{sign} {name}" if name and size == "1" else f"{sign} {size} {name}".rstrip()


def _short(number: float) -> str:
    """Write a coefficient with three digits, and whole numbers whole."""
    nearest = round(number)
    if nearest and abs(number - nearest) < 1e-7 * abs(number) and abs(nearest) < 1e6:
        return str(nearest)
    return f"{number:.3g}"


def linear_relations(dataset: Dataset) -> list[Relation]:
    """Find the linear relations among the columns of the fitted rows.

    Each has a last column that no other relation has as its last, so that without these columns
    none is left. A relation holds in more rows than it has columns, each as often as it counts: in
    fewer there is always one. Rows in which one of its columns is missing are ignored.

    Examples
    --------
    >>> from bayesgmm.data.dataset import read_table
    >>> from bayesgmm.data.suitability import linear_relations
    >>> table = read_table([[0.0, 32.0], [10.0, 50.0], [20.0, 68.0], [35.0, 95.0]])
    >>> [str(relation) for relation in linear_relations(table)]
    ['x1 = 1.8 x0 + 32']
    """
    if dataset.n_features == 1:
        return []
    return _Columns.of(dataset.fitted).relations()


@dataclass(frozen=True, eq=False)
class _Columns:
    """Columns of the fitted rows, and how exact their cells are, in spreads."""

    data: Dataset
    rounding: Float[np.ndarray, " d"]

    @classmethod
    def of(cls, data: Dataset) -> _Columns:
        low, high = over_rows(np.fmin, data.values), over_rows(np.fmax, data.values)
        resolutions = _resolutions(data.evenly(_SOME_ROWS).values)
        return cls(data, _ROUNDINGS * resolutions * np.maximum(high, -low) / data.spread)

    def relations(self) -> list[Relation]:
        has_gaps = self.data.has_gaps
        columns = np.arange(self.data.n_features)
        whole = ~np.isnan(self.data.values).any(axis=1) if has_gaps else slice(None)
        found = self._among(np.arange(self.data.n_rows)[whole], columns)
        if has_gaps:
            taken = {relation.columns[-1] for relation in found}
            found += [pair for pair in self._pairs() if pair.columns[-1] not in taken]
        return sorted(found, key=lambda relation: (relation.columns.size, relation.columns[-1]))

    def _pairs(self) -> Iterator[Relation]:
        """Look at two columns at a time, in the rows that have both."""
        correlated = _strongly_correlated(self.data.evenly(_SOME_ROWS))
        for second in range(1, self.data.n_features):
            for first in np.flatnonzero(correlated[:second, second]):
                pair = np.array([first, second])
                both = ~np.isnan(self.data.values[:, pair]).any(axis=1)
                found = self._among(np.flatnonzero(both), pair)
                if found:
                    yield found[0]
                    break

    def _among(self, rows: Int[np.ndarray, " m"], columns: Int[np.ndarray, " c"]) -> list[Relation]:
        """Find relations among some columns, none of which is missing in these rows."""
        if rows.size < 3:
            return []
        chosen = self._first_rows(rows, columns)
        for _ in range(_MOST_ROUNDS):
            part = self.data.values[np.ix_(chosen, columns)]
            part = (part - np.median(part, axis=0)) / self.data.spread[columns]
            candidates = list(_dependent(part, self.rounding[columns]))
            asked = [self._asked(columns[support], weights) for support, weights in candidates]
            worst = np.array([row for _, row in asked if row is not None], dtype=int)
            new = np.setdiff1d(worst, chosen)
            if not new.size:
                return [relation for relation, _ in asked if relation is not None]
            chosen = np.union1d(chosen, new)
        return []

    def _first_rows(
        self, rows: Int[np.ndarray, " m"], columns: Int[np.ndarray, " c"]
    ) -> Int[np.ndarray, " s"]:
        """Return rows at equal distances, and others if a column is constant in these."""
        chosen = rows[:: -(-rows.size // max(_FIRST_ROWS, 4 * columns.size))]
        more = [chosen]
        for column in columns[np.ptp(self.data.values[np.ix_(chosen, columns)], axis=0) == 0]:
            cells = self.data.values[rows, column]
            more.append(rows[[cells.argmin(), cells.argmax()]])
        return np.unique(np.concatenate(more))

    def _asked(
        self, support: Int[np.ndarray, " s"], weights: Float[np.ndarray, " s"]
    ) -> tuple[Relation | None, int | None]:
        """Return the relation, or the row that contradicts it most; neither, if rows are few."""
        spreads = self.data.spread[support]
        coefficients = weights / spreads
        levels = self.data.values[:, support] @ coefficients
        here = np.flatnonzero(~np.isnan(levels))
        level = np.median(levels[here])
        residuals = np.abs(levels[here] - level)
        if residuals.max() > _allowed(weights, self.rounding[support]):
            return None, int(here[residuals.argmax()])
        counts = self.data.weights[here].sum() if self.data.weights.size else here.size
        if counts < support.size + 1:
            return None, None
        largest = np.nanmax(np.abs(self.data.values[:, support] * coefficients))
        constant = 0.0 if abs(level) < 1e-7 * largest else float(level * spreads[-1])
        return Relation(support, -coefficients * spreads[-1], constant), None


def _allowed(weights: np.ndarray, rounding: np.ndarray) -> float:
    """Return the maximum residual from rounding, in spreads of the last column."""
    return _EXACT + min(float(np.abs(weights) @ rounding), _LARGEST_ROUNDING)


def _dependent(
    part: Float[np.ndarray, "m c"], rounding: Float[np.ndarray, " c"]
) -> Iterator[tuple[Int[np.ndarray, " s"], Float[np.ndarray, " s"]]]:
    """Yield the supports and weights of relations in some rows; the last weight is 1.

    Columns are taken in their order and made orthogonal to those before them, twice, which is as
    good as once with exact numbers (Giraud, Langou & Rozloznik, 2005).
    """
    part = part - part.mean(axis=0)
    n_rows, n_columns = part.shape
    basis = np.empty((n_rows, 0))
    kept: list[int] = []
    for column in range(n_columns):
        left = part[:, column].copy()
        for _ in range(2):
            left -= basis @ (basis.T @ left)
        size, found = np.linalg.norm(left), None
        limit = np.sqrt(n_rows) * _allowed(np.ones(1), rounding[[*kept, column]].max(keepdims=True))
        if kept and size <= limit + 1e-13 * np.linalg.norm(part[:, column]):
            found = _sparsest(part, np.array(kept), column, rounding)
        if found is not None:
            yield found
        elif size > 0:
            basis, kept = np.column_stack([basis, left / size]), [*kept, column]


def _sparsest(
    part: np.ndarray, kept: Int[np.ndarray, " c"], column: int, rounding: np.ndarray
) -> tuple[Int[np.ndarray, " s"], Float[np.ndarray, " s"]] | None:
    """Express a column by one other if possible, or else by the relevant ones.

    ``None`` if rounding does not explain the residual.
    """
    one, others = part[:, column], part[:, kept]
    squares = np.einsum("ij,ij->j", others, others)
    slopes = others.T @ one / squares
    for place in np.flatnonzero(np.abs(one[:, None] - slopes * others).max(axis=0) <= 2e-5):
        support, weights = np.array([kept[place], column]), np.array([-slopes[place], 1.0])
        if np.abs(part[:, support] @ weights).max() <= _allowed(weights, rounding[support]):
            return support, weights
    slopes = np.linalg.lstsq(others, one, rcond=None)[0]
    counting = np.abs(slopes) * np.sqrt(squares / squares.max()) > _NEGLIGIBLE
    for chosen in (kept[counting], kept):
        slopes = np.linalg.lstsq(part[:, chosen], one, rcond=None)[0]
        support, weights = np.append(chosen, column), np.append(-slopes, 1.0)
        if np.abs(part[:, support] @ weights).max() <= _allowed(weights, rounding[support]):
            return support, weights
    return None


def _resolutions(values: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """Return how exact the cells of each column are, relatively: as doubles, or singles."""
    with np.errstate(over="ignore", invalid="ignore"):
        single = (values.astype(np.float32) == values) | np.isnan(values)
        whole = (np.rint(values) == values) | np.isnan(values)
    singles = single.all(axis=0) & ~whole.all(axis=0)
    return np.where(singles, np.finfo(np.float32).eps, np.finfo(float).eps)


def _strongly_correlated(data: Dataset) -> Bool[np.ndarray, "d d"]:
    """Return which pairs of columns have correlations near one in the rows that have both."""
    scaled = (data.values - np.nanmedian(data.values, axis=0)) / data.spread
    there, filled = (~np.isnan(scaled)).astype(float), np.nan_to_num(scaled)
    counts, sums = np.maximum(there.T @ there, 1.0), filled.T @ there
    squares = (filled**2).T @ there - sums**2 / counts
    products = filled.T @ filled - sums * sums.T / counts
    return products**2 >= (1 - 1e-4) * squares * squares.T


_SMALLEST_RATIO = 1e-100
"""Of standard deviations that are measured in one unit: squares must stay representable."""

_NAMED = 4  # relations among columns; more would be no help to a reader


def expect_complete(dataset: Dataset, question: str) -> None:
    """Raise a ``DataError`` that names rows with missing cells, if an analysis needs complete rows.

    ``question`` is its name, such as "A distribution function".
    """
    rows = np.flatnonzero(np.isnan(dataset.values).any(axis=1))
    if rows.size:
        raise DataError(
            f"{question} needs complete rows; {rows.size} of {dataset.n_rows} "
            f"{plural(rows.size, 'has', 'have')} missing cells: "
            f"{first_labels(dataset.row_names[rows])}. Leave them out, or impute them first."
        )


def expect_enough_rows(dataset: Dataset, n_components: int) -> None:
    """Raise a ``DataError`` if there are fewer fitted rows than components."""
    fitted, needed = dataset.fitted, f"{n_components} components need at least {n_components} rows"
    if fitted.n_rows < n_components:
        given = f"the table has {dataset.n_rows}"
        if fitted.n_rows < dataset.n_rows:
            verb = plural(fitted.n_rows, "has", "have")
            given += f", of which {fitted.n_rows} {verb} an observed cell and a weight above zero"
        elif dataset.weights.size:
            given += ", however often each counts"
        raise DataError(f"{needed}; {given}. Ask for fewer components or give more rows.")
    if fitted.total_weight < n_components:
        raise DataError(
            f"{needed}; the rows count {fitted.total_weight:g} times together. A row of weight 2 "
            "counts as two rows: multiply sample_weight so that it sums to the number of rows that "
            "it stands for."
        )


def expect_counting_rows(dataset: Dataset) -> None:
    """Raise a ``DataError`` if no row has an observed cell and a weight above zero."""
    if not dataset.is_fitted.any():
        raise DataError(
            "No row has an observed cell and a weight above zero, so no criterion can be "
            "computed. Give rows with observed cells."
        )


def judge_relations(dataset: Dataset, *, tied: bool, uses_prior: bool) -> None:
    """Name linear relations among the columns that hold in all rows, to rounding.

    The likelihood of correlated normal distributions then grows without bound as they become flat:
    without a prior that is a ``DataError``. With one it is a warning, since the resolution of the
    columns bounds the posterior. Structures that share one covariance matrix have ``tied``.
    """
    relations = linear_relations(dataset)
    if not relations:
        return
    names = dataset.feature_names
    told = [relation.named(names) for relation in relations[:_NAMED]]
    if len(relations) > _NAMED:
        told.append(f"{len(relations) - _NAMED} more such relations")
    surplus = ", ".join(repr(names[relation.columns[-1]]) for relation in relations)
    prefix, say = "Tied" * tied, plural(len(relations), "is", "are")
    problem = f"Columns depend on each other exactly, in all rows: {'; '.join(told)}."
    remedy = (
        f"Leave out {surplus}, which {say} redundant; or use {prefix}Diagonal(), which has no "
        f"correlations, or {prefix}InverseWishart(), whose prior rules out singular matrices."
    )
    if uses_prior:
        warn(
            f"{problem} The fit allows deviations up to the resolution of the columns, and "
            f"chains mix slowly along such relations. {remedy}"
        )
        return
    raise DataError(
        f"{problem} A covariance matrix with correlations is singular there, and the likelihood "
        f"is unbounded. {remedy}"
    )


def expect_like_units(dataset: Dataset) -> None:
    """Raise a ``DataError`` if the units differ too much for one common scale."""
    ratios = dataset.deviation / dataset.deviation.max()
    narrowest, widest = int(ratios.argmin()), int(ratios.argmax())
    if ratios[narrowest] < _SMALLEST_RATIO:
        names = dataset.feature_names
        raise DataError(
            f"A spherical structure has one scale for all features, but column "
            f"{names[narrowest]!r} varies {ratios[narrowest]:.0e} times as much as column "
            f"{names[widest]!r}. Use comparable units, or use Diagonal() or TiedDiagonal()."
        )
