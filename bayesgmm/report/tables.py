"""The posterior of a fit as one table that a terminal can show."""

from __future__ import annotations

import xarray as xr
from rich import box
from rich.table import Table
from rich.text import Text

from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY
from bayesgmm.analysis.summarize import summarize
from bayesgmm.digits import decimals, interval, number
from bayesgmm.schema import COMPONENT, FEATURE

STATISTIC = "statistic"
_NARROWEST_NAMES = 12  # characters, enough for "component 10"


def summary_table(tree: xr.DataTree, *, probability: float = DEFAULT_PROBABILITY) -> Table:
    """Return weights, means and standard deviations with their intervals.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    probability : float, default 0.89
        Posterior probability of the intervals, which leave equal tails on both sides.

    Returns
    -------
    rich.table.Table
        One line per component and feature, narrower than 80 columns with names of usual length.
        Every number shows two digits of its posterior standard deviation.

    Raises
    ------
    SpecificationError
        If ``probability`` does not lie between 0 and 1.
    SchemaError
        If ``tree`` is not a result of ``fit``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.report.tables import summary_table
    >>> summary_table(bg.example_fit()).row_count
    15
    """
    summary = summarize(tree, probability=probability)
    lines = summary.stack(line=(COMPONENT, FEATURE))
    means, scales = _cells(lines["means"]), _cells(lines["scales"])
    weights = _cells(summary["weights"])
    table = _empty_table(summary.attrs["interval"])
    for line, (component, feature) in enumerate(lines["line"].values):
        place, column = divmod(line, summary.sizes[FEATURE])
        if column == 0:
            table.add_section()
            title = Text(f"component {component}", style="bold")
            table.add_row(title, Text.assemble("weight ", weights[place]))
        table.add_row(Text(f"  {feature}"), means[line], scales[line])
    return table


def _empty_table(kind_of_interval: str) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        caption=f"Posterior mean [{kind_of_interval}]",
        caption_justify="left",
        show_edge=False,
        pad_edge=False,
    )
    # Where numbers are so long that lines must be broken, nothing may be cut off.
    table.add_column("", overflow="fold", min_width=_NARROWEST_NAMES)
    table.add_column("mean", overflow="fold")
    table.add_column("standard deviation", overflow="fold")
    return table


def _cells(statistics: xr.DataArray) -> list[Text]:
    """Write mean and interval of every entry, the means aligned right.

    The dims are ``statistic`` and one more.
    """
    mean, deviation, lower, upper = (
        statistics.sel({STATISTIC: name}).values for name in ("mean", "sd", "lower", "upper")
    )
    digits = [decimals(float(value)) for value in deviation]
    numbers = [number(float(value), some) for value, some in zip(mean, digits, strict=True)]
    width = max(map(len, numbers))
    # As Text, since rich would take brackets in a string for markup.
    return [
        Text(f"{text:>{width}} {interval(float(low), float(high), some)}")
        for text, low, high, some in zip(numbers, lower, upper, digits, strict=True)
    ]
