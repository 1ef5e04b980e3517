"""The No-U-Turn sampler, run by nutpie on the compiled log posterior or on the PyMC model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.data.dataset import Dataset
from bayesgmm.digits import counted
from bayesgmm.engines.gibbs import sweeps_for
from bayesgmm.engines.normal import NormalApproximation
from bayesgmm.engines.sampling import ChainDraws, Handle, run_chains, sample
from bayesgmm.engines.starts import InitChoice, dispersed, preparatory_peak
from bayesgmm.errors import warn
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.numerics.blocks import available_cores
from bayesgmm.options import expect_between, expect_member, expect_whole
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.progress import ChainProgress
from bayesgmm.seeds import RandomSeed, integer_seed, spawn

Backend = Literal["fused", "pymc"]

_MANY_FEATURES = 10  # from which gradients may take so long that it must be said before
_GRADIENTS_A_DRAW = 15  # with the posterior close to a normal distribution
_LONG = 180.0  # seconds

_STATISTICS = {
    "diverging": "diverging",
    "energy": "energy",
    "logp": "lp",
    "depth": "tree_depth",
    "n_steps": "n_steps",
    "step_size": "step_size",
    "mean_tree_accept": "acceptance_rate",
}
"""nutpie's sampling statistics that are kept, and what ArviZ calls them."""


@dataclass(frozen=True)
class NUTS:
    """Draws from the posterior by the No-U-Turn sampler (Hoffman & Gelman, 2014).

    The normal approximation at the posterior mode, that of :class:`Laplace`, prepares the run.
    Chains start from draws of it, so that all of them have the same labeling, and they run
    in coordinates in which it is a standard normal distribution: the posterior is the same, but
    the correlations at the mode, which a diagonal mass matrix cannot represent, are
    removed.

    If components overlap or have few rows, gradients are a poor guide between different allocations
    of the rows. On tables that are small enough, slowly mixing chains of at least a thousand draws
    are continued with :class:`Gibbs` sweeps from where they ended, up to 64 sweeps per draw, and
    the better result is kept. The posterior is the same. The record of the tree then holds their
    number, ``sweeps``, and :func:`bayesgmm.diagnose` reports it.

    Parameters
    ----------
    draws : int, default 1000
        Draws kept from each chain.
    tune : int, default 500
        Warm-up iterations of each chain, not kept.
    chains : int, default 4
        Number of chains.
    target_accept : float, default 0.8
        Acceptance probability that the step size is adapted to; raise it where there are
        divergences.
    backend : {"fused", "pymc"}, default "fused"
        ``"fused"`` evaluates the log posterior and its gradient in one compiled pass over the
        rows, at no cost of compilation per model. ``"pymc"`` compiles the PyMC model that
        :func:`bayesgmm.build_model` declares: the same density, minutes of compilation.
    cores : int, optional
        Chains that run at once; by default as many as the process may use. The draws do not
        depend on it.
    init : {"mode", "multi"}, default "mode"
        ``"mode"`` starts all chains at the best mode that EM found, or at another one if that
        clearly holds more posterior mass. ``"multi"`` starts them at the different modes that
        EM found, in turn, each prepared by the normal approximation at its own mode, so that a
        multimodal posterior is detected: :func:`bayesgmm.diagnose` reports which
        chains are in which mode. Modes that certainly hold less than a thousandth of the largest
        one are left out. The record of the tree holds ``chain_optima``, the mode that each chain
        started at, 0 being the best.

    Raises
    ------
    SpecificationError
        If an option is out of its range.

    References
    ----------
    Hoffman, M. D. and Gelman, A. (2014). The No-U-Turn sampler: adaptively setting path lengths
    in Hamiltonian Monte Carlo. Journal of Machine Learning Research 15, 1593-1623.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.NUTS(draws=2000).chains
    4
    """

    in_words: ClassVar[str] = (
        "NUTS, a Markov chain Monte Carlo method: chains whose draws explore the posterior "
        "distribution"
    )

    draws: int = 1000
    tune: int = 500
    chains: int = 4
    target_accept: float = 0.8
    backend: Backend = "fused"
    cores: int | None = None
    init: InitChoice = "mode"

    def __post_init__(self) -> None:
        for name in ("draws", "tune", "chains"):
            expect_whole(self, name)
        if self.cores is not None:
            expect_whole(self, "cores")
        expect_between(self, "target_accept", 0.0, 1.0)
        expect_member(self, "backend", get_args(Backend))
        expect_member(self, "init", get_args(InitChoice))

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
        return sample(
            self, self._prepare, spec, data, go_on=partial(sweeps_for, self), start=start,
            seed=seed, progress=progress,
        )  # fmt: skip

    def _prepare(
        self,
        target: Target,
        normals: list[NormalApproximation],
        positions: Float[np.ndarray, "chain p"],
    ) -> _FusedSampler | _PyMCSampler:
        if self.backend == "pymc":
            return _PyMCSampler.compile(self, target, positions)
        return _FusedSampler.prepare(self, target, normals, positions)


