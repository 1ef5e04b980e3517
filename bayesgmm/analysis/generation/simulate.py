"""Simulation of tables from known mixtures: overlap, missing cells, outliers.

Axes: rows n, features d, components k.

References
----------
Rubin, D. B. (1976). Inference and missing data. Biometrika 63, 581-592.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import rankdata

from bayesgmm.analysis.generation.generate import draw_table
from bayesgmm.analysis.generation.random_mixtures import Asked, draw_mixture
from bayesgmm.data.dataset import default_names
from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.family import FAMILY
from bayesgmm.numerics.overlap import pairwise_overlap
from bayesgmm.options import expect_one_of, expect_whole_number, is_number
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.covariances import CovarianceStructure, Full
from bayesgmm.priors.weights import Dirichlet
from bayesgmm.schema import COMPONENT, COMPONENT_BIS, FEATURE, ROW
from bayesgmm.seeds import RandomSeed, generator, spawn

NO_COMPONENT = -1
"""The allocation of outliers."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """Rows from a known mixture.

    Attributes
    ----------
    x : xarray.DataArray
        The rows, dims ``obs_id, feature``; NaN where a cell is missing.
    complete : xarray.DataArray
        The same without missing cells.
    component : xarray.DataArray
        The component of every row, -1 for outliers.
    parameters : MixtureParameters
        The mixture.
    overlap : xarray.DataArray
        Overlap of every pair, dims ``component, component_bis``, measured on the mixture; one on
        the diagonal.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> simulation = bg.simulate(200, 3, 2, overlap=0.05, random_seed=1)
    >>> round(simulation.average_overlap, 4)
    0.05
    """

    x: xr.DataArray
    complete: xr.DataArray
    component: xr.DataArray
    parameters: MixtureParameters
    overlap: xr.DataArray

    @property
    def is_outlier(self) -> xr.DataArray:
        """Whether a row comes from no component."""
        return self.component == NO_COMPONENT

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
        n, d = self.x.shape
        weights = ", ".join(f"{weight:.3f}" for weight in self.parameters.weights)
        missing = float(self.x.isnull().mean())
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


Mechanism = Literal["MCAR", "MAR"]

_STEEPNESS = 4.0
"""Difference in log odds between the largest and the smallest value of the first feature."""


def most_missing(n_features: int) -> float:
    """Return the largest fraction of missing cells with one observed per row: (d - 1) / d."""
    return (n_features - 1) / n_features


def missing_at_random(
    rows: Float[np.ndarray, "n d"], share: float, mechanism: Mechanism, rng: np.random.Generator
) -> Bool[np.ndarray, "n d"]:
    """Choose missing cells with the given expected fraction; every row keeps at least one."""
    if share == 0:
        return np.zeros(rows.shape, dtype=bool)
    return _MECHANISMS[mechanism](rows, share, rng)


def _completely(
    rows: Float[np.ndarray, "n d"], share: float, rng: np.random.Generator
) -> Bool[np.ndarray, "n d"]:
    """Choose each cell independently with probability p; rows that would lose all are redrawn.

    Given that a row keeps a cell, each cell is missing with probability (p - p^d) / (1 - p^d).
    """
    d = rows.shape[1]
    p = brentq(lambda p: (p - p**d) / (1 - p**d) - share, 0.0, 1.0 - 1e-9)
    missing = rng.random(rows.shape) < p
    while (empty := np.flatnonzero(missing.all(axis=1))).size:
        missing[empty] = rng.random((empty.size, d)) < p
    return missing


def _guided(
    rows: Float[np.ndarray, "n d"], share: float, rng: np.random.Generator
) -> Bool[np.ndarray, "n d"]:
    """Choose cells of all features but the first, more often for larger values of the first.

    With u the rank of the first feature, 0 to 1, the log odds are alpha + 4 (u - 1/2). The first
    feature is never missing, so missingness depends on observed cells only.
    """
    n, d = rows.shape
    pull = _STEEPNESS * ((rankdata(rows[:, 0]) - 0.5) / n - 0.5)
    of_others = share * d / (d - 1)
    alpha = brentq(lambda alpha: expit(alpha + pull).mean() - of_others, -100.0, 100.0)
    missing = np.zeros(rows.shape, dtype=bool)
    missing[:, 1:] = rng.random((n, d - 1)) < expit(alpha + pull)[:, None]
    return missing


_MECHANISMS: dict[str, Callable[..., Bool[np.ndarray, "n d"]]] = {
    "MCAR": _completely,
    "MAR": _guided,
}


CONTENT = 0.999
"""Probability of the ellipsoid of each component outside which outliers lie, as in MixSim."""

_WIDER = 1.5  # factor of the box while half of it or more is inside of ellipsoids


def draw_outliers(
    parameters: MixtureParameters,
    rows: Float[np.ndarray, "n d"],
    n_outliers: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "m d"]:
    """Draw points that are uniform on a box and outside of all components.

    The box is that of the rows, or a wider one with the same center if they leave too little
    space in it, or are too few to have a width.
    """
    low, high = rows.min(axis=0), rows.max(axis=0)
    center, half = (low + high) / 2, np.maximum((high - low) / 2, parameters.scales.max(axis=0))
    points = np.empty((0, rows.shape[1]))
    while len(points) < n_outliers:
        drawn = center + half * rng.uniform(-1.0, 1.0, size=(2 * n_outliers, center.size))
        outside = drawn[is_outside(parameters, drawn)]
        if len(outside) < n_outliers:
            half = half * _WIDER
        else:
            points = outside[:n_outliers]
    return points


def is_outside(
    parameters: MixtureParameters, rows: Float[np.ndarray, "n d"]
) -> Bool[np.ndarray, " n"]:
    """Return which rows lie outside of the ellipsoids of all components."""
    away = rows[None] - parameters.means[:, None]
    solved = np.linalg.solve(parameters.cholesky, np.swapaxes(away, 1, 2))
    squares = (solved**2).sum(axis=1)
    return np.all(squares > FAMILY.radius(CONTENT, parameters.n_features) ** 2, axis=0)


_MOST_OUTLIERS = 0.5


def simulate(
    n_rows: int,
    n_components: int,
    n_features: int,
    *,
    overlap: float | None = None,
    max_overlap: float | None = None,
    covariances: CovarianceStructure | None = None,
    weights: Dirichlet | Sequence[float] | None = None,
    min_weight: float = 0.0,
    missing: float = 0.0,
    missing_mechanism: Mechanism = "MCAR",
    outliers: float = 0.0,
    random_seed: RandomSeed = None,
) -> Simulation:
    """Simulate rows from a random mixture with a given overlap of components.

    The overlap of two components is the probability that a row of the first is more probable
    under the second, plus the reverse (:func:`bayesgmm.overlap`). Means are uniform on the unit
    hypercube, and covariance matrices Wishart with d + 1 degrees of freedom and eccentricities of
    0.9 at most, all multiplied by the one factor that gives the overlap, as in the R package
    MixSim. Diagonal structures take the diagonals of these matrices, spherical ones their means.

    Parameters
    ----------
    n_rows, n_components, n_features : int
        Sizes; at least two components.
    overlap : float, optional
        The average over all pairs, above 0 and below 1.
    max_overlap : float, optional
        The overlap of the pair that overlaps most. With both, the components that are not of this
        pair have a factor of their own; give at least one of the two.
    covariances : covariance structure, default ``Full()``
        What components share and whether features correlate; its priors are not used.
    weights : Dirichlet or sequence of k numbers, optional
        Distribution of the weights, or the weights; equal by default.
    min_weight : float, default 0
        Lower bound of drawn weights: with s the bound and p from the distribution,
        weights are s + (1 - k s) p.
    missing : float, default 0
        Expected share of the cells that are missing, below (d - 1) / d: every row keeps at least
        one.
    missing_mechanism : {"MCAR", "MAR"}, default "MCAR"
        The mechanism (Rubin, 1976). MCAR, completely at random: each cell independently; rows
        that would lose all cells are redrawn. MAR, at random: the first feature is always observed,
        and a cell of the others is missing with log odds alpha + 4 (u - 1/2), where u, 0 to 1, is
        the rank of the row by its first feature. So rows with large values of it have more missing
        cells.
    outliers : float, default 0
        Fraction of rows, below 0.5, that come from no component. They are uniform on the box
        of the other rows, or a wider one if needed, and outside of the ellipsoids that
        hold 99.9 % of each component.
    random_seed : int, SeedSequence or Generator, optional
        The same seed gives the same mixture, and the same complete rows with any ``missing``.

    Returns
    -------
    Simulation
        ``x``, ready to be fitted, and the truth: ``complete`` rows, ``component``,
        ``parameters`` and the measured ``overlap``. Prints as text.

    Raises
    ------
    SpecificationError
        If an option is invalid, or no mixture attains the overlap.

    References
    ----------
    Maitra, R. and Melnykov, V. (2010). Simulating data to study performance of finite mixture
    modeling and clustering algorithms. Journal of Computational and Graphical Statistics 19,
    354-376.
    Melnykov, V., Chen, W.-C. and Maitra, R. (2012). MixSim: an R package for simulating data to
    study performance of clustering algorithms. Journal of Statistical Software 51 (12).
    Rubin, D. B. (1976). Inference and missing data. Biometrika 63, 581-592.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> made = bg.simulate(500, 3, 2, overlap=0.05, missing=0.1, outliers=0.02, random_seed=1)
    >>> round(made.average_overlap, 6), int(made.is_outlier.sum())
    (0.05, 10)
    >>> made.x.shape
    (500, 2)
    """
    for name, size in (("n_rows", n_rows), ("n_features", n_features)):
        expect_whole_number(name, size)
    _expect_components(n_components)
    asked = _asked(overlap, max_overlap, n_components, covariances)
    expect_one_of("missing_mechanism", missing_mechanism, get_args(Mechanism))
    _expect_share("outliers", outliers, _MOST_OUTLIERS, "Most rows must come from the mixture.")
    _expect_share(
        "missing", missing, most_missing(n_features), "Every row keeps at least one cell."
    )
    mixture_rng, rows_rng, missing_rng = map(generator, spawn(random_seed, 3))
    shares = _weights(weights, min_weight, n_components, mixture_rng)
    mixture = draw_mixture(shares, n_features, covariances or Full(), asked, mixture_rng)
    values, allocations = _draw_table(mixture, n_rows, round(outliers * n_rows), rows_rng)
    gone = missing_at_random(values, missing, missing_mechanism, missing_rng)
    names = {ROW: np.arange(n_rows), FEATURE: list(default_names(n_features))}
    complete = xr.DataArray(values, coords=names, dims=(ROW, FEATURE), name="x")
    return Simulation(
        x=complete.where(~gone),
        complete=complete,
        component=xr.DataArray(allocations, coords={ROW: names[ROW]}, dims=ROW, name="component"),
        parameters=mixture,
        overlap=overlap_array(pairwise_overlap(mixture)),
    )


def _draw_table(
    mixture: MixtureParameters, n_rows: int, n_outliers: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
    """Draw rows and their components; outliers replace some of them."""
    rows, allocations = draw_table(mixture, n_rows, rng)
    if n_outliers:
        places = rng.choice(n_rows, n_outliers, replace=False)
        rows[places] = draw_outliers(mixture, np.delete(rows, places, axis=0), n_outliers, rng)
        allocations[places] = NO_COMPONENT
    return rows, allocations


def _expect_components(n_components: Any) -> None:
    expect_whole_number("n_components", n_components)
    if n_components < 2:
        raise SpecificationError(
            "n_components must be at least 2: a single component has no overlap."
        )


def _asked(
    average: Any, most: Any, n_components: int, covariances: CovarianceStructure | None
) -> Asked:
    """Check the overlaps and the structure."""
    if covariances is not None and not isinstance(covariances, CovarianceStructure):
        raise SpecificationError(
            f"covariances must be a covariance structure such as Full(), not {covariances!r}."
        )
    if average is None and most is None:
        raise SpecificationError(
            "Give the overlap of the components: the average, such as overlap=0.05, or max_overlap."
        )
    for name, value in (("overlap", average), ("max_overlap", most)):
        if value is not None and not (is_number(value) and 0 < value < 1):
            raise SpecificationError(f"{name} must lie strictly between 0 and 1, not {value!r}.")
    if average is not None and most is not None:
        _expect_both(average, most, n_components, covariances)
    return Asked(average, most)


def _expect_both(
    average: float, most: float, n_components: int, covariances: CovarianceStructure | None
) -> None:
    """Raise if an average and a maximum are incompatible."""
    if covariances is not None and covariances.tied:
        raise SpecificationError(
            "A tied structure has one factor for all components: give either overlap or "
            "max_overlap."
        )
    n_pairs = n_components * (n_components - 1) // 2
    if not most / n_pairs < average < most:
        raise SpecificationError(
            f"With max_overlap={most} and {n_pairs} pairs of components, overlap, their average, "
            f"must lie between {most / n_pairs:g} and {most:g}, not at {average}."
        )


def _expect_share(name: str, value: Any, limit: float, reason: str) -> None:
    is_possible = is_number(value) and (value == 0 or 0 < value < limit)
    if not is_possible:
        raise SpecificationError(
            f"{name} must be a fraction of at least 0 and below {limit:g}, not {value!r}. {reason}"
        )


def _weights(
    weights: Any, smallest: Any, k: int, rng: np.random.Generator
) -> Float[np.ndarray, " k"]:
    """Return equal weights, those given, or some that are drawn."""
    if not (is_number(smallest) and 0 <= smallest <= 1 / k):
        raise SpecificationError(f"min_weight must lie between 0 and 1 / {k}, not at {smallest!r}.")
    if weights is None:
        return np.full(k, 1.0 / k)
    if isinstance(weights, Dirichlet):
        return smallest + (1 - k * smallest) * rng.dirichlet(weights.expanded(k))
    return _given_weights(weights, k)


def _given_weights(weights: Any, k: int) -> Float[np.ndarray, " k"]:
    try:
        values = np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (k,) or not (np.all(values > 0) and abs(values.sum() - 1) < 1e-6):
        raise SpecificationError(
            f"weights must be a Dirichlet() or {k} positive numbers that sum to one, "
            f"not {weights!r}."
        )
    return values / values.sum()
