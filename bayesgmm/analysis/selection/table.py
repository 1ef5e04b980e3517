"""The fits of a grid as a table, with the best one marked.

Axes: covariance structures, numbers of components.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.analysis.selection.grid import Cell
from bayesgmm.digits import counted
from bayesgmm.priors.covariances import CovarianceStructure
from bayesgmm.priors.spec import MixtureSpec

DIMS = ("covariances", "n_components")

SAME = " = "
"""Separator of the names of equivalent structures."""

_TYPES = {
    "n_parameters": int, "log_likelihood": float, "BIC": float, "AIC": float, "ICL": float,
    "NEC": float, "converged": bool, "starts": int, "agreeing": int, "failure": str,
}  # fmt: skip


def name_of(structure: CovarianceStructure) -> str:
    """Return the name of a structure in the table."""
    return structure.name


def tabulated(
    structures: Sequence[CovarianceStructure],
    numbers: Sequence[int],
    cells: Mapping[tuple[int, int], Cell],
) -> xr.Dataset:
    """Put cells into a table; their keys are the place of the structure, and the number."""
    records = [
        [_record(cells[place, number]) for number in numbers] for place in range(len(structures))
    ]
    columns: dict[str, np.ndarray] = {
        name: np.array([[record[name] for record in row] for row in records], kind)
        for name, kind in _TYPES.items()
    }
    bic = columns["BIC"]
    place, column = np.unravel_index(np.nanargmin(bic), bic.shape)
    columns["best"] = np.zeros(bic.shape, dtype=bool)
    columns["best"][place, column] = True
    spec = MixtureSpec(numbers[int(column)], covariances=structures[int(place)])
    table = xr.Dataset(
        {name: (DIMS, values) for name, values in columns.items()},
        coords=dict(zip(DIMS, (list(map(name_of, structures)), list(numbers)), strict=True)),
    )
    models = one_line_a_model(table)
    best = models.isel(models["BIC"].argmin(...))
    return table.assign_attrs(best=title_of(best), spec=spec.to_json())


def one_line_a_model(table: xr.Dataset) -> xr.Dataset:
    """Return the table with one line for equivalent structures.

    For a single feature, ``Full()``, ``Diagonal()`` and ``Spherical()`` are equivalent: the line is
    named after all of them, ``Full = Diagonal = Spherical``.
    """
    table = table.transpose(*DIMS)
    models: dict[tuple[bytes, ...], list[int]] = {}
    for place in range(table.sizes[DIMS[0]]):
        line = table.isel({DIMS[0]: place})
        same = tuple(line[name].values.tobytes() for name in ("n_parameters", "BIC", "failure"))
        models.setdefault(same, []).append(place)
    names = [
        SAME.join(str(name) for name in table[DIMS[0]].values[places]) for places in models.values()
    ]
    first = table.isel({DIMS[0]: [places[0] for places in models.values()]})
    return first.assign_coords({DIMS[0]: names})


def title_of(fit: xr.Dataset) -> str:
    """Return the name of a cell."""
    return f"{fit[DIMS[0]].item()}, {counted(fit[DIMS[1]].item(), 'component')}"


def _record(cell: Cell) -> dict[str, Any]:
    """Return the table entries of a cell."""
    of_fit = cell.criteria
    return {
        "n_parameters": cell.n_parameters,
        "log_likelihood": math.nan if of_fit is None else of_fit.log_likelihood,
        "BIC": math.nan if of_fit is None else of_fit.bic,
        "AIC": math.nan if of_fit is None else of_fit.aic,
        "ICL": math.nan if of_fit is None else of_fit.icl,
        "NEC": math.nan if of_fit is None else of_fit.nec,
        "converged": cell.converged,
        "starts": cell.starts,
        "agreeing": cell.agreeing,
        "failure": cell.failure,
    }
