"""Estimates of the integral of a posterior density, the evidence, from posterior draws.

All integrals are over one labeling of exchangeable components (``analysis/labelings.py``), of which
every draw has a copy; the number of labelings is a factor that the caller adds. So estimates are
exact for any number of components and any overlap, without a sum over permutations.

Every estimate fits a region or a proposal to one half of every chain and averages over the other,
then the halves are exchanged.

Positions have axes draw, coordinate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln, logsumexp

from bayesgmm.analysis.labelings import Labeling, halves, passes_worth
from bayesgmm.engines.importance import StudentT, log_densities
from bayesgmm.engines.normal import NormalApproximation
from bayesgmm.estimation.density import Target
from bayesgmm.numerics.bridge import bridge, relative_variance
from bayesgmm.parameters import MixtureParameters

_MOST_DRAWS = 8000  # of each half
_MOST_WORK = 6e10
"""Rows times components times products of features of all evaluations: some ten seconds."""

_FEWEST_DRAWS = 50
_FEWEST_INSIDE = 20
_MOST_PARTS = 8
_ROWS_A_COORDINATE = 10.0
_FREEDOM = 5.0
_LEFT_OUT = 0.25  # of draws, in the tails of the proposal
_AXES = {"chain_axis": 0, "draw_axis": 1}


@dataclass(frozen=True)
class Estimate:
    """A log integral with its standard error, and a doubt about both in words.

    Attributes
    ----------
    value, error : float
        NaN and infinite where there is no estimate.
    doubt : str
        Empty where there is none.
    """

    value: float
    error: float
    doubt: str = ""

    def plus(self, constant: float) -> Estimate:
        """Return the estimate with a constant added."""
        return Estimate(self.value + constant, self.error, self.doubt)

    @classmethod
    def unknown(cls, why: str) -> Estimate:
        """Return what takes the place of an estimate."""
        return cls(math.nan, math.inf, why)


@dataclass(frozen=True, eq=False)
class Half:
    """Half of the draws of all chains, one chain after the other.

    Attributes
    ----------
    target : Target
    draws : MixtureParameters
    n_chains : int
    """

    target: Target
    draws: MixtureParameters
    n_chains: int

    @property
    def size(self) -> int:
        """Number of draws."""
        return self.draws.batch_shape[0]

    @cached_property
    def log_p(self) -> Float[np.ndarray, " draw"]:
        """Log posterior densities, which labels do not change."""
        return _log_p(self.target, self.target.layout.pack(self.draws))

    def effective(self, values: Float[np.ndarray, " draw"], method: str) -> float:
        """Return the effective number of draws for some numbers, one for each draw."""
        from arviz_stats.base import array_stats

        by_chain = values.reshape(self.n_chains, -1)
        if self.n_chains == 1:
            by_chain = values[: values.size // 2 * 2].reshape(2, -1)
        effective = float(array_stats.ess(by_chain, method=method, **_AXES))
        return min(effective, float(self.size)) if np.isfinite(effective) else 1.0

    def error_of_mean(self, logs: Float[np.ndarray, " draw"]) -> float:
        """Return the squared relative standard error of the mean of exp(logs)."""
        values = np.exp(logs - logs.max())
        return relative_variance(logs) / self.effective(values, "mean")


@dataclass(frozen=True, eq=False)
class Posterior:
    """A posterior density and draws from it, on the standard scale.

    Attributes
    ----------
    target : Target
    groups : integer array, shape (k,)
        Which components are exchangeable.
    first, second : Half
    """

    target: Target
    groups: Int[np.ndarray, " k"]
    first: Half
    second: Half

    @classmethod
    def of(
        cls, target: Target, draws: MixtureParameters, groups: Int[np.ndarray, " k"]
    ) -> Posterior:
        """Take the draws, with axes chain and draw, or some of them if all would take long."""
        n_draws = int(min(_MOST_DRAWS, passes_worth(target, _MOST_WORK) / 4))
        parts = halves(draws, n_draws)
        return cls(target, groups, *(Half(target, part, draws.batch_shape[0]) for part in parts))

    def both_ways(self, estimate: Callable[[Region, Half], Estimate]) -> Estimate:
        """Average the estimates with the halves in both roles.

        The error is that of the average were both independent, or half their difference if that is
        larger: the draws are the same.
        """
        size = self.target.layout.size
        if self.first.size < max(_FEWEST_DRAWS, 2 * size):
            return Estimate.unknown(
                f"it needs {4 * max(_FEWEST_DRAWS // 2, size)} draws for {size} parameters, and "
                f"there are {2 * self.first.size}"
            )
        try:
            found = [
                estimate(Region.of(self.target, self.groups, one), other)
                for one, other in ((self.first, self.second), (self.second, self.first))
            ]
        except np.linalg.LinAlgError:
            return Estimate.unknown("some parameter hardly varies in the draws")
        doubt = next((one.doubt for one in found if one.doubt), "")
        value = 0.5 * (found[0].value + found[1].value)
        if not math.isfinite(value):
            return Estimate.unknown(doubt)
        within = math.hypot(found[0].error, found[1].error) / math.sqrt(2)
        between = 0.5 * abs(found[0].value - found[1].value)
        return Estimate(value, max(within, between), doubt)


@dataclass(frozen=True, eq=False)
class Region:
    """One labeling of the components, and where its draws are.

    Attributes
    ----------
    target : Target
    labeling : Labeling
    positions : array, shape (draw, p)
        Draws in this labeling.
    log_p : array, shape (draw,)
        Their log posterior densities.
    """

    target: Target
    labeling: Labeling
    positions: Float[np.ndarray, "draw p"]
    log_p: Float[np.ndarray, " draw"]

    @classmethod
    def of(cls, target: Target, groups: Int[np.ndarray, " k"], half: Half) -> Region:
        """Fit the labeling to draws."""
        labeling = Labeling.of(groups, half.draws)
        positions = target.layout.pack(labeling.in_order(half.draws)[0])
        return cls(target, labeling, positions, half.log_p)

    def positions_of(self, half: Half) -> Float[np.ndarray, "draw p"]:
        """Return other draws in this labeling."""
        return self.target.layout.pack(self.labeling.in_order(half.draws)[0])

    def log_densities(self, positions: Float[np.ndarray, "draw p"]) -> np.ndarray:
        """Return log posterior densities; minus infinity outside of the region."""
        is_inside = self.labeling.in_order(self.target.layout.unpack(positions))[1]
        values = np.full(len(positions), -np.inf)
        values[is_inside] = _log_p(self.target, positions[is_inside])
        return values


def bridge_sampling(posterior: Posterior, rng: np.random.Generator) -> Estimate:
    """Estimate the integral by bridge sampling from a mixture of t distributions."""

    def one_way(region: Region, half: Half) -> Estimate:
        proposal = Proposal.of(region.positions)
        proposed = proposal.draw(half.size, rng)
        of_draws = half.log_p - proposal.log_density(region.positions_of(half))
        of_proposed = region.log_densities(proposed) - proposal.log_density(proposed)
        if np.isfinite(of_proposed).sum() < _FEWEST_INSIDE:
            return Estimate.unknown("its proposals miss the posterior")
        effective = half.effective(of_draws, "bulk")
        log_z, lower, upper = bridge(of_draws, of_proposed, effective)
        variance = relative_variance(upper) / upper.size + half.error_of_mean(lower)
        return Estimate(log_z, math.sqrt(variance))

    return posterior.both_ways(one_way)


def thames(posterior: Posterior, rng: np.random.Generator) -> Estimate:
    """Estimate the integral by the truncated harmonic mean.

    Of 1 / p over draws in a region A, whose volume is known: where p is above its median over
    draws, and the density of the proposal above its lower quarter. The volume is the mean of
    1 / q over proposals in A. With one part A is the ellipsoid of Metodiev et al. (2025), cut where
    the posterior density is low; the union of several follows a posterior that is not normal.
    """

    def one_way(region: Region, half: Half) -> Estimate:
        proposal = Proposal.of(region.positions)
        level = float(np.median(region.log_p))
        edge = float(np.quantile(proposal.log_density(region.positions), _LEFT_OUT))
        is_own = half.log_p > level
        is_own &= proposal.log_density(region.positions_of(half)) > edge
        proposed = proposal.draw(half.size, rng)
        log_q = proposal.log_density(proposed)
        is_inside = (log_q > edge) & (region.log_densities(proposed) > level)
        if min(is_own.sum(), is_inside.sum()) < _FEWEST_INSIDE:
            return Estimate.unknown("the posterior is too far from a normal distribution for it")
        of_draws = np.where(is_own, -half.log_p, -np.inf)
        of_volume = np.where(is_inside, -log_q, -np.inf)
        log_mean = float(logsumexp(of_draws)) - math.log(half.size)
        log_volume = float(logsumexp(of_volume)) - math.log(half.size)
        variance = half.error_of_mean(of_draws) + relative_variance(of_volume) / half.size
        return Estimate(log_volume - log_mean, math.sqrt(variance))

    return posterior.both_ways(one_way)


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mixture of t distributions.

    Attributes
    ----------
    parts : tuple of StudentT
    weights : array
    """

    parts: tuple[StudentT, ...]
    weights: Float[np.ndarray, " part"]

    @classmethod
    def of(cls, positions: Float[np.ndarray, "draw p"]) -> Proposal:
        """Fit one to positions: one t distribution for each part of them.

        The largest part is divided in two across its longest axis, in units of the standard
        deviations of all, as long as there are ten draws for every coordinate. The covariance
        matrix of a part is drawn a little to the average of all, so that it is regular.
        """
        n_draws, size = positions.shape
        n_parts = int(min(_MOST_PARTS, max(1.0, n_draws / (_ROWS_A_COORDINATE * size))))
        units = positions.std(axis=0) + np.finfo(float).tiny
        groups = [np.arange(n_draws)]
        while len(groups) < n_parts:
            groups.sort(key=len)
            groups.extend(_divided(positions / units, groups.pop()))
        own = [np.atleast_2d(np.cov(positions[one], rowvar=False)) for one in groups]
        counts = np.array([len(one) for one in groups])
        shared = np.einsum("g,gij->ij", counts / n_draws, own)
        matrices = [
            (count * matrix + size * shared) / (count + size)
            for count, matrix in zip(counts, own, strict=True)
        ]
        parts = tuple(
            StudentT(_with_moments(positions[one].mean(axis=0), matrix), _FREEDOM)
            for one, matrix in zip(groups, matrices, strict=True)
        )
        return cls(parts, counts / n_draws)

    def draw(self, n_draws: int, rng: np.random.Generator) -> Float[np.ndarray, "draw p"]:
        """Return positions."""
        counts = rng.multinomial(n_draws, self.weights)
        return np.concatenate([
            part.draw(count, rng) for part, count in zip(self.parts, counts, strict=True)
        ])  # fmt: skip

    def log_density(self, positions: Float[np.ndarray, "draw p"]) -> Float[np.ndarray, " draw"]:
        """Return the log density at positions."""
        each = np.array([part.log_density(positions) for part in self.parts])
        return logsumexp(each + np.log(self.weights)[:, None], axis=0)