def explore(
    target: Target, center: MixtureParameters, settings: NUTS, seed: RandomSeed
) -> MixtureParameters:
    """Return draws, with axes chain and draw, of chains that start around some parameters.

    For exploring a part of the posterior: there is no tree, no progress is shown, and an
    interrupt ends it with the draws so far.
    """
    start_seed, chain_seed = spawn(seed, 2)
    peak = preparatory_peak(target, center)
    positions = dispersed(target, peak, spawn(start_seed, settings.chains))
    sampler = settings._prepare(target, [peak.normal] * settings.chains, positions)
    seeds = spawn(chain_seed, settings.chains)
    run = run_chains(
        lambda chain, report: sampler.launch(chain, seeds[chain], report),
        sampler.read,
        n_chains=settings.chains,
        cores=settings.cores,
        progress=ChainProgress(settings.chains, settings.tune + settings.draws, visible=False),
    )
    return sampler.parameters(run.posterior)


def _launch(settings: NUTS, model: Any, seed: np.random.SeedSequence, report: Callable) -> Handle:
    import nutpie

    sampler = nutpie.sample(
        model,
        draws=settings.draws,
        tune=settings.tune,
        chains=1,
        cores=1,
        seed=integer_seed(seed),
        target_accept=settings.target_accept,
        save_warmup=False,
        progress_bar=False,
        progress_callback=report,
        blocking=False,
        return_raw_trace=True,  # ArviZ would take longer to arrange a chain than it took to run
    )
    return _Chain(sampler)


@dataclass(frozen=True, eq=False)
class _Chain:
    """A chain of nutpie's background sampler."""

    sampler: Any

    @property
    def is_finished(self) -> bool:
        try:
            return self.sampler.is_finished
        except TimeoutError:  # what nutpie 0.16 raises where it should return False
            return False

    def wait(self) -> Any:
        return self.sampler.wait()

    def abort(self) -> Any:
        return self.sampler.abort()

    def cancel(self) -> None:
        self.sampler.cancel()


def _warn_if_long(settings: NUTS, target: Target, position: Float[np.ndarray, " p"]) -> None:
    """Warn if chains will take many minutes, by the CPU time of one gradient."""
    layout, n_features = target.layout, target.layout.n_features
    if n_features < _MANY_FEATURES:
        return
    times = []
    for _ in range(2):  # the first loads what is compiled
        begun = time.process_time()
        target(position)
        times.append(time.process_time() - begun)
    n_draws = settings.chains * (settings.draws + settings.tune)
    cores = min(settings.chains, settings.cores or available_cores())
    seconds = min(times) * _GRADIENTS_A_DRAW * n_draws / cores
    if seconds > _LONG:
        warn(
            f"NUTS() will take some {counted(round(seconds / 60), 'minute')}: "
            f"{counted(n_features, 'feature')} in {counted(layout.n_components, 'component')} "
            f"have {layout.size} parameters. Gibbs() is faster with many features, and "
            "Factors(2) in place of Full() has fewer parameters."
        )


