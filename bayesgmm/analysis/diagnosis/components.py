"""Components that the rows say too little of: empty, with few rows, or collapsed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.analysis.rows import asked_rows, component_names, on_standard_scale
from bayesgmm.data.dataset import Dataset
from bayesgmm.numerics.annotated_rows import Rows
from bayesgmm.numerics.statistics import (
    SufficientStatistics,
    each_mixture,
    responsibilities,
    sufficient_statistics,
)
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior.parameters import read_spec
from bayesgmm.priors.layout import layout_of
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import FEATURE

_DRAWS, _ROWS = 40, 1_000
_NARROW = 0.5
"""Rows that spread less than this part of a standard deviation had no say in it."""

_EMPTY = 0.5  # expected rows: none is nearer than one
_NAMED_ROWS = 8  # more would be no help to a reader
_BELONGS = 0.5  # probability from which a row is named with a component


@dataclass(frozen=True, eq=False)
class Components:
    """How many rows each component has, and how widely they spread.

    Attributes
    ----------
    expected_rows : array, shape (k,)
        Posterior mean of the number of rows that come from the component.
    fewest_rows : int
        Rows below which the prior has more to say of a component than the rows.
    spread : array, shape (k, d)
        Standard deviation of its rows over the component's own, for each feature; infinite where
        components share their covariances.
    """

    expected_rows: Float[np.ndarray, " k"]
    fewest_rows: int
    spread: Float[np.ndarray, "k d"]

    @classmethod
    def of(cls, tree: xr.DataTree) -> Components:
        """Look at the components of a fit."""
        spec = read_spec(tree)
        data, draws, _ = on_standard_scale(tree, asked_rows(tree, None).fitted)
        layout = layout_of(spec, draws.n_features)
        rows = data.evenly(_ROWS).rows
        return cls(
            _expected_rows(draws, spec, data.total_weight),
            _fewest_rows(layout),
            _spread(rows, _some(draws), layout),
        )

    @property
    def small(self) -> np.ndarray:
        """Whether a component has too few rows."""
        return self.expected_rows < self.fewest_rows

    @property
    def collapsed(self) -> np.ndarray:
        """Whether a component with enough rows is only as wide as its prior makes it; (k, d)."""
        return (self.spread < _NARROW) & ~self.small[:, None]


def findings_about_components(tree: xr.DataTree, components: Components) -> list[Finding]:
    """Name the components that the prior dominates, with their rows."""
    findings = []
    empty = components.expected_rows < _EMPTY
    if empty.any():
        findings.append(_empty(component_names(tree)[empty], components.expected_rows[empty]))
    few = np.flatnonzero(components.small & ~empty)
    if few.size:
        findings.append(_too_few(tree, components, few))
    if components.collapsed.any():
        findings.append(_collapsed(tree, components))
    return findings


def _empty(names: np.ndarray, rows: np.ndarray) -> Finding:
    one = names.size == 1
    return Finding(
        f"{_titled(names)} {'is' if one else 'are'} empty: {_listed(f'{n:.1f}' for n in rows)} "
        f"rows are expected in {'it' if one else 'them'}, and {'its' if one else 'their'} "
        "parameters are those of the prior.",
        f"Use fewer components, or leave {'it' if one else 'them'} out of what you report.",
        kind="empty component",
    )


def _too_few(tree: xr.DataTree, components: Components, places: np.ndarray) -> Finding:
    names, data = component_names(tree)[places], asked_rows(tree, None).fitted
    shares, row_names = _mean_responsibilities(tree, data), data.row_names
    counts, one = [], names.size == 1
    for place in places:
        belonging = row_names[shares[:, place] > _BELONGS][:_NAMED_ROWS]
        rows = f", row{'s' if belonging.size > 1 else ''} {_listed(belonging)}"
        count = f"{components.expected_rows[place]:.1f} expected"
        counts.append(count + (rows if belonging.size else ""))
    return Finding(
        f"{_titled(names)} {'has' if one else 'have'} too few rows "
        f"({'; '.join(counts)}; needed: {components.fewest_rows}), and the prior decides on "
        "the parameters.",
        f"Look at the rows of {'this component' if one else 'these components'}: take out those "
        "that are mistakes, or use fewer components, or leave "
        f"{'it' if one else 'them'} out of what you report.",
        kind="few rows",
    )


def _collapsed(tree: xr.DataTree, components: Components) -> Finding:
    names, features = component_names(tree), tree["posterior"][FEATURE].values
    places = np.flatnonzero(components.collapsed.any(axis=1))
    where = (f"{_titled(names[[place]])} in {_listed(features[components.collapsed[place]])}"
             for place in places)  # fmt: skip
    return Finding(
        f"{'; '.join(where)}: collapsed. The rows there spread less than half as far as the "
        "component, whose width is the least that the prior allows.",
        "Look for values that repeat or were cut off; model them apart, or use fewer components.",
        kind="collapsed component",
    )


def _titled(names: np.ndarray) -> str:
    return f"Component{'s' if names.size > 1 else ''} {_listed(names)}"


def _listed(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names)


def _expected_rows(draws: MixtureParameters, spec: MixtureSpec, n_rows: float) -> np.ndarray:
    """Return E[N_k] from E[weights], for given allocations Dirichlet(a_k + N_k).

    It takes every fitted row and every draw into account, and no pass over them.
    """
    concentration = spec.weights.expanded(draws.n_components)
    weights = draws.weights.mean(axis=(0, 1))
    return np.maximum(weights * (n_rows + concentration.sum()) - concentration, 0.0)


def _fewest_rows(layout: Layout) -> int:
    """Return the rows that fix a mean and, where it is the component's own, a covariance."""
    if layout.n_matrices == 1 and layout.n_components > 1:
        return 1
    return layout.n_features + 1 if layout.correlated else 2


def _spread(X: Rows, draws: MixtureParameters, layout: Layout) -> np.ndarray:
    if layout.n_matrices < layout.n_components:
        return np.full(draws.means.shape[-2:], np.inf)
    ratios = np.zeros(draws.means.shape[-2:])
    for index, mixture in each_mixture(draws):
        variances = _variances(sufficient_statistics(X, mixture))
        if layout.n_scales == 1:  # one width for all features
            variances[:] = variances.mean(axis=1, keepdims=True)
        ratios += np.sqrt(variances) / draws.scales[index]
    return ratios / np.prod(draws.batch_shape)


def _variances(statistics: SufficientStatistics) -> Float[np.ndarray, "k d"]:
    """Return the variances of the rows of each component."""
    counts = np.maximum(statistics.counts, np.finfo(float).tiny)[:, None]
    squares = statistics.scatter
    if squares.ndim == 3:
        squares = np.diagonal(squares, axis1=1, axis2=2)
    return np.maximum(squares / counts - (statistics.sums / counts) ** 2, 0.0)


def _mean_responsibilities(tree: xr.DataTree, data: Dataset) -> Float[np.ndarray, "n k"]:
    data, draws, _ = on_standard_scale(tree, data)
    some, total = _some(draws), np.zeros((data.n_rows, draws.n_components))
    for _, mixture in each_mixture(some):
        total += responsibilities(data.rows, mixture)
    return total / np.prod(some.batch_shape)


def _some(draws: MixtureParameters) -> MixtureParameters:
    n_chains, n_draws = draws.batch_shape
    each = min(n_draws, -(-_DRAWS // n_chains))
    chosen = np.linspace(0, n_draws - 1, each).round().astype(int)
    return draws.draw((slice(None), chosen))  # axes chain, draw
