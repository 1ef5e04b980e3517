"""The data of a cluster plot: rows, assignments, draws, and ellipses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int

from bayesgmm.analysis.clustering.cluster import expected_responsibilities
from bayesgmm.analysis.density.log_density import POINT, marginal_density
from bayesgmm.numerics.family import FAMILY
from bayesgmm.plots.observed import choose, row_weights
from bayesgmm.posterior.relabel.clusters import named
from bayesgmm.schema import CHAIN, COMPONENT, DATA, DRAW, FEATURE, FEATURE_BIS
from bayesgmm.tree.fit import Fit, Fitted, covariances_of


def ellipse_outlines(
    means: Float[np.ndarray, "*batch 2"],
    covariances: Float[np.ndarray, "*batch 2 2"],
    *,
    share: float,
    n_points: int = 121,
) -> Float[np.ndarray, "*batch points 2"]:
    """Return closed outlines of the regions of highest density with this probability."""
    angles = np.linspace(0.0, 2.0 * np.pi, n_points)
    circle = FAMILY.radius(share, 2) * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    roots = np.linalg.cholesky(covariances)
    return means[..., None, :] + circle @ np.swapaxes(roots, -1, -2)


_DENSITY_POINTS = 241
_MARGIN, _MOST_BEYOND = 0.04, 0.25  # of the range of the rows
_SIZES = (0.25, 4.0)

MOST_RINGS = 300
"""Maximum number of circled rows; more circles would hide the plot."""


@dataclass(frozen=True, eq=False)
class ClusterView:
    """Rows, their labels and the posterior, ready to be drawn.

    Attributes
    ----------
    fit : Fit
    features : tuple of d strings
    components : array, shape (k,)
        Their names.
    responsibilities : xarray.DataArray
        Responsibilities, dims ``obs_id, component``.
    places : array, shape (n,)
        For every row, the place of its component.
    uncertain : array, shape (n,)
        Whether the row is assigned with less than the given certainty.
    share : float
        Probability that an ellipse holds.
    draws : xarray.Dataset
        The draws that show the spread, stacked along ``sample``.
    note : str
        Note on the features, if they were chosen automatically.
    """

    fit: Fit
    features: tuple[str, ...]
    components: np.ndarray
    responsibilities: xr.DataArray
    places: Int[np.ndarray, " n"]
    uncertain: Bool[np.ndarray, " n"]
    share: float
    draws: xr.Dataset
    note: str = ""

    @classmethod
    def of(
        cls,
        tree: Fitted,
        features: Sequence[str] | None,
        *,
        most: int,
        certainty: float,
        share: float,
        n_draws: int,
    ) -> ClusterView:
        """Return the view of these features, or of at most the given number of all."""
        fit = named(Fit.of(tree))
        fit.expect_rows()
        chosen = choose(fit, features, most)
        responsibilities = expected_responsibilities(fit)
        return cls(
            fit,
            chosen.features,
            responsibilities[COMPONENT].values,
            responsibilities,
            responsibilities.values.argmax(axis=1),
            responsibilities.values.max(axis=1) < certainty,
            share,
            fit.thinned(n_draws).stack(sample=(CHAIN, DRAW)),
            chosen.note,
        )

    @property
    def n_draws(self) -> int:
        """How many draws show the spread."""
        return self.draws.sizes["sample"]

    @property
    def is_point(self) -> bool:
        """Whether there is one set of parameters, and no draws around it."""
        return self.fit.is_point

    @property
    def is_crowded(self) -> bool:
        """Whether too many rows are marked to circle them."""
        return int(self.marked.sum()) > MOST_RINGS

    @cached_property
    def marked(self) -> Bool[np.ndarray, " n"]:
        """Which uncertain rows have a place in some panel, where they are marked."""
        return self.uncertain & in_some_panel(self.rows(*self.features))

    @cached_property
    def mean(self) -> xr.Dataset:
        """Posterior means of weights, means and covariances of the features on show."""
        posterior = self.fit.posterior.to_dataset()
        found = posterior[["weights", "means"]].sel({FEATURE: list(self.features)})
        covariances = covariances_of(posterior, self.features)
        return found.assign(covariances=covariances).mean((CHAIN, DRAW))

    def rows(self, *features: str) -> Float[np.ndarray, "n f"]:
        """Return the rows, these features only; NaN where a cell is missing."""
        return self.fit.tree["observed_data"][DATA].sel({FEATURE: list(features)}).values

    def observed(self, feature: str) -> Float[np.ndarray, " n"]:
        """Return the observed cells of one feature."""
        values = self.rows(feature)[:, 0]
        return values[~np.isnan(values)]

    @property
    def n_lacking(self) -> int:
        """How many rows lack a cell, and so a place in some panels."""
        return int(np.isnan(self.rows(*self.features)).any(axis=1).sum())

    @cached_property
    def sizes(self) -> Float[np.ndarray, " n"]:
        """How large the symbol of each row is: larger where it counts more often, within limits."""
        weights = row_weights(self.fit)
        return np.clip(weights / weights.mean(), *_SIZES)

    def limits(self, feature: str) -> tuple[float, float]:
        """Return the ends of an axis that shows all rows, and ellipses unless they are huge."""
        values = self.observed(feature)
        least, most = values.min(), values.max()
        length = most - least
        component = self.mean.sel({FEATURE: feature, FEATURE_BIS: feature})
        reach = FAMILY.radius(self.share, 2) * np.sqrt(component["covariances"])
        low = float((component["means"] - reach).min())
        high = float((component["means"] + reach).max())
        low = min(least, max(low, least - _MOST_BEYOND * length))
        high = max(most, min(high, most + _MOST_BEYOND * length))
        return low - _MARGIN * length, high + _MARGIN * length

    def mean_ellipses(self, across: str, up: str) -> Float[np.ndarray, "k points 2"]:
        """Return the ellipse of every component at the posterior mean."""
        return self._ellipses(self.mean, across, up)

    def drawn_ellipses(self, across: str, up: str) -> Float[np.ndarray, "k draws points 2"]:
        """Return the ellipses of every component in draws spread over the posterior."""
        return self._ellipses(self.draws.transpose(COMPONENT, "sample", ...), across, up)

    def densities(self, feature: str, draws: int) -> xr.DataArray:
        """Return the contributions of components to a marginal: dims sample, component, point."""
        grid = np.linspace(*self.limits(feature), _DENSITY_POINTS)
        density = marginal_density(self.fit, feature, grid, draws=draws)
        return density.stack(sample=(CHAIN, DRAW)).transpose("sample", COMPONENT, POINT)

    def _ellipses(self, parameters: xr.Dataset, across: str, up: str) -> np.ndarray:
        pair = [across, up]
        means = parameters["means"].sel({FEATURE: pair}).transpose(..., FEATURE)
        covariances = covariances_of(parameters, pair).transpose(..., FEATURE, FEATURE_BIS)
        return ellipse_outlines(means.values, covariances.values, share=self.share)


def in_some_panel(cells: Float[np.ndarray, "n f"]) -> Bool[np.ndarray, " n"]:
    """Return which rows have a place in some panel; a panel of two features takes both cells."""
    return (~np.isnan(cells)).sum(axis=1) >= min(2, cells.shape[1])
