"""Is an engine right? Simulation-based calibration, from the prior and back."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from bayesgmm.analysis.calibration.checkpoint import Checkpoint
from bayesgmm.analysis.calibration.replicate import Experiment, replicate
from bayesgmm.analysis.calibration.value import Calibration, judge
from bayesgmm.engines.catalogue import Engine, read_engine
from bayesgmm.engines.progress import CountProgress
from bayesgmm.errors import SpecificationError
from bayesgmm.estimation.em import EM
from bayesgmm.numerics.interrupts import interrupts
from bayesgmm.options import expect_whole_number
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.priors.waiting import without_data
from bayesgmm.seeds import RandomSeed, seed_sequence, spawn

_BETWEEN_WRITES = 10


def calibrate(
    spec: MixtureSpec,
    engine: Engine | str,
    *,
    n_rows: int,
    n_features: int,
    replications: int = 100,
    draws_kept: int = 99,
    random_seed: RandomSeed = None,
    solver: EM | None = None,
    path: str | os.PathLike | None = None,
    progress: bool = True,
) -> Calibration:
    """Check an engine by simulation: truths from the prior must be typical draws given their rows.

    Every replication draws a mixture from the prior of ``spec`` and rows from that mixture, runs
    EM and the engine on them, and ranks the truth among the draws. If the engine draws from the
    posterior, ranks are uniform, whatever the model (Talts et al., 2018). What is ranked no
    labelling of the components can change: log-likelihood and log posterior, which depend on the
    rows too and see errors that parameters do not (Modrak et al., 2023), the log density at the
    centre of the prior of the means and one standard deviation aside, mean, variance and
    correlation of the whole mixture, the extreme scales of the first feature and the extreme
    weights, and how undecided the allocations of the rows are.

    The engine works in the units of ``spec``, without standardising; hyperparameters should be
    of the order of one. Chains are correlated, which alone would make ranks pile up at both ends.
    Therefore only ``draws_kept`` draws are ranked against, evenly spaced over the chains, and the
    effective number of these is reported: it should be near ``draws_kept``.

    All chains start at one mode. A posterior with distinct modes, more than a relabelling apart,
    fails for that reason, which is a finding about the engine, too.

    Parameters
    ----------
    spec : MixtureSpec
        Number of components and priors, every hyperparameter a number: a prior that is scaled to
        the data is another one in every replication.
    engine : engine or str
        Such as ``NUTS(draws=250, tune=300, chains=2)``.
    n_rows, n_features : int
        Size of the tables that are simulated.
    replications : int, default 100
        100 show gross errors, 1000 small ones.
    draws_kept : int, default 99
        Draws of each replication that the truth is ranked among.
    random_seed : int, SeedSequence or Generator, optional
        The same seed gives the same ranks, interrupted or not.
    solver : EM, optional
        How the starting mode is found; ``EM()`` by default.
    path : path, optional
        A netCDF file that keeps finished replications. A later call with the same arguments goes
        on from there; ``replications`` alone may be larger.
    progress : bool, default True
        Whether to show a progress bar.

    Returns
    -------
    Calibration
        With ``passed``, ``verdict``, ``findings``, ``figures`` and ``ranks``. Replications in
        which EM or the engine failed are counted and reported. An interrupted run returns what
        is finished.

    Raises
    ------
    SpecificationError
        If a hyperparameter is scaled to the data, the engine gives too few draws, or ``path``
        holds another calibration.
    DataError
        If ``path`` cannot be written, or is something else.
    KeyboardInterrupt
        If the run is interrupted before any replication is finished.

    References
    ----------
    Talts, S., Betancourt, M., Simpson, D., Vehtari, A. and Gelman, A. (2018). Validating Bayesian
    inference algorithms with simulation-based calibration. arXiv:1804.06788.

    Modrak, M., Moon, A. H., Kim, S., Buerkner, P., Huurre, N., Faltejskova, K., Gelman, A. and
    Vehtari, A. (2023). Simulation-based calibration checking for Bayesian computation: the choice
    of test quantities shapes sensitivity. Bayesian Analysis, advance publication.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> spec = bg.MixtureSpec(
    ...     2,
    ...     weights=bg.Dirichlet(4.0),
    ...     means=bg.NormalMeans(0.0, 2.0),
    ...     covariances=bg.Diagonal(scales=bg.InverseGamma(8.0, 6.0)),
    ... )
    >>> calibration = bg.calibrate(
    ...     spec, bg.Gibbs(draws=500, tune=100, chains=2), n_rows=30, n_features=1,
    ...     replications=10, random_seed=1, progress=False,
    ... )
    >>> calibration.passed
    True
    """
    experiment = _experiment(spec, engine, solver, n_rows, n_features, draws_kept)
    expect_whole_number("replications", replications)
    if path is not None and random_seed is None:
        raise SpecificationError(
            "random_seed must be given with path; without it, the calibration could not go on."
        )
    seed = seed_sequence(random_seed)
    checkpoint = Checkpoint.at(None if path is None else Path(path), _settings(experiment, seed))
    _run(experiment, checkpoint, spawn(seed, replications), progress)
    ranks = checkpoint.first(replications).gathered()
    ranks.attrs |= {
        "engine": repr(experiment.engine),
        "draws_kept": draws_kept,
        "asked": replications,
    }
    return judge(ranks)


def _run(
    experiment: Experiment,
    checkpoint: Checkpoint,
    seeds: list[np.random.SeedSequence],
    progress: bool,
) -> None:
    """Do the replications that are missing; stop early when interrupted."""
    missing = checkpoint.missing(len(seeds))
    with CountProgress("replications", len(seeds), visible=progress) as bar:
        bar.advance(len(seeds) - len(missing))
        try:
            for number in missing:
                with interrupts():
                    _do(experiment, checkpoint, number, seeds[number])
                bar.advance(1)
                if (number + 1) % _BETWEEN_WRITES == 0:
                    checkpoint.write()
        except KeyboardInterrupt:
            if not checkpoint.done:
                raise
    checkpoint.write()
    if not checkpoint.done:
        number, message = next(iter(checkpoint.failures.items()))
        raise RuntimeError(f"Every replication failed; number {number}: {message}")


def _do(
    experiment: Experiment, checkpoint: Checkpoint, number: int, seed: np.random.SeedSequence
) -> None:
    """Do one replication; a failure is written down and counts against the engine."""
    try:
        checkpoint.done[number] = replicate(experiment, seed)
    except SpecificationError:  # that of the caller: all replications would fail alike
        raise
    except (ArithmeticError, ValueError, RuntimeError) as error:
        checkpoint.failures[number] = f"{type(error).__name__}: {error}"


def _experiment(
    spec: MixtureSpec,
    engine: Engine | str,
    solver: EM | None,
    n_rows: int,
    n_features: int,
    draws_kept: int,
) -> Experiment:
    if not isinstance(spec, MixtureSpec):
        raise SpecificationError(f"spec must be a MixtureSpec, not {spec!r}.")
    for name, value in (
        ("n_rows", n_rows), ("n_features", n_features), ("draws_kept", draws_kept),
    ):  # fmt: skip
        expect_whole_number(name, value)
    if n_rows < max(2, spec.n_components):
        raise SpecificationError(
            f"n_rows must be at least 2 and at least the number of components, not {n_rows}."
        )
    spec.expect_features(n_features)
    filled, waiting = without_data(spec, n_features)
    if waiting:
        raise SpecificationError(
            f"{', '.join(waiting)}: scaled to the data, so that every replication would have "
            "another prior, and ranks would mean nothing. Give numbers."
        )
    return Experiment(filled, read_engine(engine), solver or EM(), n_rows, n_features, draws_kept)


def _settings(experiment: Experiment, seed: np.random.SeedSequence) -> dict[str, str]:
    """Write down what a later call must share to go on."""
    return {
        "spec": experiment.spec.to_json(),
        "engine": repr(experiment.engine),
        "solver": repr(experiment.solver),
        "n_rows": str(experiment.n_rows),
        "n_features": str(experiment.n_features),
        "draws_kept": str(experiment.draws_kept),
        "random_seed": f"{seed.entropy} {seed.spawn_key}",
    }
