"""Entries given for each row, in the order of the rows: sample weights and labels.

Axes: rows n, components k.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from bayesgmm.data.cells import first_labels
from bayesgmm.data.readers import as_labels, expect_storable, unmasked
from bayesgmm.digits import counted, plural
from bayesgmm.errors import DataError
from bayesgmm.options import is_number, is_whole


def in_order_of_rows(values: Any, row_names: Shaped[np.ndarray, " n"] | None, argument: str) -> Any:
    """Return entries in the order of the rows: matched by name where both have names.

    Parameters
    ----------
    values : anything
        Objects with a pandas index that holds the names of all rows are matched by name, in any
        order, and may have entries for other rows, too. Everything else, and an index 0, 1, 2, ...
        that matches no names, is matched by position.
    row_names : array, shape (n,), or None
        ``None`` where the rows have no names.
    argument : str
        Name of the entries in messages.

    Raises
    ------
    DataError
        If entries have names, and not those of the rows, or share them.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from bayesgmm.data.alongside import in_order_of_rows
    >>> weights = pd.Series([1.0, 2.0, 3.0], index=["c", "a", "b"])
    >>> in_order_of_rows(weights, np.array(["a", "b"]), "sample_weight").tolist()
    [2.0, 3.0]
    """
    index = getattr(values, "index", None)
    if row_names is None or index is None or callable(index):
        return values
    import pandas as pd

    rows, entries = pd.Index(row_names), pd.Index(as_labels(index.to_numpy()))
    if entries.equals(rows):
        return values
    known = rows.isin(entries)
    if known.all():
        _expect_once(entries, argument)
        return values.iloc[entries.get_indexer(rows)]
    if _is_numbering(rows) or _is_numbering(entries):
        return values
    unknown = row_names[~known]
    raise DataError(
        f"{argument} has no entry for {unknown.size} of {rows.size} rows: {first_labels(unknown)}. "
        "Its entries are matched with the rows by name; give every row one, or, if both are in the "
        f"same order, drop the names with {argument}.to_numpy()."
    )


def _is_numbering(names: Any) -> bool:
    """Say whether names only count their entries, as those of a new data frame do."""
    return names.equals(type(names)(np.arange(names.size)))


def _expect_once(entries: Any, argument: str) -> None:
    duplicates = entries[entries.duplicated()].unique()
    if duplicates.size:
        raise DataError(
            f"{argument} has several entries for {first_labels(duplicates.to_numpy())}. Its "
            "entries are matched with the rows by name; give every row one name of its own, or "
            f"drop the names with {argument}.to_numpy()."
        )


_LARGEST = 1e15  # sums of more have no room for a single row


def read_weights(
    sample_weight: Any, row_names: Shaped[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Check weights to fit with: as :func:`read_counts`, and two or more together.

    Raises
    ------
    DataError
        If they are not.
    """
    weights = read_counts(sample_weight, row_names)
    if not weights.sum() >= 2:
        raise DataError(
            f"sample_weight sums to {weights.sum():g}; a weight says how often a row counts, and "
            "at least two are needed to estimate a spread. Multiply the weights so that they sum "
            "to the number of rows that they stand for."
        )
    return weights


