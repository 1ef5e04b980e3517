"""Gibbs sampling of allocations and parameters, for the same posterior as NUTS.

Sweeps over short tables run in one compiled loop, those over long tables by blocks of rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import SimpleNamespace
from typing import Any, ClassVar, get_args

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.data.dataset import Dataset
from bayesgmm.engines.normal import NormalApproximation
from bayesgmm.engines.sampling import FIRST_SWEEPS, ChainDraws, Settings, sample
from bayesgmm.engines.starts import InitChoice
from bayesgmm.engines.telescoping import sample_number
from bayesgmm.errors import SpecificationError
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.numerics.blocks import available_cores
from bayesgmm.numerics.kernels.allocations import allocations, pattern_allocations
from bayesgmm.numerics.kernels.full_conditionals import HAMILTONIAN, PROPOSED, SLICED, Moves
from bayesgmm.numerics.kernels.sweeps import draw_parameters, sweeps
from bayesgmm.numerics.log_posterior import LogPosterior
from bayesgmm.numerics.rows import Block, Rows
from bayesgmm.options import expect_member, expect_whole
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.seeds import RandomSeed

_NOWHERE = np.empty(0, np.int64)  # for allocations that nothing asks for
_LEAST_ACCEPTANCE = 0.4  # of proposals of a covariance; below, other moves give better draws
_LEAST_TRIED = 20  # proposals before that is judged
_TARGET_ACCEPTANCE = 0.8  # of Hamiltonian Monte Carlo, to which step sizes are adapted
_FIRST_STEP_SIZE = 1.5  # times p^(-1/4) for p numbers: the scaling of Beskos et al. (2013)
_SMALLEST_STEP_SIZE = 0.02  # below, trajectories are too short to be worth their steps


@dataclass(frozen=True)
class Swept:
    """The results of some sweeps.

    Attributes
    ----------
    positions : array, shape (sweeps, p)
        After each sweep.
    log_densities : array, shape (sweeps,)
        Before each sweep.
    acceptances : array, shape (sweeps,)
        Mean over the covariances that a proposal was made for; NaN where there were none.
    """

    positions: Float[np.ndarray, "sweeps p"]
    log_densities: Float[np.ndarray, " sweeps"]
    acceptances: Float[np.ndarray, " sweeps"]

    @classmethod
    def room_for(cls, n_sweeps: int, size: int) -> Swept:
        """Return arrays to be filled."""
        return cls(np.empty((n_sweeps, size)), np.empty(n_sweeps), np.empty(n_sweeps))


def moves_of(target: Target) -> Moves:
    """Propose every covariance matrix as a whole."""
    covariances = target.layout.covariances
    shape = (covariances.n_matrices, covariances.n_scales if covariances.moves_by_scale else 1)
    n_numbers = covariances.n_scales * (covariances.n_scales + 1) // 2
    step_sizes = np.full(shape, _FIRST_STEP_SIZE * n_numbers**-0.25)
    return Moves(np.full(shape, PROPOSED), step_sizes, np.zeros(shape), np.zeros(shape))


def adapt(moves: Moves, *, by_scale: bool) -> None:
    """Choose moves that are accepted, in place, by what happened since the last call."""
    judged = moves.tried >= _LEAST_TRIED
    rate = moves.accepted / np.maximum(moves.tried, 1.0)
    hamiltonian = moves.kinds == HAMILTONIAN
    stuck = judged & ~hamiltonian & (rate < _LEAST_ACCEPTANCE)
    adapted = judged & hamiltonian
    moves.step_sizes[adapted] *= np.exp(rate[adapted] - _TARGET_ACCEPTANCE)
    moves.kinds[hamiltonian & (moves.step_sizes < _SMALLEST_STEP_SIZE)] = SLICED
    moves.kinds[stuck] = SLICED if by_scale else HAMILTONIAN
    moves.tried[judged] = moves.accepted[judged] = 0.0


@dataclass(frozen=True, eq=False)
class Sweeper:
    """Sweeps of one target.

    The algorithm, and so the draws, depends on the number of rows only: ``cores``
    is the number of threads that share the blocks of a long table, and does not affect the draws.
    """

    target: Target
    cores: int = 1

    @cached_property
    def moves(self) -> Moves:
        """How covariances are drawn; changed by ``adapt``, in the warm-up only."""
        return moves_of(self.target)

    def adapt(self) -> None:
        """Choose the moves of covariances by what was accepted since the last call."""
        adapt(self.moves, by_scale=self.target.layout.covariances.moves_by_scale)

    @property
    def _log_posterior(self) -> LogPosterior:
        return self.target.log_posterior

    @property
    def _rows(self) -> Rows:
        return self._log_posterior.X

    def run(
        self, position: Float[np.ndarray, " p"], n_sweeps: int, rng: np.random.Generator
    ) -> Swept:
        """Make sweeps from a position, which is moved."""
        seeds = rng.integers(2**64, size=n_sweeps, dtype=np.uint64)
        swept = Swept.room_for(n_sweeps, position.size)
        if len(self._rows.blocks()) == 1:
            (block,) = self._rows.blocks()
            sweeps(
                position, block.row_arguments, block.label_log_likelihoods,
                self._log_posterior.prior,
                self.target.layout.covariances.room_for_factors(), self.moves, rng, seeds,
                swept.positions, swept.log_densities, swept.acceptances,
            )  # fmt: skip
            return swept
        for number, seed in enumerate(seeds):
            value, acceptance = self._sweep(position, seed, rng)
            swept.log_densities[number], swept.acceptances[number] = value, acceptance
            swept.positions[number] = position
        return swept

    def _sweep(
        self, position: np.ndarray, seed: np.uint64, rng: np.random.Generator
    ) -> tuple[float, float]:
        """Make one sweep by blocks of rows; return log density before it, and acceptance."""
        log_posterior = self._log_posterior
        state = log_posterior.state(position)
        mixture = state.constants, state.means, state.factors

        def allocate(block: Block) -> tuple:
            arguments = block.rows, block.label_log_likelihoods, block.start, *mixture, seed
            if self._rows.has_gaps:
                return pattern_allocations(*arguments)
            return allocations(*arguments, _NOWHERE)

        statistics = self._rows.sum(allocate, cores=self.cores)
        log_likelihood, *moments = statistics
        value = log_posterior.value(state, log_likelihood)
        acceptance = draw_parameters(
            position, state.factors, *moments, log_posterior.prior, self.moves, rng
        )
        return value, acceptance


MOST_ROWS = 20_000_000  # when each counts once
_SWEEPS_BETWEEN_ADAPTATIONS = 25
_ROWS_BETWEEN_REPORTS = 2_000_000  # rows times sweeps: a few hundredths of a second


@dataclass(frozen=True)
class Gibbs:
    """Draws from the posterior by Gibbs sampling of allocations and parameters.

    Every sweep allocates each row to a component, then draws weights, means and covariances given
    the allocations (Diebolt & Robert, 1994). Under the default prior, a scale mixture of
    inverse-Wishart distributions, and under :class:`InverseWishart` covariances are drawn from
    their full conditional. Under other priors they are proposed from a conjugate neighbor and
    accepted by Metropolis-Hastings. Where the warm-up finds that fewer than four in ten proposals
    are accepted, as with many features, correlated covariances are drawn by Hamiltonian Monte Carlo
    on their full conditional (Neal, 2011), whose cost does not depend on the number of rows, and
    single scales by slice sampling (Neal, 2003); ``hamiltonian`` and ``slice_sampled`` in
    ``sample_stats`` count these. Of :class:`Factors`, the factors of the rows are drawn, then
    uniquenesses and loadings from their full conditional given these. The target is the posterior
    of the spec exactly. Missing cells are drawn with the allocations (Tanner & Wong, 1987). Chains
    start where those of :class:`NUTS` do.

    Sweeps are cheap. For well-separated components they give the most effective draws per second;
    if components overlap heavily, allocations mix slowly and NUTS is better.

    Parameters
    ----------
    draws : int, default 2000
        Draws kept from each chain.
    tune : int, default 500
        Sweeps of each chain before the first draw that is kept.
    chains : int, default 4
        Number of chains.
    thin : int, default 1
        Sweeps from one kept draw to the next.
    cores : int, optional
        Chains that run at once; by default as many as the process may use. Where there are fewer
        chains than cores, they share the rows of long tables. The draws do not depend on it.
    init : {"mode", "multi"}, default "mode"
        Where chains start, as for :class:`NUTS`.

    Raises
    ------
    SpecificationError
        If an option is out of its range.

    References
    ----------
    Diebolt, J. and Robert, C. P. (1994). Estimation of finite mixture distributions through
    Bayesian sampling. Journal of the Royal Statistical Society B 56, 363-375.

    Neal, R. M. (2003). Slice sampling. Annals of Statistics 31, 705-767.

    Neal, R. M. (2011). MCMC using Hamiltonian dynamics. In: Handbook of Markov Chain Monte Carlo,
    chapter 5. Chapman & Hall/CRC.

    Tanner, M. A. and Wong, W. H. (1987). The calculation of posterior distributions by data
    augmentation. Journal of the American Statistical Association 82, 528-540.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.Gibbs(draws=5000, thin=2).chains
    4
    """

    in_words: ClassVar[str] = (
        "Gibbs sampling, a Markov chain Monte Carlo method: chains whose draws explore the "
        "posterior distribution"
    )

    draws: int = 2000
    tune: int = 500
    chains: int = 4
    thin: int = 1
    cores: int | None = None
    init: InitChoice = "mode"

    def __post_init__(self) -> None:
        for name in ("draws", "tune", "chains", "thin"):
            expect_whole(self, name)
        if self.cores is not None:
            expect_whole(self, "cores")
        expect_member(self, "init", get_args(InitChoice))

    @property
    def cores_per_chain(self) -> int:
        """Threads that share the rows of a long table, where there are more cores than chains."""
        cores = self.cores or available_cores()
        return cores // min(self.chains, cores)

    def run(
        self,
        spec: MixtureSpec,
        data: Dataset,
        *,
        start: PointEstimate,
        seed: RandomSeed,
        progress: bool = False,
    ) -> xr.DataTree:
        """Sample the posterior of ``spec`` given ``data``, in the units of ``data``.

        An interrupted run returns the draws that are finished, marked ``partial``.
        """
        if spec.infers_number:
            return sample_number(self, spec, data, start=start, seed=seed, progress=progress)
        return sample(
            self, self._prepare, spec, data, go_on=partial(sweeps_for, self), start=start,
            seed=seed, progress=progress,
        )  # fmt: skip

    def _prepare(
        self,
        target: Target,
        normals: list[NormalApproximation],
        positions: Float[np.ndarray, "chain p"],
    ) -> _GibbsSampler:
        return _GibbsSampler(
            self, Target(target.spec, with_repeated_rows(target.data.fitted)), positions
        )


def sweeps_for(
    settings: Settings, n_sweeps: int, target: Target, positions: Float[np.ndarray, "chain p"]
) -> tuple[Gibbs, _GibbsSampler]:
    """Return a sampler with the chains and draws of some settings, from given positions."""
    gibbs = Gibbs(
        settings.draws, FIRST_SWEEPS, settings.chains, n_sweeps * getattr(settings, "thin", 1),
        settings.cores,
    )  # fmt: skip
    return gibbs, gibbs._prepare(target, [], positions)


def with_repeated_rows(data: Dataset, other: str = "Use NUTS()") -> Dataset:
    """Return the rows repeated by their weights, since allocations are per row.

    ``other`` says what to do where that is not possible.
    """
    if not data.weights.size:
        return data
    if not np.all(data.weights == np.floor(data.weights)):
        raise SpecificationError(
            "Gibbs() allocates rows one by one, so that each must count a whole number of times; "
            f"sample_weight has fractions. {other}, or round the weights."
        )
    if data.total_weight > MOST_ROWS:
        raise SpecificationError(
            f"Gibbs() allocates rows one by one, and sample_weight makes {data.total_weight:.3g} "
            f"of them; at most {MOST_ROWS:.0e} are supported. {other}, which accepts any weights."
        )
    rows = np.repeat(np.arange(data.n_rows), data.weights.astype(int))
    return replace(data.subset(rows), weights=np.empty(0))


@dataclass(frozen=True, eq=False)
class _GibbsSampler:
    """Chains on threads; draws are positions, unpacked all at once."""

    settings: Gibbs
    target: Target
    positions: Float[np.ndarray, "chain p"]

    def launch(self, chain: int, seed: np.random.SeedSequence, report: Callable) -> GibbsChain:
        sweeper = Sweeper(self.target, self.settings.cores_per_chain)
        position = self.positions[chain].copy()
        n_rows = self.target.data.n_rows
        return GibbsChain(self.settings, sweeper, position, n_rows, seed, report)

    def read(self, chain: GibbsChain) -> ChainDraws:
        """Return the kept draws so far, with their log densities and acceptances."""
        if not chain.kept:
            return ChainDraws({}, {})
        thin = self.settings.thin
        positions = np.concatenate([swept.positions for swept in chain.kept])
        acceptances = np.concatenate([swept.acceptances for swept in chain.kept])
        # Every sweep computes the log density of the previous position.
        last = self.target(positions[-1])[0]
        log_densities = np.concatenate([swept.log_densities for swept in chain.kept] + [[last]])
        kept, kinds = positions[thin - 1 :: thin], chain.sweeper.moves.kinds
        statistics = {
            "lp": log_densities[thin::thin],
            "acceptance_rate": acceptances[thin - 1 :: thin],
            "hamiltonian": np.full(len(kept), np.sum(kinds == HAMILTONIAN)),
            "slice_sampled": np.full(len(kept), np.sum(kinds == SLICED)),
        }
        return ChainDraws({"position": kept}, statistics)

    def parameters(self, posterior: Callable[[str], np.ndarray]) -> MixtureParameters:
        return self.target.layout.unpack(posterior("position"))


class GibbsChain:
    """One chain on a thread of its own; the compiled sweeps do not hold the interpreter lock.

    ``sweeper`` makes the sweeps, from a state that it changes; ``kept`` are its results after the
    warm-up.
    """

    def __init__(
        self,
        settings: Gibbs,
        sweeper: Any,
        state: Any,
        n_rows: int,
        seed: np.random.SeedSequence,
        report: Callable,
    ) -> None:
        self._settings, self._n_rows, self._report = settings, n_rows, report
        self.sweeper, self._state = sweeper, state
        self._rng = np.random.default_rng(seed)
        self.kept: list[Any] = []
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_finished(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def wait(self) -> GibbsChain:
        """Return when it has ended; its error is raised here."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self

    def abort(self) -> GibbsChain:
        """Stop it, and keep what is finished."""
        self.cancel()
        return self.wait()

    def cancel(self) -> None:
        """Stop it."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._sample()
        except BaseException as error:  # handed to whoever waits for the chain
            self._error = error

    def _sample(self) -> None:
        settings = self._settings
        at_once = max(1, _ROWS_BETWEEN_REPORTS // (self._n_rows * settings.thin))
        finished, total = 0, settings.tune + settings.draws
        while finished < total and not self._stopped.is_set():
            tuning = finished < settings.tune
            n_draws = min(at_once, total - finished)
            if tuning:
                n_draws = min(at_once, _SWEEPS_BETWEEN_ADAPTATIONS, settings.tune - finished)
            n_sweeps = n_draws * (1 if tuning else settings.thin)
            swept = self.sweeper.run(self._state, n_sweeps, self._rng)
            if tuning:
                self.sweeper.adapt()
            else:
                self.kept.append(swept)
            finished += n_draws
            state = SimpleNamespace(finished_draws=finished, tuning=tuning, divergences=0)
            self._report([state])
