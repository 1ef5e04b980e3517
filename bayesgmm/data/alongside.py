"""What is given beside a table, one entry for each of its rows, brought into their order."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Shaped

from bayesgmm.data.cells import first_labels
from bayesgmm.data.readers import as_labels
from bayesgmm.errors import DataError


def in_order_of_rows(values: Any, row_names: Shaped[np.ndarray, " n"] | None, argument: str) -> Any:
    """Return entries in the order of the rows: matched by name where both have names.

    Parameters
    ----------
    values : anything
        What has a pandas index that holds the names of all rows is matched by name, in whatever
        order it comes, and may have entries for other rows, too. Places count for all else, and
        for an index 0, 1, 2, ... that fits no names.
    row_names : array, shape (n,), or None
        ``None`` where the rows have no names.
    argument : str
        What to call the entries in a message.

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
    twins = entries[entries.duplicated()].unique()
    if twins.size:
        raise DataError(
            f"{argument} has several entries for {first_labels(twins.to_numpy())}. Its "
            "entries are matched with the rows by name; give every row one name of its own, or "
            f"drop the names with {argument}.to_numpy()."
        )
