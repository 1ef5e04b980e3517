"""Simulation-based calibration of an engine for a model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesgmm.analysis.calibration.checkpoint import Checkpoint
from bayesgmm.analysis.calibration.replicate import Experiment, replicate
from bayesgmm.analysis.calibration.value import Calibration, judge
from bayesgmm.engines.catalog import Engine, read_engine
from bayesgmm.errors import SpecificationError
from bayesgmm.estimation.em import EM
from bayesgmm.numerics.interrupts import interrupts
from bayesgmm.options import expect_whole_number
from bayesgmm.priors.scales import Columns
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.progress import CountProgress
from bayesgmm.seeds import RandomSeed, seed_sequence, spawn

_BETWEEN_WRITES = 10

_NO_FLOOR = 1e-150
"""Resolution without data: so fine that no standard deviation is below it."""


def calibrate(
    spec: MixtureSpec,
    engine: Engine | str,
    *,
    n_rows: int,
    n_features: int,
    n_replications: int = 100,
    n_draws: int = 99,
    random_seed: RandomSeed = None,
    solver: EM | None = None,
    path: str | os.PathLike | None = None,
    progress: bool = True,
) -> Calibration:
    """Check an engine by simulation-based calibration.

    Every replication draws a mixture from the prior of ``spec`` and rows from that mixture, runs
    EM and the engine on them, and ranks the truth among the draws. If the engine draws from the
    posterior, ranks are uniform, whatever the model (Talts et al., 2018). All ranked quantities
    are label-invariant: log-likelihood and log posterior, which depend on the rows too and detect
    errors that parameters do not (Modrak et al., 2023), the log density at the center of the prior
    of the means and one standard deviation aside, mean, variance and correlation of the whole
    mixture, the extreme scales of the first feature and the extreme weights, and the entropy of
    the allocations.

    The engine works in the units of ``spec``, without standardizing; hyperparameters should be
    of the order of one. Autocorrelation of the chains alone would make ranks pile up at both ends.
    Therefore the truth is ranked among only ``n_draws`` draws, evenly spaced over the chains, and
    their effective sample size is reported: it should be near ``n_draws``.

    All chains start at one mode. A posterior with distinct modes, more than a relabeling apart,
    fails for that reason, which is a property of the engine, too.

    Parameters
    ----------
    spec : MixtureSpec
        Number of components and priors, every hyperparameter a number: a prior that is scaled to
        the data would differ between replications.
    engine : engine or str
        Such as ``NUTS(draws=250, tune=300, chains=2)``.
    n_rows, n_features : int
        Size of the tables that are simulated.
    n_replications : int, default 100
        100 detect large errors, 1000 small ones.
    n_draws : int, default 99
        Draws of each replication that the truth is ranked among.
    random_seed : int, SeedSequence or Generator, optional
        The same seed gives the same ranks, interrupted or not.
    solver : EM, optional
        How the starting mode is found; ``EM()`` by default.
    path : path, optional
        A netCDF file that keeps finished replications. A later call with the same arguments goes
        resumes it; ``n_replications`` alone may be larger.
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
    ...     n_replications=10, random_seed=1, progress=False,
    ... )
    >>> calibration.passed
    True
    """
    experiment = _experiment(spec, engine, solver, n_rows, n_features, n_draws)
    expect_whole_number("n_replications", n_replications)
    if path is not None and random_seed is None:
        raise SpecificationError(
            "random_seed must be given with path; without it, the calibration cannot be resumed."
        )
    seed = seed_sequence(random_seed)
    checkpoint = Checkpoint.at(None if path is None else Path(path), _settings(experiment, seed))
    _run(experiment, checkpoint, spawn(seed, n_replications), progress)
    ranks = checkpoint.first(n_replications).gathered()
    ranks.attrs |= {
        "engine": repr(experiment.engine),
        "n_draws": n_draws,
        "asked": n_replications,
    }
    return judge(ranks)


def _run(
    experiment: Experiment,
    checkpoint: Checkpoint,
    seeds: list[np.random.SeedSequence],
    progress: bool,
) -> None:
    """Run the missing replications; stop early when interrupted."""
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
    """Do one replication; a failure is recorded and counts against the engine."""
    try:
        checkpoint.done[number] = replicate(experiment, seed)
    except SpecificationError:  # an error of the caller: all replications would fail
        raise
    except (ArithmeticError, ValueError, RuntimeError) as error:
        checkpoint.failures[number] = f"{type(error).__name__}: {error}"


def _experiment(
    spec: MixtureSpec,
    engine: Engine | str,
    solver: EM | None,
    n_rows: int,
    n_features: int,
    n_draws: int,
) -> Experiment:
    if not isinstance(spec, MixtureSpec):
        raise SpecificationError(f"spec must be a MixtureSpec, not {spec!r}.")
    spec.expect_known_number("calibrate")
    for name, value in (
        ("n_rows", n_rows), ("n_features", n_features), ("n_draws", n_draws),
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
            "a different prior and the ranks could not be interpreted. Give numbers."
        )
    return Experiment(filled, read_engine(engine), solver or EM(), n_rows, n_features, n_draws)


def _settings(experiment: Experiment, seed: np.random.SeedSequence) -> dict[str, str]:
    """Record the settings that a later call must share to resume."""
    return {
        "spec": experiment.spec.to_json(),
        "engine": repr(experiment.engine),
        "solver": repr(experiment.solver),
        "n_rows": str(experiment.n_rows),
        "n_features": str(experiment.n_features),
        "n_draws": str(experiment.n_draws),
        "random_seed": f"{seed.entropy} {seed.spawn_key}",
    }


def without_data(spec: MixtureSpec, n_features: int) -> tuple[MixtureSpec, list[str]]:
    """Fill in hyperparameters that do not depend on data, and name those that do.

    They are found by filling in the spec from two different summaries of columns: what differs
    comes from the data.
    """
    names = tuple(f"x{place}" for place in range(n_features))  # as in tables without names
    zero, one, two, no_floor = np.full((n_features, 4), [0.0, 1.0, 2.0, _NO_FLOOR]).T
    first = spec.resolved(Columns(zero, one, one, no_floor, names))
    second = spec.resolved(Columns(one, two, two, no_floor, names))
    return first, list(_differences(first, second))


def _differences(first: Any, second: Any) -> Iterator[str]:
    for item in fields(first):
        ours, theirs = getattr(first, item.name), getattr(second, item.name)
        if is_dataclass(ours):
            yield from _differences(ours, theirs)
        elif ours != theirs:
            yield f"{item.name} of {type(first).__name__}"
