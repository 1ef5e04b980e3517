"""Everything that a picture of the predictive density shows, asked of the tree once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bayesgmm.analysis.conditional import marginal
from bayesgmm.analysis.density import log_density
from bayesgmm.analysis.highest_density import highest_density_region
from bayesgmm.analysis.marginal import marginal_density
from bayesgmm.plots.choice import choose
from bayesgmm.plots.observed import observed_cells, row_weights
from bayesgmm.posterior.fit import Fit, Fitted
from bayesgmm.schema import CHAIN, COMPONENT, DATA, DRAW, FEATURE, FEATURE_BIS

_CURVE_POINTS, _SURFACE_POINTS = 401, 111
_SURFACE_DRAWS, _SIMULATED_ROWS = 200, 4_000
_REACH = 3.2  # standard deviations of the components that are within the picture
_BEYOND = 0.5  # of the range of the rows; components may reach no further
_NARROW = 2.0  # steps of the grid
_SEED = 20
"""Of the rows that are simulated to find contours, so that a figure is the same every time."""


@dataclass(frozen=True, eq=False)
class DensityView:
    """A posterior with few enough draws, and the rows.

    Attributes
    ----------
    fit : Fit
    features : tuple of strings
    note : str
        Which features these are, where nobody asked for them and others are left out.
    """

    fit: Fit
    features: tuple[str, ...]
    note: str = ""

    @classmethod
    def of(
        cls, tree: Fitted, features: Sequence[str] | None, *, most: int, n_draws: int
    ) -> DensityView:
        """Ask the fit for these features, or for at most so many of all."""
        fit = Fit.of(tree)
        chosen = choose(fit, features, most)
        return cls(fit.few(n_draws), chosen.features, chosen.note)

    @property
    def n_rows(self) -> int:
        """How many rows count."""
        return int((row_weights(self.fit) > 0).sum())

    def observed(self, feature: str) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Return the observed cells of one feature, and how often each counts."""
        return observed_cells(self.fit, feature)

    def rows(
        self, across: str, up: str
    ) -> tuple[Float[np.ndarray, "m 2"], Float[np.ndarray, " m"]]:
        """Return the rows that have both features, and how often each counts."""
        rows = self.fit.tree["observed_data"][DATA].sel({FEATURE: [across, up]}).values
        weights = row_weights(self.fit)
        kept = ~np.isnan(rows).any(axis=1) & (weights > 0)
        return rows[kept], weights[kept]

    def curve(
        self, feature: str, tails: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return a grid, the predictive density on it, and the ends of its band."""
        grid = self._grid(feature, _CURVE_POINTS)
        density = marginal_density(self.fit, feature, grid, draws=self._n_draws)
        by_draw = density.sum(COMPONENT).stack(sample=(CHAIN, DRAW)).transpose("sample", ...)
        lower, upper = np.quantile(by_draw.values, tails, axis=0)
        return grid, by_draw.values.mean(axis=0), lower, upper

    def surface(self, across: str, up: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return two grids, and the log density of the pair (up, across)."""
        x, y = self._fine_grid(across), self._fine_grid(up)
        points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        values = log_density(self._pair(across, up), points)
        return x, y, values.values.reshape(y.size, x.size)

    def thresholds(self, across: str, up: str, shares: Sequence[float]) -> list[float]:
        """Return the log density at the edge of each of the smallest regions."""
        pair = self._pair(across, up)
        regions = [
            highest_density_region(pair, probability=share, rows=_SIMULATED_ROWS, random_seed=_SEED)
            for share in shares
        ]
        return [float(region["log_threshold"]) for region in regions]

    def _pair(self, across: str, up: str) -> Fit:
        return Fit.of(marginal(self.fit, [across, up])).few(_SURFACE_DRAWS)

    def _fine_grid(self, feature: str) -> Float[np.ndarray, " points"]:
        """Return a grid with more points in components that are narrower than its steps."""
        grid = self._grid(feature, _SURFACE_POINTS)
        mean = self.fit.posterior.to_dataset()[["means", "scales"]].mean((CHAIN, DRAW))
        means, scales = (mean[name].sel({FEATURE: feature}).values for name in mean.data_vars)
        narrow = scales < _NARROW * (grid[1] - grid[0])
        more = means[narrow, None] + scales[narrow, None] * np.linspace(-_REACH, _REACH, 17)
        return np.unique(np.concatenate([grid, more[(more > grid[0]) & (more < grid[-1])]]))

    @property
    def _n_draws(self) -> int:
        posterior = self.fit.posterior
        return posterior.sizes[CHAIN] * posterior.sizes[DRAW]

    def _grid(self, feature: str, size: int) -> Float[np.ndarray, " points"]:
        """Points from end to end of the rows, and of components that do not reach far beyond."""
        one = self.fit.posterior.to_dataset().sel({FEATURE: feature, FEATURE_BIS: feature})
        means, scales = one["means"].mean((CHAIN, DRAW)), one["scales"].mean((CHAIN, DRAW))
        low, high = float((means - _REACH * scales).min()), float((means + _REACH * scales).max())
        values, _ = self.observed(feature)
        if values.size:
            least, most = values.min(), values.max()
            room = _BEYOND * (most - least)
            margin = 0.02 * (most - least)
            low = min(least - margin, max(low, least - room))
            high = max(most + margin, min(high, most + room))
        return np.linspace(low, high, size)
