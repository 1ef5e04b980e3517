"""Everything that the sections of a report are about, asked of the tree once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.analysis.cluster import DEFAULT_CERTAINTY, cluster
from bayesgmm.analysis.diagnose import diagnose
from bayesgmm.analysis.diagnosis.approximation import is_approximation
from bayesgmm.analysis.diagnosis.value import Diagnosis
from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY
from bayesgmm.analysis.rows import component_names
from bayesgmm.analysis.summarize import summarize
from bayesgmm.data.dataset import Dataset
from bayesgmm.digits import counted
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.posterior.parameters import knows_prior, read_data, read_layout, read_spec
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.report.words import component_heading, component_title
from bayesgmm.schema import COMPONENT, ROW, record

INTERVAL = f"{DEFAULT_PROBABILITY:.0%}"
"""How the probability of every interval of the page is written."""

CERTAINTY = DEFAULT_CERTAINTY


@dataclass(frozen=True, eq=False)
class Material:
    """A fit, and what was asked of it.

    Attributes
    ----------
    tree : xarray.DataTree
    selection : xarray.Dataset or None
        What :func:`bayesgmm.select` returned for the same rows.
    """

    tree: xr.DataTree
    selection: xr.Dataset | None

    @cached_property
    def known(self) -> dict[str, Any]:
        """What the tree remembers of its making."""
        return record(self.tree)

    @cached_property
    def data(self) -> Dataset:
        """The rows of the fit, with all that was known of them."""
        return read_data(self.tree)

    @cached_property
    def spec(self) -> MixtureSpec:
        """What was fitted, every hyperparameter a number."""
        return read_spec(self.tree)

    @property
    def knows_prior(self) -> bool:
        """Whether there is a spec; draws of another program may come without."""
        return knows_prior(self.tree)

    @cached_property
    def layout(self) -> Layout:
        """Which parameters the components and features share."""
        return read_layout(self.tree)

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """The verdict on the draws."""
        return diagnose(self.tree)

    @cached_property
    def clusters(self) -> xr.Dataset:
        """The component of every row, and how sure that is."""
        return cluster(self.tree, certainty=CERTAINTY, progress=False)

    @property
    def n_blank(self) -> int:
        """How many rows say nothing of where they belong."""
        return int(self.data.blank.sum())

    @property
    def some_cells_lack(self) -> bool:
        """Whether cells are missing in rows that say something all the same."""
        return bool(np.isnan(self.data.values[~self.data.blank]).any())

    @cached_property
    def told_clusters(self) -> xr.Dataset:
        """The clusters of those rows that say something of where they belong."""
        return self.clusters.isel({ROW: ~self.data.blank})

    @cached_property
    def summary(self) -> xr.Dataset:
        """Posterior means and intervals."""
        return summarize(self.tree, probability=DEFAULT_PROBABILITY)

    @property
    def features(self) -> list[str]:
        """Names of the features."""
        return list(self.data.feature_names)

    @property
    def components(self) -> np.ndarray:
        """Names of the components, as they are in the tree."""
        return component_names(self.tree)

    @property
    def titles(self) -> list[str]:
        """What the components are called in sentences."""
        return [component_title(name) for name in self.components]

    @property
    def headings(self) -> list[str]:
        """What the components are called at the start of a line."""
        return [component_heading(name) for name in self.components]

    @cached_property
    def drawn(self) -> xr.DataTree:
        """The fit as figures take it: components beside named ones are called as in sentences."""
        numbered = all(str(name).isdigit() for name in self.components)
        titles = np.array(self.titles)
        if numbered or np.unique(titles).size < titles.size:
            return self.tree  # figures say themselves that numbers are those of components

        def named(group: xr.Dataset) -> xr.Dataset:
            return group.assign_coords({COMPONENT: titles}) if COMPONENT in group.dims else group

        return self.tree.map_over_datasets(named)

    @property
    def expected_rows(self) -> np.ndarray:
        """How many rows each component takes, on average over the draws; with weights, counts."""
        return self.diagnosis.figures["expected_rows"].values

    def about(self, expected: float) -> str:
        """Write how many rows are expected; with weights, how often rows count."""
        rows = counted(round(expected), "row")
        return f"about {rows}" + ", each as often as it counts" * bool(self.data.weights.size)

    def leaving_out(self, shown: Sequence[str]) -> str:
        """Return a sentence that says so if a figure shows some of the features only."""
        if len(shown) == len(self.features):
            return ""
        which = "the first ones" if self.is_single else "those in which the components differ most"
        return f" Of {len(self.features)} features {len(shown)} are shown, {which}."

    @property
    def is_single(self) -> bool:
        """Whether there is one component only, so that no row can be unsure."""
        return self.components.size == 1

    @property
    def approximate(self) -> bool:
        """Whether the draws come from an approximation of the posterior."""
        return is_approximation(self.tree)
