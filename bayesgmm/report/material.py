"""The data of a report, computed from the tree once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from bayesgmm.analysis.clustering.cluster import DEFAULT_CERTAINTY, cluster
from bayesgmm.analysis.diagnosis.chains import is_approximation
from bayesgmm.analysis.diagnosis.diagnose import diagnose
from bayesgmm.analysis.diagnosis.value import Diagnosis
from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY
from bayesgmm.analysis.summarize import summarize
from bayesgmm.digits import counted
from bayesgmm.posterior.relabel.clusters import named
from bayesgmm.report.words import component_heading, component_title
from bayesgmm.schema import COMPONENT, ROW
from bayesgmm.tree.fit import Fit

INTERVAL = f"{DEFAULT_PROBABILITY:.0%}"
"""How the probability of every interval of the page is written."""

CERTAINTY = DEFAULT_CERTAINTY


@dataclass(frozen=True, eq=False)
class Material:
    """A fit, and its analyses.

    Attributes
    ----------
    fit : Fit
        With named components.
    selection : xarray.Dataset or None
        Result of :func:`bayesgmm.select` for the same rows.
    whole : Fit
        The fit itself; another one where the number of components is unknown.
    """

    fit: Fit
    selection: xr.Dataset | None
    whole: Fit

    @classmethod
    def of(cls, whole: Fit, selection: xr.Dataset | None) -> Material:
        """Return the material of a fit."""
        return cls(named(whole), selection, whole)

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """The verdict on the draws."""
        return diagnose(self.whole)

    @cached_property
    def clusters(self) -> xr.Dataset:
        """The assignments of the rows, with their uncertainty."""
        return cluster(self.fit, certainty=CERTAINTY, progress=False)

    @property
    def n_blank(self) -> int:
        """Number of rows without information on their component."""
        return int(self.fit.data.blank.sum())

    @property
    def some_cells_lack(self) -> bool:
        """Whether cells are missing in rows with information on their component."""
        return bool(np.isnan(self.fit.data.values[~self.fit.data.blank]).any())

    @cached_property
    def told_clusters(self) -> xr.Dataset:
        """The assignments of the rows with information on their component."""
        return self.clusters.isel({ROW: ~self.fit.data.blank})

    @cached_property
    def summary(self) -> xr.Dataset:
        """Posterior means and intervals."""
        return summarize(self.fit, ci_prob=DEFAULT_PROBABILITY)

    @property
    def titles(self) -> list[str]:
        """Names of the components within sentences."""
        return [component_title(name) for name in self.fit.names]

    @property
    def headings(self) -> list[str]:
        """Names of the components at the start of a line."""
        return [component_heading(name) for name in self.fit.names]

    @cached_property
    def drawn(self) -> xr.DataTree:
        """The fit for plots, with the names of components as in sentences."""
        numbered = all(str(name).isdigit() for name in self.fit.names)
        titles = np.array(self.titles)
        if numbered or np.unique(titles).size < titles.size:
            return self.fit.tree  # figures say themselves that numbers are those of components

        def named(group: xr.Dataset) -> xr.Dataset:
            return group.assign_coords({COMPONENT: titles}) if COMPONENT in group.dims else group

        return self.fit.tree.map_over_datasets(named)

    @property
    def expected_rows(self) -> np.ndarray:
        """Expected number of rows of each component, weighted."""
        if self.whole is not self.fit:
            shares, data = self.clusters["responsibilities"].values, self.fit.data
            return (data.counts[:, None] * shares).sum(axis=0)
        return self.diagnosis.figures["expected_rows"].values

    def about(self, expected: float) -> str:
        """Format an expected number of rows."""
        rows = counted(round(expected), "row")
        return f"about {rows}" + ", each counted by its weight" * bool(self.fit.data.weights.size)

    def leaving_out(self, shown: Sequence[str]) -> str:
        """Return a note if a plot shows only some of the features."""
        if len(shown) == len(self.fit.feature_names):
            return ""
        which = "the first ones" if self.is_single else "those in which the components differ most"
        return f" Of {len(self.fit.feature_names)} features {len(shown)} are shown, {which}."

    @property
    def is_single(self) -> bool:
        """Whether there is only one component, so no row can be unsure."""
        return self.fit.names.size == 1

    @property
    def approximate(self) -> bool:
        """Whether the draws come from an approximation of the posterior."""
        return is_approximation(self.fit)
