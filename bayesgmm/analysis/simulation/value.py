"""What was simulated: the table as a fit would see it, and the truth behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import COMPONENT, COMPONENT_BIS

NO_COMPONENT = -1
"""The allocation of outliers."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """Rows from a mixture that is known.

    Attributes
    ----------
    rows : xarray.DataArray
        Dims ``obs_id, feature``; NaN where a cell is missing.
    complete : xarray.DataArray
        The same without missing cells.
    allocations : xarray.DataArray
        The component of every row, -1 for outliers.
    parameters : MixtureParameters
        The mixture.
    overlap : xarray.DataArray
        Of every pair, dims ``component, component_bis``, measured on the mixture; one on the
        diagonal.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> simulation = bg.simulate(200, 3, 2, overlap=0.05, random_seed=1)
    >>> round(simulation.average_overlap, 4)
    0.05
    """

    rows: xr.DataArray
    complete: xr.DataArray
    allocations: xr.DataArray
    parameters: MixtureParameters
    overlap: xr.DataArray

    @property
    def is_outlier(self) -> xr.DataArray:
        """Whether a row comes from no component."""
        return self.allocations == NO_COMPONENT

    @property
    def average_overlap(self) -> float:
        """Mean overlap over all pairs of components."""
        return float(self._pairs().mean())

    @property
    def max_overlap(self) -> float:
        """Overlap of the pair that overlaps most."""
        return float(self._pairs().max())

    def _pairs(self) -> np.ndarray:
        return self.overlap.values[np.triu_indices(self.overlap.sizes[COMPONENT], 1)]

    def __str__(self) -> str:
        n, d = self.rows.shape
        weights = ", ".join(f"{weight:.3f}" for weight in self.parameters.weights)
        missing = float(self.rows.isnull().mean())
        return "\n".join([
            f"{n} rows of {d} features from {self.parameters.n_components} components",
            f"weights      : {weights}",
            f"overlap      : average {self.average_overlap:.4f}, largest {self.max_overlap:.4f}",
            f"missing cells: {missing:.1%}",
            f"outliers     : {int(self.is_outlier.sum())} rows",
        ])  # fmt: skip

    __repr__ = __str__


def overlap_array(overlaps: np.ndarray) -> xr.DataArray:
    """Name the axes of a matrix of overlaps."""
    names = np.arange(len(overlaps))
    return xr.DataArray(
        overlaps,
        dims=(COMPONENT, COMPONENT_BIS),
        coords={COMPONENT: names, COMPONENT_BIS: names},
        name="overlap",
    )
