"""Rows to ask a fit about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesgmm.cli.csv_file import expect_columns, expect_numbers
from bayesgmm.cli.tables import TableSource, read_table
from bayesgmm.cli.text_format import TextFormat
from bayesgmm.errors import SpecificationError, warn
from bayesgmm.schema import FEATURE

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def rows_for(
    tree: xr.DataTree, source: TableSource | None, names: str | None, text_format: TextFormat
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Return the features of a fit, and the whole table that has them; ``None`` for its own rows.

    ``names`` is the column with the names of the rows.
    """
    if source is None:
        if names is not None:
            raise SpecificationError(
                "--id names a column of DATA, which was not given; the rows of the fit have names."
            )
        text_format.expect_default("The table of the fit")
        return None, None
    features = features_of(tree)
    asked = features if names is None else [*features, names]
    table = read_table(source, None, text_format.with_names(asked))
    rows = expect_columns(table, asked, str(source))[features]
    expect_numbers(rows, text_format.decimal, may_choose=False)
    return (rows if names is None else named(rows, table[names])), table


def features_of(tree: xr.DataTree) -> list[str]:
    """Return the names of the features of a fit."""
    return [str(name) for name in tree["posterior"][FEATURE].values]


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
