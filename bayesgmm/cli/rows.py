"""Rows to ask a fit about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bayesgmm.cli.csv_file import expect_numbers
from bayesgmm.cli.tables import read_table, source_of
from bayesgmm.errors import SpecificationError, warn
from bayesgmm.schema import FEATURE

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def rows_for(tree: xr.DataTree, data: Path | None, names: str | None) -> pd.DataFrame | None:
    """Return the features of a fit out of a table that may have others; ``None`` for its own rows.

    ``names`` is the column with the names of the rows.
    """
    if data is None:
        if names is not None:
            raise SpecificationError(
                "--id names a column of DATA, which was not given; the rows of the fit have names."
            )
        return None
    features = [str(name) for name in tree["posterior"][FEATURE].values]
    table = read_table(source_of(data), features if names is None else [*features, names])
    expect_numbers(table[features])
    return table[features] if names is None else named(table[features], table[names])


def named(table: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """Return a table whose rows go by the names in a column of the same rows; warn of twins."""
    own = names.loc[table.index]
    twins = own[own.duplicated()].unique().tolist()
    if twins:
        some = ", ".join(map(str, twins[:3])) + (", ..." if len(twins) > 3 else "")
        warn(
            f"Rows share names in column {names.name!r} of --id: {some}. What is said of such a "
            "row may be said of another."
        )
    return table.set_index(own.to_numpy())