@dataclass(frozen=True, eq=False)
class _FusedSampler:
    """nutpie on the compiled log posterior, in coordinates in which it is nearly standard normal.

    Draws are positions, unpacked all at once. The coordinates of chains that start at different
    modes differ by a linear map, whose Jacobian is constant: all have the same target.
    """

    settings: NUTS
    target: Target
    normals: list[NormalApproximation]
    noise: Float[np.ndarray, "chain p"]
    blocks: list[Float[np.ndarray, " size"]] | None

    @classmethod
    def prepare(
        cls,
        settings: NUTS,
        target: Target,
        normals: list[NormalApproximation],
        positions: Float[np.ndarray, "chain p"],
    ) -> _FusedSampler:
        from bayesgmm.engines import native

        _warn_if_long(settings, target, positions[0])
        pairs = zip(normals, positions, strict=True)
        noise = np.array([normal.noise(position) for normal, position in pairs])
        if not native.is_available():
            return cls(settings, target, normals, noise, None)
        distinct = {id(normal): normal for normal in normals}  # chains at one mode share a block
        blocks = {key: native.native_block(target, normal) for key, normal in distinct.items()}
        return cls(settings, target, normals, noise, [blocks[id(normal)] for normal in normals])

    def launch(self, chain: int, seed: np.random.SeedSequence, report: Callable) -> Handle:
        model = self._python_model(chain) if self.blocks is None else self._native_model(chain)
        return _launch(self.settings, model, seed, report)

    def _native_model(self, chain: int) -> Any:
        from bayesgmm.engines.native import NativeModel

        assert self.blocks is not None
        return NativeModel(
            dims={},
            block=self.blocks[chain],
            start=self.noise[chain],
            correlated=self.target.layout.covariances.correlated,
            has_gaps=self.target.log_posterior.X.has_gaps,
        )

    def _python_model(self, chain: int) -> Any:
        from nutpie.compiled_pyfunc import from_pyfunc

        size, normal = self.target.layout.size, self.normals[chain]
        return from_pyfunc(
            ndim=size,
            make_logp_fn=lambda: partial(self.density, normal),
            make_expand_fn=lambda *_: lambda noise: {"position": normal.positions(noise)},
            expanded_dtypes=[np.dtype("float64")],
            expanded_shapes=[(size,)],
            expanded_names=["position"],
            make_initial_point_fn=lambda _: self.noise[chain],
        )

    def density(
        self, normal: NormalApproximation, noise: Float[np.ndarray, " p"]
    ) -> tuple[float, Float[np.ndarray, " p"]]:
        """Return the log density at the position of some noise, with its gradient in the noise."""
        value, gradient = self.target(normal.positions(noise))
        return value, normal.pulled_back(gradient)

    def read(self, trace: Any) -> ChainDraws:
        return _read_trace(trace, ("position",))

    def parameters(self, posterior: Callable[[str], np.ndarray]) -> MixtureParameters:
        return self.target.layout.unpack(posterior("position"))


@dataclass(frozen=True, eq=False)
class _PyMCSampler:
    """nutpie on the compiled PyMC model, whose unconstrained coordinates are the target's."""

    settings: NUTS
    compiled: Any
    positions: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def compile(cls, settings: NUTS, target: Target, positions: np.ndarray) -> _PyMCSampler:
        import nutpie

        from bayesgmm.models.mixture import declare_model

        # Names of rows, which may be of any kind, come back when the chains are done.
        data = replace(target.data, row_names=np.arange(target.data.n_rows))
        model = declare_model(data, target.spec)
        names = ["weights", "means", "scales"]
        names += ["correlations"] if target.layout.covariances.correlated else []
        compiled = nutpie.compile_pymc_model(model, jitter_rvs=set(), var_names=names)
        return cls(settings, compiled, positions, tuple(names))

    def launch(self, chain: int, seed: np.random.SeedSequence, report: Callable) -> Handle:
        # nutpie adds jitter to every start and takes none per chain; this gives it one of ours.
        model = replace(self.compiled, initial_point_func=lambda _: self.positions[chain])
        return _launch(self.settings, model, seed, report)

    def read(self, trace: Any) -> ChainDraws:
        return _read_trace(trace, self.names)

    def parameters(self, posterior: Callable[[str], np.ndarray]) -> MixtureParameters:
        return MixtureParameters(**{name: posterior(name) for name in self.names})


def _read_trace(trace: Any, names: tuple[str, ...]) -> ChainDraws:
    """Take the draws after warm-up of nutpie's only chain, as far as it came."""
    draws, statistics = (batches[0] for batches in trace.get_arrow_trace())
    after = ~_values(statistics, "tuning")
    return ChainDraws(
        {name: _values(draws, name)[after] for name in names},
        {ours: _values(statistics, theirs)[after] for theirs, ours in _STATISTICS.items()},
    )


def _values(batch: Any, name: str) -> np.ndarray:
    """Return a column of an Arrow table; the shape of its entries is in its metadata."""
    import pyarrow

    column = batch.column(name)
    shape = column.field.metadata.get(b"shape", b"").decode()
    values = pyarrow.array(column)
    if not shape:
        return values.to_numpy(zero_copy_only=False)
    return values.flatten().to_numpy().reshape(len(column), *map(int, shape.split(",")))
