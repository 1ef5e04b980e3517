"""Gibbs sampling with an unknown number of components: the telescoping sampler.

``kernels/telescoping.py`` has the sweep. Chains start from different numbers of components, at the
mode of EM with each. A draw has as many components as it needs; in the tree all have the largest
number that was drawn, and what a draw lacks has weight zero and no parameters (NaN).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from bayesgmm.data.dataset import Dataset
from bayesgmm.engines.sampling import (
    FIRST_SWEEPS,
    LEAST_DRAWS,
    MOST_SWEEPS,
    WANTED,
    ChainDraws,
    Run,
    run_sampler,
)
from bayesgmm.estimation.density import Target, prior_as_numbers
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.point_estimate import PointEstimate, Status
from bayesgmm.numerics.distributions import inverse_wishart_log_normalizer
from bayesgmm.numerics.kernels.full_conditionals import HAMILTONIAN, SLICED, Moves
from bayesgmm.numerics.kernels.partition_prior import NumberOfComponents
from bayesgmm.numerics.kernels.telescoping import (
    FIXED,
    GAMMA,
    WISHART,
    Hyperprior,
    Pool,
    telescope,
    write_constant_of_scale_matrix,
)
from bayesgmm.numerics.mixture_prior import MixturePrior
from bayesgmm.numerics.rows import Block
from bayesgmm.numerics.statistics import work_of_pass
from bayesgmm.numerics.unconstrained import Layout, made_regular
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters
from bayesgmm.priors.covariances import SeparatedStructure
from bayesgmm.priors.inverse_wishart import InverseWishartStructure
from bayesgmm.priors.number import DynamicDirichlet
from bayesgmm.priors.sampling import draw_parameters
from bayesgmm.priors.scales import Gamma, InverseGamma
from bayesgmm.priors.spec import MixtureSpec, layout_of
from bayesgmm.priors.wishart import Wishart
from bayesgmm.progress import announce_interruption
from bayesgmm.schema import CHAIN, COMPONENT, DRAW, FEATURE
from bayesgmm.seeds import RandomSeed, spawn
from bayesgmm.tree.write import draws_tree

_OTHERWISE = "Give a number of components, and use NUTS()"
_SPARE = 3.0  # times the sweeps that should be enough
_USUAL_COMPONENTS = 8  # in a guess of the work of a sweep
_LEAST_WORK = 1e5  # of one sweep, however few rows there are
_MOST_WORK = 1e11  # of all, as rows times components times products of features: half a minute
_FEWEST_DRAWS = 4  # of a chain, to have an effective sample size
_POOL = 10_000  # draws from the prior of covariances at a time
_FOR_NORMALIZER = 20_000  # draws that show what share of the prior is above the resolution
_MOST_AT_START = 30
_ROWS_OF_SEARCH = 3000  # for the number of components of the first estimate
_PATIENCE = 2  # numbers of components that may be worse before the search ends
_NEIGHBORS, _MOST_WITH_NEIGHBORS = 6, 100_000  # rows; with more, all are tried alike
_MOST_DIMENSIONS, _SHARE_OF_ALL = 4, 0.3
_ROWS_A_TRY, _FEWEST_MOVES, _MOST_MOVES = 100, 1, 3
"""Rows for each try to make a cluster of one of them; the fewest and the most tries a sweep."""

_TRIES = 1.0  # of splits and merges, a sweep of the warm-up
_HOPED = (2.0, 20.0)  # accepted, and tried, that are counted beforehand
_FEWEST_TRIES, _WORTH = 0.05, 4.0
"""Tries a sweep after it: at least the first, else so many times the share that was accepted."""


@dataclass(frozen=True, eq=False)
class Places:
    """Draws of different numbers of components, as vectors.

    Attributes
    ----------
    positions : array, shape (draws, p)
        Each in the layout of its number of components, then zeros.
    found : array, shape (draws, 3)
        K, K+ and alpha.
    scales : array, shape (draws, h)
        Hyperparameters of scales; none without a hyperprior.
    """

    positions: Float[np.ndarray, "draws p"]
    found: Float[np.ndarray, "draws 3"]
    scales: Float[np.ndarray, "draws h"]

    @classmethod
    def joined(cls, some: list[Places]) -> Places:
        """Put draws one after the other; shorter positions are filled up."""
        width = max(one.positions.shape[1] for one in some)
        padded = [
            np.pad(one.positions, ((0, 0), (0, width - one.positions.shape[1]))) for one in some
        ]
        return cls(
            np.concatenate(padded),
            np.concatenate([one.found for one in some]),
            np.concatenate([one.scales for one in some]),
        )


@dataclass(frozen=True, eq=False)
class Telescope:
    """What all chains of a fit share: the table and the priors as numbers."""

    spec: MixtureSpec
    data: Dataset

    @property
    def _most(self) -> int:
        return self.spec.most_components

    @property
    def n_named(self) -> int:
        """Number of components that labels name."""
        known = self.data.label_log_likelihoods
        differs = np.any(known != known[:, -1:], axis=0)
        return int(np.flatnonzero(differs)[-1]) + 1 if differs.any() else 0

    @cached_property
    def largest_layout(self) -> Layout:
        """The layout of the largest number of components."""
        return self.layout(self._most)

    def layout(self, n_components: int) -> Layout:
        """Return the layout of this number of components."""
        return layout_of(self.spec.given(n_components), self.data.n_features)

    def prior(self) -> MixturePrior:
        """Return the priors as numbers, for the largest number; chains change their own copy."""
        given = self.spec.given(self._most)
        numbers = prior_as_numbers(given, self.largest_layout, of_mode=False).as_compiled()
        if self.spec.covariances.hyperprior is not None:
            covariances = numbers.covariances
            floor = np.zeros_like(covariances.floor)
            numbers = numbers._replace(covariances=covariances._replace(floor=floor))
        return numbers

    @property
    def number(self) -> NumberOfComponents:
        """The prior of K and the weights."""
        weights = self.spec.weights
        return NumberOfComponents(
            self.spec.n_components.log_probabilities(),
            self.n_named,
            isinstance(weights, DynamicDirichlet),
            isinstance(weights, DynamicDirichlet) and weights.alpha is None,
        )

    @property
    def first_alpha(self) -> float:
        """Alpha, or where it is inferred, its first value."""
        weights = self.spec.weights
        if isinstance(weights, DynamicDirichlet):
            return weights.alpha or 1.0
        return float(weights.expanded(1)[0])

    @cached_property
    def hyperprior(self) -> Hyperprior:
        """The prior of the scales of the prior."""
        prior, d = self.spec.covariances.hyperprior, self.data.n_features
        n_scales, nothing = self.largest_layout.covariances.n_scales, np.empty(0)
        if isinstance(prior, Gamma):
            shape, rate = (
                np.broadcast_to(np.asarray(each, dtype=float), (n_scales,)).copy()
                for each in (prior.shape, prior.rate)
            )
            return Hyperprior(GAMMA, shape, rate, 0.0, np.eye(1), 0.0)
        if isinstance(prior, Wishart):
            structure = self.spec.covariances
            assert isinstance(structure, InverseWishartStructure)
            assert structure.degrees_of_freedom
            assert prior.degrees_of_freedom
            constant = inverse_wishart_log_normalizer(structure.degrees_of_freedom, np.eye(d))
            precision = np.linalg.inv(prior.matrix(d))
            return Hyperprior(
                WISHART, nothing, nothing, prior.degrees_of_freedom, precision,
                constant + d * np.log(2),
            )  # fmt: skip
        return Hyperprior(FIXED, nothing, nothing, 0.0, np.eye(1), 0.0)

    @cached_property
    def _prior_of_pool(self) -> MixtureSpec:
        """The prior of one component, in units of the hyperparameter if there is one."""
        spec, prior = self.spec.given(1), self.spec.covariances.hyperprior
        structure = self.spec.covariances
        if isinstance(prior, Gamma):
            assert isinstance(structure, SeparatedStructure)
            assert isinstance(structure.scales, InverseGamma)
            unit = replace(structure, scales=replace(structure.scales, scale=1.0))
            return replace(spec, covariances=unit)
        if isinstance(prior, Wishart):
            assert isinstance(structure, InverseWishartStructure)
            return replace(spec, covariances=replace(structure, scale_matrix=1.0))
        return spec

    def pool(self, n_draws: int, rng: np.random.Generator) -> tuple[Pool, float]:
        """Draw covariance matrices from the prior; return also the share above the resolution.

        Those below it are left out at random, so that the others have the prior with its floor.
        """
        spec, d = self._prior_of_pool, self.data.n_features
        layout = layout_of(spec, d)
        drawn = draw_parameters(spec, d, n_draws, rng)
        if isinstance(drawn.correlations, np.ndarray):
            drawn = replace(drawn, correlations=made_regular(drawn.correlations))
        kept = np.exp(-self._walls(drawn, layout))
        share = float(kept.mean())
        drawn = drawn.draw((rng.random(n_draws) < kept,))
        n_scales = layout.covariances.n_scales
        coordinates = layout.pack(drawn)[:, d:]
        matrices = np.empty((0, d, d))
        if self.hyperprior.kind == WISHART:
            matrices = drawn.covariances[:, 0]
        parts = coordinates[:, :n_scales], coordinates[:, n_scales:], matrices
        return Pool(*(np.ascontiguousarray(part) for part in parts)), share

    def _walls(self, drawn: MixtureParameters, layout: Layout) -> Float[np.ndarray, " draws"]:
        """Return minus the terms of the floor in the log density of each draw."""
        if self.spec.covariances.hyperprior is not None:
            return np.zeros(drawn.batch_shape)
        floor, scales = self.spec.floor(self.data.n_features), drawn.scales[:, 0]
        precisions = scales[:, : layout.covariances.n_scales] ** -2.0
        if isinstance(drawn.correlations, FactoredCorrelations):
            precisions = 1 / (drawn.correlations.uniquenesses[:, 0] * scales**2)
        elif drawn.correlations is not None:
            inverses = np.linalg.inv(np.asarray(drawn.correlations)[:, 0])
            precisions = np.diagonal(inverses, axis1=1, axis2=2) / scales**2
        with np.errstate(over="ignore"):
            return np.sum((floor**2 * precisions) ** 4, axis=-1)

    @property
    def n_tries(self) -> int:
        """How often a sweep tries to make or remove a cluster of one row; not if cells lack."""
        covariances, rows = self.largest_layout.covariances, self.data.fitted_rows
        if rows.has_gaps or covariances.n_factors:
            return 0
        return int(np.clip(rows.n_rows // _ROWS_A_TRY, _FEWEST_MOVES, _MOST_MOVES))

    @cached_property
    def levels(self) -> Float[np.ndarray, " n"]:
        """Cumulative probabilities with which rows are tried as clusters: mostly isolated ones.

        By the volume that a row has for itself, up to its fifth neighbor.
        """
        rows = self.data.fitted_rows
        n_rows, d = rows.n_rows, rows.n_features
        if not self.n_tries or not _NEIGHBORS < n_rows <= _MOST_WITH_NEIGHBORS:
            return np.arange(1, n_rows + 1) / n_rows
        distances = cKDTree(rows.values).query(rows.values, _NEIGHBORS)[0][:, -1]
        volumes = distances ** min(d, _MOST_DIMENSIONS)
        shares = np.full(n_rows, _SHARE_OF_ALL / n_rows)
        shares += (1 - _SHARE_OF_ALL) * volumes / max(volumes.sum(), np.finfo(float).tiny)
        return np.cumsum(shares / shares.sum())

    @property
    def can_split(self) -> bool:
        """Whether clusters can be split and merged as a whole: not with one shared matrix."""
        covariances = self.largest_layout.covariances
        return self.n_tries > 0 and covariances.n_matrices == covariances.n_components


@dataclass(frozen=True, eq=False)
class _State:
    """Where a chain is; changed in place."""

    position: Float[np.ndarray, " p"]
    numbers: Float[np.ndarray, " 2"]


@dataclass(frozen=True, eq=False)
class Telescoper:
    """The sweeps of one chain, of which every ``thin``-th is kept."""

    shared: Telescope
    rng_of_pool: np.random.Generator
    thin: int = 1
    tried: Float[np.ndarray, " 4"] = field(default_factory=lambda: np.zeros(4))
    _split: dict[str, float] = field(default_factory=lambda: {"rate": _TRIES})

    @cached_property
    def moves(self) -> Moves:
        """How covariances are drawn, the same for all components."""
        from bayesgmm.engines.gibbs import moves_of

        largest = self.shared.spec.given(self.shared.spec.most_components)
        return moves_of(Target(largest, self.shared.data))

    @cached_property
    def _prior(self) -> MixturePrior:
        prior, hyper = self.shared.prior(), self.shared.hyperprior
        if hyper.kind == WISHART:
            write_constant_of_scale_matrix(prior.covariances, hyper)
        return prior

    @cached_property
    def _rows(self) -> Block:
        return self.shared.data.fitted_rows.as_one_block()

    @cached_property
    def _pool(self) -> dict[str, Any]:
        _, share = self.shared.pool(_FOR_NORMALIZER, self.rng_of_pool)
        pool, _ = self.shared.pool(_POOL, self.rng_of_pool)
        typical = np.exp(np.median(pool.log_scales, axis=0))
        hyper = self.shared.hyperprior
        if hyper.kind == GAMMA:
            typical = typical * hyper.shape / hyper.rate
        elif hyper.kind == WISHART:
            scatter = self._prior.covariances.scatter
            typical = typical * np.sqrt(np.diagonal(scatter))
        typical = np.resize(typical, self.shared.data.n_features)
        return {"draws": pool, "used": 0, "typical": typical, "log_normalizer": np.log(share)}

    def adapt(self) -> None:
        """Choose the moves of covariances, and how often to split, by what was accepted."""
        from bayesgmm.engines.gibbs import adapt

        pooled = Moves(*(part[:1].copy() for part in self.moves))
        pooled.tried[0], pooled.accepted[0] = self.moves.tried.sum(0), self.moves.accepted.sum(0)
        adapt(pooled, by_scale=self.shared.largest_layout.covariances.moves_by_scale)
        self.moves.kinds[:], self.moves.step_sizes[:] = pooled.kinds, pooled.step_sizes
        # What was not judged yet counts on.
        self.moves.tried[1:] = self.moves.accepted[1:] = 0.0
        self.moves.tried[0], self.moves.accepted[0] = pooled.tried[0], pooled.accepted[0]
        tried, accepted = self.tried[[0, 2]].sum(), self.tried[[1, 3]].sum()
        share = (accepted + _HOPED[0]) / (tried + _HOPED[1])
        self._split["rate"] = float(np.clip(_WORTH * share, _FEWEST_TRIES, _TRIES))

    def run(self, state: _State, n_sweeps: int, rng: np.random.Generator) -> Places:
        """Make sweeps from a state, which is moved."""
        seeds = rng.integers(2**64, size=n_sweeps, dtype=np.uint64)
        width, shared, pool = state.position.size, self.shared, self._pool
        positions = np.zeros((n_sweeps, width))
        found, log_likelihoods = np.zeros((n_sweeps, 3)), np.zeros(n_sweeps)
        n_hyper = 0
        if shared.hyperprior.kind != FIXED:
            n_hyper = shared.largest_layout.covariances.n_scales
        scales = np.zeros((n_sweeps, n_hyper))
        room, done = shared.largest_layout.covariances.room_for_factors(), 0
        while done < n_sweeps:
            rest = slice(done, None)
            n_done, pool["used"] = telescope(
                state.position, state.numbers, self._rows.row_arguments,
                self._rows.label_log_likelihoods, self._prior,
                shared.number, shared.hyperprior, pool["draws"], pool["used"], self.moves, room,
                pool["typical"], pool["log_normalizer"], shared.levels, shared.n_tries,
                shared.can_split, self._split["rate"], self.tried, rng, seeds[rest],
                positions[rest], found[rest], log_likelihoods[rest], scales[rest],
            )  # fmt: skip
            done += n_done
            if done < n_sweeps:
                n_draws = max(_POOL, 4 * (shared.spec.most_components + shared.n_tries))
                pool["draws"], pool["used"] = shared.pool(n_draws, self.rng_of_pool)[0], 0
        kept, widest = slice(self.thin - 1, None, self.thin), shared.layout(int(found[:, 0].max()))
        return Places(positions[kept, : widest.size].copy(), found[kept], scales[kept])


def numbers_at_start(spec: MixtureSpec, data: Dataset, n_chains: int) -> list[int]:
    """Return the number of components that each chain starts with, from few to many."""
    probabilities = spec.n_components.log_probabilities()
    possible = np.flatnonzero(probabilities > -np.inf) + 1
    named = Telescope(spec, data).n_named
    rows = np.unique(data.fitted.values, axis=0).shape[0]
    least, most = max(possible[0], named, 1), min(possible[-1], _MOST_AT_START)
    most = max(least, min(most, rows // (data.n_features + 1)))
    wanted = np.geomspace(least, most, max(n_chains, 2)).round().astype(int)
    return [int(possible[np.argmin(np.abs(possible - number))]) for number in wanted[:n_chains]]


def likely_mode(
    solver: EM,
    spec: MixtureSpec,
    data: Dataset,
    seed: np.random.SeedSequence,
    report: Callable[[], None],
) -> PointEstimate:
    """Return the mode with the number of components that BIC and its prior make most likely.

    The number grows until it was twice in a row worse than the best, on some rows of a long table.
    """
    some, few = data.evenly(_ROWS_OF_SEARCH), replace(solver, n_starts=max(1, solver.n_starts // 4))
    log_prior = spec.n_components.log_probabilities()
    possible = np.flatnonzero(log_prior > -np.inf) + 1
    least, n_rows = max(Telescope(spec, data).n_named, 1), some.fitted.total_weight
    best, best_value, worse = None, -np.inf, 0
    for number in possible[possible >= least]:
        if best is not None and (worse == _PATIENCE or number > some.n_rows):
            break
        given, labeled = spec.given(int(number)), some.for_components(int(number))
        found = few.run(given, labeled, seed=seed)
        report()
        size = layout_of(given, data.n_features).size
        value = found.log_likelihood - 0.5 * size * np.log(n_rows) + log_prior[number - 1]
        if best is None or value > best_value:
            best, best_value, worse = found, value, 0
        else:
            worse += 1
    assert best is not None
    number = best.parameters.n_components
    if some.n_rows < data.n_rows:
        best = few.run(spec.given(number), data.for_components(number), seed=seed)
    return best


def estimate_at(
    spec: MixtureSpec, data: Dataset, n_components: int, seed: RandomSeed
) -> PointEstimate:
    """Return the mode with this number of components, from few starts."""
    given = spec.given(n_components)
    return EM(n_starts=2).run(given, data.for_components(n_components), seed=seed)


def sample_number(
    settings: Any,
    spec: MixtureSpec,
    data: Dataset,
    *,
    start: PointEstimate,
    seed: RandomSeed,
    progress: bool,
) -> xr.DataTree:
    """Run chains with an unknown number of components, and gather them into a tree."""
    from bayesgmm.engines.gibbs import with_repeated_rows

    shared = Telescope(spec, with_repeated_rows(data.fitted, _OTHERWISE))
    start_seed, chain_seed, pool_seed = spawn(seed, 3)
    numbers = numbers_at_start(spec, data, settings.chains)
    estimates: dict[int, PointEstimate] = {start.parameters.n_components: start}
    for number, child in zip(numbers, spawn(start_seed, len(numbers)), strict=True):
        if number not in estimates:
            found = estimate_at(spec, data, number, child)
            estimates[number] = start if found.status is Status.COLLAPSED else found
    states = [_first_state(shared, estimates[number].parameters) for number in numbers]
    first, onward = spawn(chain_seed, 2)
    pools = [np.random.default_rng(child) for child in spawn(pool_seed, settings.chains)]
    seeds = spawn(first, settings.chains)
    run = run_sampler(settings, _Chains(settings, shared, states, pools), seeds, progress)
    sweeps: dict[str, float] = {}
    effective = _effective(run)
    n_sweeps = _sweeps(settings, shared, effective) if not run.partial else 0
    if n_sweeps:
        longer = replace(settings, thin=n_sweeps * settings.thin, tune=FIRST_SWEEPS)
        seeds = spawn(onward, settings.chains)
        more = run_sampler(longer, _Chains(longer, shared, states, pools), seeds, progress)
        if not more.partial and _effective(more) > effective:
            run, sweeps = more, {"sweeps": n_sweeps, "slow_ess": effective}
    if run.partial and progress:
        announce_interruption()
    return _gathered(shared, run, data, start, settings, **sweeps)


def _effective(run: Run) -> float:
    """Return the smaller effective sample size of the numbers of components and of clusters."""
    from arviz_stats.base import array_stats

    found = run.posterior("found")[..., :2]
    if found.shape[0] < 2 or found.shape[1] < _FEWEST_DRAWS:
        return np.inf
    varying = [numbers for numbers in np.moveaxis(found, -1, 0) if np.ptp(numbers) > 0]
    return min(
        (float(array_stats.ess(one, chain_axis=0, draw_axis=1)) for one in varying),
        default=np.inf,
    )


def _sweeps(settings: Any, shared: Telescope, effective: float) -> int:
    """Return the number of sweeps a draw with which chains are continued; 0 if they are not."""
    if effective >= WANTED or settings.draws < LEAST_DRAWS:
        return 0
    d, k = shared.data.n_features, _USUAL_COMPONENTS
    work = settings.chains * settings.draws * settings.thin * max(
        _LEAST_WORK, work_of_pass(shared.data.n_rows, k, d)
    )  # fmt: skip
    affordable = int(min(MOST_SWEEPS, _MOST_WORK / work))
    wanted = int(np.ceil(_SPARE * WANTED / max(effective, 1.0)))
    return min(affordable, wanted) if affordable > 1 else 0


def _first_state(shared: Telescope, parameters: MixtureParameters) -> _State:
    number = parameters.n_components
    target = Target(shared.spec.given(number), shared.data.for_components(number))
    position = np.zeros(shared.largest_layout.size)
    position[: shared.layout(number).size] = target.position_of(parameters)
    return _State(position, np.array([float(number), shared.first_alpha]))


@dataclass(frozen=True, eq=False)
class _Chains:
    """Chains on threads; draws are positions of different lengths."""

    settings: Any
    shared: Telescope
    states: list[_State]
    pools: list[np.random.Generator]

    def launch(self, chain: int, seed: np.random.SeedSequence, report: Callable) -> Any:
        from bayesgmm.engines.gibbs import GibbsChain

        sweeper = Telescoper(self.shared, self.pools[chain], self.settings.thin)
        return GibbsChain(
            self.settings, sweeper, self.states[chain], self.shared.data.n_rows, seed, report
        )

    def read(self, chain: Any) -> ChainDraws:
        """Take the kept draws."""
        if not chain.kept:
            return ChainDraws({}, {})
        places, sweeper = Places.joined(chain.kept), chain.sweeper
        tried, n_draws = sweeper.tried, len(places.found)
        accepted = (tried[1] + tried[3]) / max(tried[0] + tried[2], 1.0)
        kinds = sweeper.moves.kinds[:1]
        return ChainDraws(
            {
                "position": places.positions, "found": places.found, "scales": places.scales,
            },
            {
                "split_merge_rate": np.full(n_draws, accepted),
                "hamiltonian": np.full(n_draws, np.sum(kinds == HAMILTONIAN)),
                "slice_sampled": np.full(n_draws, np.sum(kinds == SLICED)),
            },
        )  # fmt: skip


def _gathered(
    shared: Telescope,
    run: Run,
    data: Dataset,
    start: PointEstimate,
    settings: Any,
    **record: Any,
) -> xr.DataTree:
    """Make a tree of the draws of all chains."""
    width = max(chain.posterior["position"].shape[1] for chain in run.chains)
    positions = np.stack([
        np.pad(one, ((0, 0), (0, width - one.shape[1])))
        for one in (chain.posterior["position"] for chain in run.chains)
    ])  # fmt: skip
    found, scales = run.posterior("found"), run.posterior("scales")
    numbers, filled = found[..., 0].astype(int), found[..., 1].astype(int)
    parameters = _unpacked(shared, positions, numbers)
    data = data.for_components(parameters.n_components)
    tree = draws_tree(
        parameters, data=data, spec=shared.spec, start=start, sample_stats=run.sample_stats(),
        engine=repr(settings), partial=run.partial, **record,
    )  # fmt: skip
    places = np.arange(parameters.n_components)
    more: dict[str, Any] = {
        "n_components": ((CHAIN, DRAW), numbers),
        "n_clusters": ((CHAIN, DRAW), filled),
        "filled": ((CHAIN, DRAW, COMPONENT), places < filled[..., None]),
    }
    if shared.number.infers_alpha:
        more["alpha"] = ((CHAIN, DRAW), found[..., 2])
    if scales.shape[-1]:
        all_features = np.broadcast_to(scales, (*scales.shape[:2], data.n_features))
        power = {"power": 2 if shared.hyperprior.kind == WISHART else 1}  # of the units
        more["prior_scale"] = ((CHAIN, DRAW, FEATURE), np.array(all_features), power)
    tree["posterior"] = xr.DataTree(tree["posterior"].to_dataset().assign(more))
    return tree


def _unpacked(
    shared: Telescope,
    positions: Float[np.ndarray, "chain draw p"],
    numbers: Int[np.ndarray, "chain draw"],
) -> MixtureParameters:
    """Return parameters of the largest number of components; what a draw lacks is NaN."""
    most = int(numbers.max())
    parts: dict[str, np.ndarray] = {}
    for number in np.unique(numbers):
        here, layout = numbers == number, shared.layout(int(number))
        some = layout.unpack(positions[here][:, : layout.size])
        arrays = {"weights": some.weights, "means": some.means, "scales": some.scales}
        if isinstance(some.correlations, FactoredCorrelations):
            arrays["loadings"] = some.correlations.loadings
            arrays["uniquenesses"] = some.correlations.uniquenesses
        elif some.correlations is not None:
            arrays["correlations"] = some.correlations
        for name, values in arrays.items():
            if name not in parts:
                nothing = 0.0 if name == "weights" else np.nan
                parts[name] = np.full((*numbers.shape, most, *values.shape[2:]), nothing)
            parts[name][here, :number] = values
    correlations: Any = parts.get("correlations")
    if "loadings" in parts:
        correlations = FactoredCorrelations(parts["loadings"], parts["uniquenesses"])
    return MixtureParameters(parts["weights"], parts["means"], parts["scales"], correlations)
