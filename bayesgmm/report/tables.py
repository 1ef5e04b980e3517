"""Tables and messages for the terminal: posterior summary, imputation, convergence, uncertainty."""

from __future__ import annotations

import xarray as xr
from rich import box
from rich.table import Table
from rich.text import Text

from bayesgmm.analysis.clustering.cluster import DEFAULT_CERTAINTY, expected_responsibilities
from bayesgmm.analysis.diagnosis.diagnose import diagnose
from bayesgmm.analysis.summarize import summarize
from bayesgmm.digits import decimals, interval, number, plural
from bayesgmm.schema import COMPONENT, FEATURE
from bayesgmm.tree.fit import Fit

STATISTIC = "statistic"
_NARROWEST_NAMES = 12  # characters, enough for "component 10"


def summary_table(tree: xr.DataTree) -> Table:
    """Return weights, means and standard deviations with their 89 % intervals.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.

    Returns
    -------
    rich.table.Table
        One line per component and feature, narrower than 80 columns with names of usual length.
        Every number shows two digits of its posterior standard deviation.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.report.tables import summary_table
    >>> summary_table(bg.example_fit()).row_count
    15
    """
    summary = summarize(tree)
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
    # Long numbers are wrapped, never truncated.
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
    # As Text, since rich interprets brackets in a string as markup.
    return [
        Text(f"{text:>{width}} {interval(float(low), float(high), some)}")
        for text, low, high, some in zip(numbers, lower, upper, digits, strict=True)
    ]


def imputation_table(cells: xr.Dataset) -> Table:
    """Return the number of missing cells of each feature, and their uncertainty.

    Parameters
    ----------
    cells : xarray.Dataset
        Those of an :class:`bayesgmm.Imputation`.

    Returns
    -------
    rich.table.Table
        One line per feature with missing cells: their number, the mean of the imputed values, and
        the median of the standard deviations of these predictions.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.report.tables import imputation_table
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


def convergence_lines(tree: xr.DataTree) -> list[str]:
    """Return the verdict on convergence in one line, followed by the findings.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.report.tables import convergence_lines
    >>> convergence_lines(bg.example_fit())
    ['Converged: 4 chains of 1000 draws agree (R-hat at most ..., no divergences).']
    """
    diagnosis = diagnose(tree)
    return [diagnosis.verdict, *(f"- {finding}" for finding in diagnosis.findings)]


def uncertainty_line(
    tree: xr.DataTree, *, rows: str = "rows", certainty: float = DEFAULT_CERTAINTY
) -> str:
    """Return a sentence on the number of rows assigned with less than the given certainty.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    rows : str, default "rows"
        Name of the rows, in the plural.
    certainty : float, default 0.9
        Probability of the most probable component below which a row counts.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.report.tables import uncertainty_line
    >>> uncertainty_line(bg.example_fit(), rows="birds")
    '1... of 342 birds are assigned with less than 90% certainty.'
    """
    fit = Fit.of(tree)
    blank = fit.data.blank  # without information
    certainties = expected_responsibilities(fit).max(COMPONENT).values[~blank]
    measured = " with a measured cell" if blank.any() else ""
    count = int((certainties < certainty).sum())
    return (
        f"{count} of {certainties.size} {rows}{measured} {plural(count, 'is', 'are')} assigned "
        f"with less than {certainty:.0%} certainty."
    )