def read_counts(sample_weight: Any, row_names: Shaped[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Check weights: one for each row, finite, none negative.

    Raises
    ------
    DataError
        If they are not; the message names the rows.
    """
    try:
        weights = np.array(unmasked(sample_weight), dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"sample_weight must be one number for each row: {error}. Give a list or an array."
        ) from error
    if weights.shape != row_names.shape:
        raise DataError(
            f"sample_weight has shape {weights.shape}; the table has "
            f"{counted(row_names.size, 'row')}. Give one number for each row."
        )
    wrong = ~((weights >= 0) & (weights <= _LARGEST))
    if wrong.any():
        named = first_labels(row_names[wrong])
        raise DataError(
            f"sample_weight is negative, missing or not finite in {int(wrong.sum())} of "
            f"{weights.size} rows: {named}. Every weight must be a number from 0 to "
            f"{_LARGEST:g}; 0 leaves a row out."
        )
    return weights


UNLABELLED = -1
"""A missing label, as in scikit-learn; None, NaN and an empty text are missing labels, too."""

_FORMS = (
    "A label is the number or the name of a component, a set of these, a mapping of these to "
    "probabilities, or None; or labels is one table of probabilities, shape (n, k)"
)


@dataclass(frozen=True, eq=False)
class Labels:
    """The information in labels.

    Attributes
    ----------
    label_log_likelihoods : array, shape (n, k)
        Logarithms of factors that the densities of a row under the components are multiplied by.
    names : tuple of strings
        Of the first components, where labels use names.
    """

    label_log_likelihoods: Float[np.ndarray, "n k"]
    names: tuple[str, ...] = ()


def read_labels(labels: Any, n_components: int, row_names: Shaped[np.ndarray, " n"]) -> Labels:
    """Read what is known of each row.

    Parameters
    ----------
    labels : sequence of n labels, or table (n, k)
        See ``fit``.
    n_components : int
    row_names : array, shape (n,)
        For messages.

    Raises
    ------
    DataError
        If there is not one label for each row, if labels name no component, or if probabilities
        are invalid.
    """
    labels = unmasked(labels)
    table = _as_table(labels)
    if table is not None:
        return Labels(_of_table(table, n_components, row_names))
    entries = labels.to_pylist() if hasattr(labels, "to_pylist") else list(labels)  # pyarrow's
    if len(entries) != row_names.size:
        raise DataError(
            f"There {plural(len(entries), 'is', 'are')} {counted(len(entries), 'label')} for "
            f"{counted(row_names.size, 'row')}. Give one for each row; "
            "None where nothing is known."
        )
    names = _names_in(entries)
    if len(names) > n_components:
        raise DataError(
            f"The labels name {len(names)} components, {', '.join(names[:10])}; the model has "
            f"{n_components}. Ask for more components, or leave labels out."
        )
    reader = _Reader(n_components, names)
    probabilities = np.ones((len(entries), n_components))
    for number, entry in enumerate(entries):
        if not _says_nothing(entry):
            probabilities[number] = reader.probabilities(entry, row_names[number])
    return Labels(_logarithms(probabilities, row_names), names)


def _as_table(labels: Any) -> np.ndarray | None:
    """Return probabilities given as one table, or None."""
    if isinstance(labels, str | bytes | Mapping) or not hasattr(labels, "__len__"):
        raise DataError(f"labels must be a sequence with one entry for each row. {_FORMS}.")
    shape = getattr(labels, "shape", ())
    return np.array(labels, dtype=float) if len(shape) == 2 else None


def _of_table(
    table: np.ndarray, n_components: int, row_names: Shaped[np.ndarray, " n"]
) -> Float[np.ndarray, "n k"]:
    if table.shape != (row_names.size, n_components):
        raise DataError(
            f"labels is a table of shape {table.shape}; expected ({row_names.size}, "
            f"{n_components}), a probability for every row and component."
        )
    unknown = np.isnan(table).all(axis=1)
    return _logarithms(np.where(unknown[:, None], 1.0, table), row_names)


def _logarithms(
    probabilities: Float[np.ndarray, "n k"], row_names: Shaped[np.ndarray, " n"]
) -> Float[np.ndarray, "n k"]:
    """Check that every row has numbers from 0 to 1, one of them not 0."""
    in_range = (probabilities >= 0) & (probabilities <= 1)
    wrong = ~(in_range.all(axis=1) & (probabilities.max(axis=1) > 0))
    if wrong.any():
        raise DataError(
            f"The labels of {counted(int(wrong.sum()), 'row')} are no probabilities: "
            f"{first_labels(row_names[wrong])}. Give numbers from 0 to 1, one of them at least "
            "above 0; nothing but NaN where nothing is known."
        )
    with np.errstate(divide="ignore"):
        return np.log(probabilities)


def _names_in(entries: list[Any]) -> tuple[str, ...]:
    """Return all names that occur, sorted."""
    found: set[str] = set()
    for entry in entries:
        parts = entry if isinstance(entry, Mapping | set | frozenset | list | tuple) else [entry]
        found.update(str(part) for part in parts if isinstance(part, str) and part)
    expect_storable("The label", found)
    return tuple(sorted(found))


def _says_nothing(entry: Any) -> bool:
    if entry is None or (isinstance(entry, str) and not entry):
        return True
    if is_whole(entry):
        return entry == UNLABELLED
    if isinstance(entry, float | np.floating):
        return bool(np.isnan(entry)) or entry == UNLABELLED
    return type(entry).__name__ in ("NAType", "NaTType")


@dataclass(frozen=True)
class _Reader:
    """Turns one label into probabilities."""

    n_components: int
    names: tuple[str, ...]

    def probabilities(self, entry: Any, row: Any) -> np.ndarray:
        result = np.zeros(self.n_components)
        if isinstance(entry, Mapping):
            for component, probability in entry.items():
                result[self._number(component, row)] = probability
        elif isinstance(entry, set | frozenset | list | tuple):
            for component in entry:
                result[self._number(component, row)] = 1.0
        elif isinstance(entry, np.ndarray) and entry.shape == (self.n_components,):
            result[:] = entry
        else:
            result[self._number(entry, row)] = 1.0
        return result

    def _number(self, component: Any, row: Any) -> int:
        if isinstance(component, str) and component in self.names:
            return self.names.index(component)
        if is_number(component) and component in range(self.n_components):
            return int(component)
        named = f", {', '.join(self.names)}" if self.names else ""
        raise DataError(
            f"The label {component!r} of row {row} names no component; there are 0 to "
            f"{self.n_components - 1}{named}. {_FORMS}."
        )
