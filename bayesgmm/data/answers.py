"""Results as tables: for pandas, for a terminal, for a notebook.

Results are labeled arrays, which are converted to data frames here. Results for rows of data have
one line per row, and other dims become columns. Otherwise there is one line for every combination
of the dims that all variables share.
"""

from __future__ import annotations

import html
import math
import shutil
from collections.abc import Container
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayesgmm.data.alongside import in_order_of_rows
from bayesgmm.data.dataset import default_names
from bayesgmm.digits import decimals, number
from bayesgmm.errors import DataError
from bayesgmm.schema import COMPONENT, DATA, FEATURE, ROW

if TYPE_CHECKING:
    import pandas as pd

STATISTIC, PARAMETER = "statistic", "parameter"

_COLUMNS = {DATA: "", "responsibilities": "responsibility"}
"""What stands before the names of columns that one variable is spread over."""

_SHOWN = (
    {STATISTIC, COMPONENT, FEATURE},  # summarize
    {"covariances", "n_components"},  # select
    {"model"},  # compare
    {"estimator"},  # evidence
)
_MOST_LINES = 60


def table(answer: Any, X: Any | None = None) -> pd.DataFrame:
    """Return a result as a pandas data frame, with the names of rows, features and components.

    Parameters
    ----------
    answer : xarray.Dataset, xarray.DataArray, Imputation, LabelingReport or Diagnosis
        Result of a function of bayesgmm.
    X : table, optional
        Rows of the result; their columns come first. Where both have names, rows are
        matched by name, and ``X`` may have others, too.

    Returns
    -------
    pandas.DataFrame
        One line per row of data if the result has any: for :func:`bayesgmm.cluster`,
        :func:`bayesgmm.partition`, :func:`bayesgmm.generate`, :func:`bayesgmm.regress`, ... Of
        :func:`bayesgmm.summarize`, one for every parameter; of :func:`bayesgmm.select` and
        :func:`bayesgmm.compare`, one for every model; of an imputation, the completed table.
        Numbers are not rounded. Variables that lack a dim of the lines are left out; ask for them
        by name, as in ``table(merged["probability"])``.

    Raises
    ------
    DataError
        If ``answer`` is not a result of bayesgmm, or ``X`` does not have its rows.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.example_fit()
    >>> bg.table(bg.summarize(tree)).loc[("means", 0, "body_mass_g")].round(-2).tolist()
    [3700.0, 0.0, 3600.0, 3800.0]
    >>> birds = bg.datasets.load("penguins")
    >>> found = bg.table(bg.cluster(tree, progress=False), birds)
    >>> found.loc[0, ["species", "label"]].astype(str).tolist()
    ['Adelie', '0']
    """
    frame = _frame(answer)
    if X is None:
        return frame
    import pandas as pd

    if frame.index.name != ROW:
        raise DataError(
            "X goes with answers about its rows, such as those of cluster; leave it out."
        )
    cells = _cells(X)
    cells = in_order_of_rows(cells, frame.index.to_numpy(), "X")
    if len(cells) != len(frame):
        raise DataError(
            f"X has {len(cells)} rows, and the answer {len(frame)}; pass the same rows."
        )
    cells = cells.set_axis(frame.index)
    return pd.concat([cells, apart_from(frame, cells.columns)], axis=1)


def apart_from(found: pd.DataFrame, taken: Container[str]) -> pd.DataFrame:
    """Return columns under names of their own: ``cluster_label`` where ``label`` is taken."""
    return found.rename(columns={name: _free(name, taken) for name in found.columns})


class Tabular(xr.Dataset):
    """A dataset that is displayed as a table, as long as it has the dims of one."""

    __slots__ = ()

    @classmethod
    def of(cls, dataset: xr.Dataset) -> Tabular:
        """Return the same dataset."""
        variables = dataset.variables  # without coordinates, so that dims keep their order
        own = {name: variables[name] for name in dataset.data_vars}
        return cls(own, {name: variables[name] for name in dataset.coords}, dataset.attrs)

    def __repr__(self) -> str:
        if not self._is_table():
            return super().__repr__()
        width = shutil.get_terminal_size((100, 24)).columns
        text = _written(table(self)).to_string(max_rows=_MOST_LINES, line_width=width)
        return "\n".join([text, "", *self._notes()])

    def _repr_html_(self) -> str:
        if not self._is_table():
            return super()._repr_html_()
        notes = "<br>".join(map(html.escape, self._notes()))
        return f"{_written(table(self)).to_html(max_rows=_MOST_LINES)}<p>{notes}</p>"

    def _is_table(self) -> bool:
        return set(self.sizes) in _SHOWN

    def _notes(self) -> list[str]:
        attributes = {"interval": "{}", "best": "The smallest BIC: {}", "note": "{}"}
        notes = [
            text.format(self.attrs[name]) for name, text in attributes.items() if name in self.attrs
        ]
        sizes = ", ".join(f"{name}: {size}" for name, size in self.sizes.items())
        return [*notes, f"xarray.Dataset ({sizes}) of {', '.join(map(str, self.data_vars))}"]


Tabular.__name__ = xr.Dataset.__name__  # what messages and xarray call it


