"""How close generated rows are to real ones, as a value that prints as a table."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr

from bayesgmm.schema import FEATURE


@dataclass(frozen=True, eq=False)
class Similarity:
    """How close generated rows are to real ones. Distances are in standard deviations.

    Attributes
    ----------
    features : xarray.Dataset
        Dim ``feature``: ``wasserstein``, the distance between the distributions of each feature,
        and ``by_chance``, what it exceeds in one case of 20 if the rows are equally distributed.
    correlations : xarray.DataArray
        Correlations of the generated rows less those of the real ones, dims ``feature,
        feature_bis``; attribute ``by_chance``, what the largest difference exceeds in one case
        of 20.
    classifier : xarray.Dataset
        ``auc``, how often a classifier tells a generated row from a real one: 0.5 if they are
        alike, 1 if always, and less than 0.5 if generated rows lie on real ones; and ``error``,
        its standard error where they are alike.
    nearest : xarray.DataArray
        Distance to the nearest real row, for ``rows`` that are ``generated`` and, among
        themselves, ``real``; its 5 % quantile and median, dim ``quantile``.
    too_near : float
        Share of the generated rows that are nearer to a real row than the nearest 5 % of real
        rows are to each other: 0.05 is expected, and more says that real rows show through.
    copies : float
        Share of the generated rows that are real rows.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.example_fit()
    >>> birds = bg.generate(tree, 342, random_seed=1)["x"]
    >>> bg.similarity(tree["observed_data"]["x"], birds).copies
    0.0
    """

    features: xr.Dataset
    correlations: xr.DataArray
    classifier: xr.Dataset
    nearest: xr.DataArray
    too_near: float
    copies: float

    def __str__(self) -> str:
        return "\n".join([*self._likeness(), "", *self._privacy()])

    __repr__ = __str__

    def _likeness(self) -> list[str]:
        wide = max(30, *(len(str(name)) + 4 for name in self.features[FEATURE].values))
        lines = [f"{'Wasserstein distance of':<{wide}}{'found':>10}{'by chance':>12}"]
        for name in self.features[FEATURE].values:
            found, limit = self.features.sel({FEATURE: name}).to_array().values
            lines.append(f"{f'  {name}':<{wide}}{found:>10.3f}{limit:>12.3f}")
        largest, limit = float(abs(self.correlations).max()), self.correlations.attrs["by_chance"]
        area, error = float(self.classifier["auc"]), float(self.classifier["error"])
        return [
            *lines,
            f"{'largest change of correlation':<{wide}}{largest:>10.3f}{limit:>12.3f}",
            f"{'classifier, area under curve':<{wide}}{area:>10.3f}{f'0.5±{error:.3f}':>12}",
        ]

    def _privacy(self) -> list[str]:
        wide = 30
        lines = [f"{'nearest real row, from':<{wide}}{'5 %':>10}{'median':>12}"]
        for rows in self.nearest["rows"].values:
            low, median = self.nearest.sel(rows=rows).values
            lines.append(f"{f'  {rows} rows':<{wide}}{low:>10.3f}{median:>12.3f}")
        return [
            *lines,
            "",
            f"{'too near to a real row':<{wide}}{self.too_near:>10.1%} (5.0% expected)",
            f"{'copies of a real row':<{wide}}{self.copies:>10.1%}",
        ]
