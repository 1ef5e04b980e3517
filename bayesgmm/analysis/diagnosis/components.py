"""Findings about components with too little data: empty, with few rows, or collapsed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.data.dataset import Dataset
from bayesgmm.digits import listed, plural
from bayesgmm.numerics.factor_analyzers import factor_statistics
from bayesgmm.numerics.rows import Rows
from bayesgmm.numerics.statistics import (
    FactoredForm,
    Mixture,
    each_mixture,
    responsibilities,
    sufficient_statistics,
)
from bayesgmm.numerics.unconstrained import CovarianceMap
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import FEATURE
from bayesgmm.tree.fit import Fit

_DRAWS, _FEWEST_DRAWS = 40, 8
_MOST_ROWS = 1_000_000  # rows times draws that are looked at
_NARROW = 0.5
"""Rows that spread less than this part of a standard deviation had no say in it."""

_ALMOST_ONE = 1 - 1e-9
_REPEATED = 0.1  # distinct values to a row, at most, where values repeat
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
    moments : Moments
        What the rows of each free covariance matrix say of it alone.
    collapsed : boolean array, shape (k, d)
        Whether a component with enough rows has the width that its prior allows, on rows that
        repeat one value or few.
    """

    expected_rows: Float[np.ndarray, " k"]
    fewest_rows: int
    moments: Moments
    collapsed: Bool[np.ndarray, "k d"]

    @classmethod
    def of(cls, fit: Fit) -> Components:
        """Look at the components of a fit, and at all of their rows."""
        data, draws, _ = fit.on_standard_scale(fit.data.fitted)
        structure = fit.layout.covariances
        fewest = _fewest_rows(structure)
        if fit.knows_prior:
            expected = _expected_rows(draws, fit.spec, data.total_weight)
        else:  # weights may have any prior, so rows are counted
            resp = _mean_responsibilities(data, draws)
            expected = data.weights @ resp if data.weights.size else resp.sum(axis=0)
        moments = Moments.of(data.rows, _some(draws, data.n_rows), structure)
        narrow = np.zeros(draws.means.shape[-2:], dtype=bool)
        if not structure.tied:
            narrow = (moments.spread < _NARROW) & (expected >= fewest)[:, None]
        if narrow.any():
            narrow &= _repeated(data, _mean_responsibilities(data, draws))
        return cls(expected, fewest, moments, narrow)

    @property
    def small(self) -> np.ndarray:
        """Whether a component has too few rows."""
        return self.expected_rows < self.fewest_rows


@dataclass(frozen=True, eq=False)
class Moments:
    """Rows beside the covariance matrix that they belong to, averaged over some draws.

    There are m matrices: k, or 1 where they are tied.

    Attributes
    ----------
    counts : array, shape (m,)
        Rows of each.
    spread : array, shape (m, d)
        Standard deviation of the rows over that of the matrix.
    log_ratios : array, shape (m, d)
        Mean logarithm of the standard deviation of the matrix over that of its rows.
    twists : array, shape (m, d, d), or None
        Mean difference of inverse hyperbolic tangents of correlations, the same way round.
    """

    counts: Float[np.ndarray, " m"]
    spread: Float[np.ndarray, "m d"]
    log_ratios: Float[np.ndarray, "m d"]
    twists: Float[np.ndarray, "m d d"] | None

    @classmethod
    def of(cls, X: Rows, draws: MixtureParameters, structure: CovarianceMap) -> Moments:
        """Take the moments of rows, each as much as it belongs to a component."""
        found = [_moments(X, mixture, draws.draw(index), structure)
                 for index, mixture in each_mixture(draws)]  # fmt: skip
        counts, spread, twists = zip(*found, strict=True)
        ratios = np.array(spread)
        with np.errstate(divide="ignore"):
            logs = -np.log(ratios).mean(axis=0)
        correlated = twists[0] is not None
        return cls(
            np.mean(counts, axis=0), ratios.mean(axis=0), logs,
            np.mean(twists, axis=0) if correlated else None,
        )  # fmt: skip