def _frame(answer: Any) -> pd.DataFrame:
    for part in ("completed", "figures"):  # of an imputation; of a report and a diagnosis
        if hasattr(answer, part) and not isinstance(answer, xr.Dataset | xr.DataArray):
            answer = getattr(answer, part)
            return _cells(answer) if part == "completed" else _frame(answer)
    if isinstance(answer, xr.DataArray):
        return _of_array(answer)
    if not isinstance(answer, xr.Dataset):
        raise DataError(
            "Expected what a function such as bayesgmm.summarize or bayesgmm.cluster returned, "
            f"not {type(answer).__name__!r}."
        )
    if STATISTIC in answer.dims:
        return _of_statistics(answer)
    if ROW in answer.dims:
        return _spread(answer, [ROW])
    several = [set(values.dims) for values in answer.data_vars.values() if values.dims]
    shared = set.intersection(*several) if several else set()
    first = next((values.dims for values in answer.data_vars.values() if values.dims), ())
    return _spread(answer, [dim for dim in first if dim in shared] or list(first))


def _of_array(values: xr.DataArray) -> pd.DataFrame:
    """Return rows by columns of two dims, and one column of other numbers of dims."""
    if values.ndim == 2:
        return values.to_pandas()
    name = str(values.name or "value")
    if values.ndim == 0:
        return _spread(values.to_dataset(name=name), [])
    return values.to_dataframe(name)[[name]]


def _of_statistics(answer: xr.Dataset) -> pd.DataFrame:
    """Return one line for every parameter, statistics in columns."""
    import pandas as pd

    parts = []
    for name, values in answer.data_vars.items():
        own = values.expand_dims([dim for dim in (COMPONENT, FEATURE) if dim not in values.dims])
        own = own.transpose(COMPONENT, FEATURE, STATISTIC)
        keys = [own[dim].values if dim in values.dims else [""] for dim in (COMPONENT, FEATURE)]
        lines = pd.MultiIndex.from_product([[name], *keys], names=[PARAMETER, COMPONENT, FEATURE])
        numbers = own.values.reshape(len(lines), -1)
        parts.append(pd.DataFrame(numbers, lines, own[STATISTIC].values))
    return pd.concat(parts)


def _spread(answer: xr.Dataset, index: list[str]) -> pd.DataFrame:
    """Return one line for every combination of these dims, other dims in the names of columns."""
    import pandas as pd

    lines = answer[index].to_dataframe().index if index else pd.RangeIndex(1)
    beside = [
        name
        for name, one in answer.coords.items()
        if one.dims == tuple(index) and name not in index
    ]
    variables = [name for name, one in answer.data_vars.items() if set(index) <= set(one.dims)]
    # Variables with one value per row come before those of every component.
    variables.sort(key=lambda name: (name != DATA, answer[name].ndim))
    columns: dict[str, np.ndarray] = {}
    for name in [*beside, *variables]:
        values = answer[name].transpose(*index, ...)
        others = [answer[dim].values for dim in values.dims[len(index) :]]
        prefix = _COLUMNS.get(str(name), str(name))
        numbers = values.values.reshape(len(lines), -1)
        for column, place in enumerate(product(*others)):
            title = "_".join(filter(None, [prefix, *map(str, place)]))
            columns[f"{title}_of_row" if title in columns else title] = numbers[:, column]
    return pd.DataFrame(columns, lines)


def _cells(X: Any) -> pd.DataFrame:
    """Return any kind of table as a data frame."""
    import narwhals as nw
    import pandas as pd

    if isinstance(X, pd.DataFrame):
        return X
    if isinstance(X, xr.DataArray | xr.Dataset):
        return X.to_pandas()
    native = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(native, nw.DataFrame):
        return native.to_pandas()
    cells = np.asarray(X)
    if cells.ndim != 2:
        raise DataError("X must be a table: rows and columns.")
    return pd.DataFrame(cells, columns=list(default_names(cells.shape[1])))


def _free(name: str, taken: Container[str]) -> str:
    while name in taken:
        name = f"cluster_{name}"
    return name


def _written(frame: pd.DataFrame) -> pd.DataFrame:
    """Return formatted numbers, without empty columns."""
    empty = {"failure": "", "converged": True}
    frame = frame.drop(columns=["starts", "agreeing", "pareto_k_threshold"], errors="ignore")
    frame = frame.drop(columns=[one for one in frame if (frame[one] == empty.get(one)).all()])
    if "sd" in frame:
        digits = [[decimals(sd)] * frame.shape[1] for sd in frame["sd"]]
    else:
        digits = [[_decimals(frame[name]) for name in frame]] * len(frame)
    cells = [
        [
            number(cell, n) if isinstance(cell, float) else cell
            for cell, n in zip(*line, strict=True)
        ]
        for line in zip(frame.astype(object).to_numpy(), digits, strict=True)
    ]
    return type(frame)(cells, frame.index, frame.columns)


def _decimals(column: pd.Series) -> int:
    """Return from one decimal to three, so that the largest number has about four digits."""
    sizes = [abs(one) for one in column if isinstance(one, float) and math.isfinite(one)]
    largest = max(sizes, default=0.0)
    return 3 if largest < 1 else max(1, min(3, 3 - math.floor(math.log10(largest))))
