"""What was filled in, as a table that a terminal can show."""

from __future__ import annotations

import xarray as xr
from rich import box
from rich.table import Table
from rich.text import Text

from bayesgmm.digits import decimals, number
from bayesgmm.schema import FEATURE


def imputation_table(cells: xr.Dataset) -> Table:
    """Return the number of missing cells of each feature, and how well they are known.

    Parameters
    ----------
    cells : xarray.Dataset
        Those of an :class:`bayesgmm.Imputation`.

    Returns
    -------
    rich.table.Table
        A line for every feature with missing cells: how many, the mean of what was put there, and
        the median of the standard deviations of these predictions.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.report.imputations import imputation_table
    >>> birds = bg.datasets.load("penguins")
    >>> imputation_table(bg.impute(bg.example_fit(), birds).cells).row_count
    4
    """
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("", "missing cells", "mean imputed", "typical uncertainty"):
        table.add_column(heading, justify="right" if heading else "left")
    lines = cells[["mean", "sd"]].to_dataframe()
    for name, own in lines.groupby(FEATURE, sort=False):
        mean, sd = float(own["mean"].mean()), float(own["sd"].median())
        places = decimals(sd)
        table.add_row(Text(str(name)), str(len(own)), number(mean, places), number(sd, places))
    return table