def _moments(
    X: Rows, mixture: Mixture, parameters: MixtureParameters, structure: CovarianceMap
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return counts, spread of rows beside the draw's own, and the twist of correlations."""
    if isinstance(mixture, FactoredForm) and not X.has_gaps:
        return *_moments_of_factors(X, mixture, parameters, structure), None
    statistics = sufficient_statistics(X, mixture)
    counts = np.maximum(statistics.counts, np.finfo(float).tiny)
    means = statistics.sums / counts[:, None]
    if statistics.scatter.ndim == 3:
        scatter = statistics.scatter - counts[:, None, None] * means[:, :, None] * means[:, None]
        squares = np.diagonal(scatter, axis1=1, axis2=2)
    else:
        scatter, squares = None, statistics.scatter - counts[:, None] * means**2
    counts, squares = structure.pooled(counts), structure.pooled(squares)
    scatter = None if scatter is None else structure.pooled(scatter)
    variances = np.maximum(squares, 0.0) / counts[:, None]
    if structure.isotropic and not structure.n_factors:  # one width for all features
        variances = np.broadcast_to(variances.mean(axis=1, keepdims=True), variances.shape)
    spread = np.sqrt(variances) / parameters.scales[: counts.size]
    if not structure.correlated or structure.n_factors:
        return counts, spread, None
    assert parameters.correlations is not None
    with np.errstate(all="ignore"):
        widths = np.sqrt(variances)
        of_rows = scatter / counts[:, None, None] / (widths[:, :, None] * widths[:, None, :])
        own = np.asarray(parameters.correlations[: counts.size])
        twists = _angles(own) - _angles(of_rows)
    return counts, spread, np.nan_to_num(twists)


def _moments_of_factors(
    X: Rows, mixture: FactoredForm, parameters: MixtureParameters, structure: CovarianceMap
) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and spread, without a scatter matrix."""
    statistics = factor_statistics(X, mixture.analyzers)
    counts = np.maximum(statistics.counts, np.finfo(float).tiny)
    squares = statistics.squares - statistics.sums**2 / counts[:, None]
    counts = structure.pooled(counts)
    squares = structure.pooled(np.maximum(squares, 0.0) * mixture.analyzers.scales**2)
    return counts, np.sqrt(squares / counts[:, None]) / parameters.scales[: counts.size]


def _angles(correlations: np.ndarray) -> np.ndarray:
    """Return inverse hyperbolic tangents, in whose units all correlations are equally sure."""
    return np.arctanh(np.clip(correlations, -_ALMOST_ONE, _ALMOST_ONE))


def findings_about_components(fit: Fit, components: Components) -> list[Finding]:
    """Name the components that the prior dominates, with their rows."""
    findings = []
    empty = components.expected_rows < _EMPTY
    if empty.any():
        findings.append(_empty(fit.names[empty], components.expected_rows[empty]))
    few = np.flatnonzero(components.small & ~empty)
    if few.size:
        findings.append(_too_few(fit, components, few))
    if components.collapsed.any():
        findings.append(_collapsed(fit, components))
    return findings


def _empty(names: np.ndarray, rows: np.ndarray) -> Finding:
    one = names.size == 1
    return Finding(
        f"{_titled(names)} {'is' if one else 'are'} empty: {listed(f'{n:.1f}' for n in rows)} "
        f"rows are expected in {'it' if one else 'them'}, and {'its' if one else 'their'} "
        "parameters follow the prior.",
        f"Use fewer components, or leave {'it' if one else 'them'} out of your report.",
        kind="empty component",
    )


def _too_few(fit: Fit, components: Components, places: np.ndarray) -> Finding:
    names = fit.names[places]
    data, draws, _ = fit.on_standard_scale(fit.data.fitted)
    resp, row_names = _mean_responsibilities(data, draws), data.row_names
    counts, one = [], names.size == 1
    for place in places:
        belonging = row_names[resp[:, place] > _BELONGS][:_NAMED_ROWS]
        rows = f", {plural(belonging.size, 'row')} {listed(belonging)}"
        count = f"{components.expected_rows[place]:.1f} expected"
        counts.append(count + (rows if belonging.size else ""))
    return Finding(
        f"{_titled(names)} {'has' if one else 'have'} too few rows "
        f"({'; '.join(counts)}; needed: {components.fewest_rows}), so the prior determines "
        "the parameters.",
        f"Inspect the rows of {'this component' if one else 'these components'}: remove "
        "erroneous ones, use fewer components, or leave "
        f"{'it' if one else 'them'} out of your report.",
        kind="few rows",
    )


def _collapsed(fit: Fit, components: Components) -> Finding:
    names, features = fit.names, fit.posterior[FEATURE].values
    places = np.flatnonzero(components.collapsed.any(axis=1))
    where = (f"{_titled(names[[place]])} in {listed(features[components.collapsed[place]])}"
             for place in places)  # fmt: skip
    return Finding(
        f"{'; '.join(where)}: collapsed. Nearly all rows there have the same value, and the "
        "prior determines the width of the component.",
        "Inspect these rows: repeated or censored values are not normally distributed. Remove "
        "them and model them separately, or leave the component out of your report.",
        kind="collapsed component",
    )


def _titled(names: np.ndarray) -> str:
    return f"{plural(names.size, 'Component')} {listed(names)}"


def _expected_rows(draws: MixtureParameters, spec: MixtureSpec, n_rows: float) -> np.ndarray:
    """Return E[N_k] from E[weights], for given allocations Dirichlet(a_k + N_k).

    It takes every fitted row and every draw into account, and no pass over them.
    """
    concentration = spec.weights.expanded(draws.n_components)
    weights = draws.weights.mean(axis=(0, 1))
    return np.maximum(weights * (n_rows + concentration.sum()) - concentration, 0.0)


def _fewest_rows(structure: CovarianceMap) -> int:
    """Return the rows that fix a mean and, where it is the component's own, a covariance."""
    if structure.tied:
        return 1
    if structure.n_factors:  # of each feature, a regression on the factors and a uniqueness
        return structure.n_factors + 2
    return structure.n_features + 1 if structure.correlated else 2


def _repeated(data: Dataset, resp: Float[np.ndarray, "n k"]) -> Bool[np.ndarray, "k d"]:
    """Whether the rows of a component hold few distinct values of a feature."""
    found = np.zeros((resp.shape[1], data.n_features), dtype=bool)
    for component, feature in np.ndindex(*found.shape):
        values = data.values[resp[:, component] > _BELONGS, feature]
        values = values[np.isfinite(values)]
        found[component, feature] = np.unique(values).size <= max(1, _REPEATED * values.size)
    return found


def _mean_responsibilities(data: Dataset, draws: MixtureParameters) -> Float[np.ndarray, "n k"]:
    some, total = _some(draws, data.n_rows), np.zeros((data.n_rows, draws.n_components))
    for _, mixture in each_mixture(some):
        total += responsibilities(data.rows, mixture)
    return total / np.prod(some.batch_shape)


def _some(draws: MixtureParameters, n_rows: int) -> MixtureParameters:
    """Return some draws; fewer where there are many rows, each of which then says little."""
    n_chains, n_draws = draws.batch_shape
    wanted = min(_DRAWS, max(_FEWEST_DRAWS, _MOST_ROWS // n_rows))
    each = min(n_draws, -(-wanted // n_chains))
    chosen = np.linspace(0, n_draws - 1, each).round().astype(int)
    return draws.draw((slice(None), chosen))  # axes chain, draw