def log_probability_empty(
    responsibilities: Callable[[int], Float[np.ndarray, "n k"]],
    n_draws: int,
    counts: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " draw"]:
    """Return, for every draw, the log probability that a component is empty, of all on average."""
    logs = np.empty(n_draws)
    for draw in range(n_draws):
        with np.errstate(divide="ignore"):
            others = np.log1p(-np.minimum(responsibilities(draw), 1.0))
        per_component = np.sum(others * counts[:, None], axis=0)
        logs[draw] = logsumexp(per_component) - math.log(per_component.size)
    return logs


def log_ratio_of_weights(concentration: float, k: int, n: float) -> float:
    """Return log p(z | k) - log p(z | k - 1) for allocations that leave a component empty."""
    e = concentration
    return float(
        gammaln(k * e) - gammaln(k * e + n) - gammaln((k - 1) * e) + gammaln((k - 1) * e + n)
    )


def _log_p(target: Target, positions: np.ndarray) -> Float[np.ndarray, " draw"]:
    values = log_densities(target, positions)
    return np.nan_to_num(values, nan=-np.inf, posinf=-np.inf, neginf=-np.inf)


def _divided(scaled: np.ndarray, places: Int[np.ndarray, " n"]) -> tuple[np.ndarray, np.ndarray]:
    """Divide some positions at their mean, across the longest axis."""
    centered = scaled[places] - scaled[places].mean(axis=0)
    along = centered @ np.linalg.svd(centered, full_matrices=False)[2][0]
    cut = np.clip(np.sum(along < 0), len(places) // 4, 3 * len(places) // 4)
    order = np.argsort(along, kind="stable")
    return places[order[:cut]], places[order[cut:]]


def _with_moments(mean: np.ndarray, covariance: np.ndarray) -> NormalApproximation:
    root = np.linalg.cholesky(covariance[::-1, ::-1])[::-1, ::-1]  # upper triangular
    return NormalApproximation(mean, np.ascontiguousarray(root))
