"""One replication of a calibration: label-invariant quantities of a true mixture and of draws.

Axes: mixtures m, rows n, components k, features d, reference points r.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float, Int
from scipy.special import entr, logsumexp

from bayesgmm.analysis.generation.generate import draw_rows
from bayesgmm.data.dataset import read_table
from bayesgmm.engines.catalog import Engine
from bayesgmm.errors import SpecificationError
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.point_estimate import Status
from bayesgmm.numerics.rows import Rows, as_rows
from bayesgmm.numerics.statistics import component_log_densities, each_mixture
from bayesgmm.parameters import Correlations, FactoredCorrelations, MixtureParameters
from bayesgmm.priors.sampling import draw_parameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import CHAIN, DRAW, record
from bayesgmm.seeds import spawn
from bayesgmm.tree.fit import read_parameters, thinned


def label_free(mixtures: MixtureParameters, target: Target) -> dict[str, Float[np.ndarray, " m"]]:
    """Return every quantity, by name, of many mixtures (one batch axis) given rows and prior.

    Constant quantities are left out: the weight of one component, the largest of equal scales.
    """
    layout, scales = target.layout, mixtures.scales[..., 0]
    of_rows, points = _of_rows(mixtures, target.data.rows), _densities(mixtures, target)
    quantities = {
        "log_likelihood": of_rows["log_likelihood"],
        "log_posterior": _log_posteriors(mixtures, target),
        "log_density_center": points[:, 0],
        "log_density_aside": points[:, 1],
        **_totals(mixtures),
        "smallest_scale": scales.min(axis=-1),
    }
    if layout.covariances.n_matrices > 1:
        quantities["largest_scale"] = scales.max(axis=-1)
    if layout.n_components > 1:
        quantities["largest_weight"] = mixtures.weights.max(axis=-1)
        quantities["allocation_entropy"] = of_rows["allocation_entropy"]
    if layout.n_components > 2:  # of two weights, one determines the other
        quantities["smallest_weight"] = mixtures.weights.min(axis=-1)
    return quantities


def _of_rows(mixtures: MixtureParameters, X: Rows) -> dict[str, np.ndarray]:
    """Return the log-likelihood, and the mean entropy of the allocations, in nats."""
    tables = _component_tables(mixtures, X)
    densities = logsumexp(tables, axis=-1)
    entropies = entr(np.exp(tables - densities[..., None])).sum(axis=-1)
    return {
        "log_likelihood": densities.sum(axis=-1),
        "allocation_entropy": entropies.mean(axis=-1),
    }


def _densities(mixtures: MixtureParameters, target: Target) -> Float[np.ndarray, "m r"]:
    """Return log densities at the center of the prior of a mean, and one deviation aside."""
    layout = target.layout
    prior = target.spec.means.expanded(layout.n_components, layout.n_features)
    loc, precision = (of_each[0] for of_each in prior)
    points = np.stack([loc, loc + precision**-0.5])
    return logsumexp(_component_tables(mixtures, as_rows(points)), axis=-1)


def _component_tables(mixtures: MixtureParameters, X: Rows) -> Float[np.ndarray, "m n k"]:
    return np.stack([component_log_densities(X, mixture) for _, mixture in each_mixture(mixtures)])


def _log_posteriors(mixtures: MixtureParameters, target: Target) -> Float[np.ndarray, " m"]:
    """Return log densities on the unconstrained space, which are label-invariant, too.

    They are recomputed, not taken from the engine, so that all mixtures are treated equally.
    """
    return np.array([target(position)[0] for position in target.layout.pack(mixtures)])


def _totals(mixtures: MixtureParameters) -> dict[str, np.ndarray]:
    """Return mean and variance of the first feature, and its correlation with the second."""
    weights, means = mixtures.weights, mixtures.means
    center = np.einsum("mk,mkd->md", weights, means)
    away = means - center[:, None]
    spread = mixtures.covariances + away[..., :, None] * away[..., None, :]
    total = np.einsum("mk,mkde->mde", weights, spread)
    totals = {"total_mean": center[:, 0], "total_variance": total[:, 0, 0]}
    if mixtures.n_features > 1:
        product = np.sqrt(total[:, 0, 0] * total[:, 1, 1])
        totals["total_correlation"] = total[:, 0, 1] / product
    return totals


@dataclass(frozen=True)
class Experiment:
    """The settings shared by all replications.

    Attributes
    ----------
    spec : MixtureSpec
        With every hyperparameter a number.
    engine : engine
    solver : EM
    n_rows, n_features, n_draws : int
    """

    spec: MixtureSpec
    engine: Engine
    solver: EM
    n_rows: int
    n_features: int
    n_draws: int


@dataclass(frozen=True, eq=False)
class Replication:
    """The result of one replication, by quantity.

    Attributes
    ----------
    names : tuple of str
    ranks : array
        Number of kept draws below the true value.
    pit : array
        The same on the unit interval.
    ess : array
        Effective sample size of the kept draws.
    """

    names: tuple[str, ...]
    ranks: Int[np.ndarray, " quantity"]
    pit: Float[np.ndarray, " quantity"]
    ess: Float[np.ndarray, " quantity"]


class ReplicationError(RuntimeError):
    """EM or the engine failed, so there are no ranks."""


def replicate(experiment: Experiment, seed: np.random.SeedSequence) -> Replication:
    """Draw a mixture and rows, run the engine, and rank the true values among its draws.

    Raises
    ------
    ReplicationError, or what EM or the engine raise
        If there are no finite draws to rank the true values among.
    KeyboardInterrupt
        Also if the engine returned an unfinished run instead.
    """
    truth_seed, start_seed, engine_seed, tie_seed = spawn(seed, 4)
    spec, rng = experiment.spec, np.random.default_rng(truth_seed)
    truth = draw_parameters(spec, experiment.n_features, 1, rng)
    rows, _ = draw_rows(truth.draw((np.zeros(experiment.n_rows, dtype=int),)), rng)
    data = read_table(rows)
    start = experiment.solver.run(spec, data, seed=start_seed)
    if start.status is Status.COLLAPSED:
        raise ReplicationError(f"EM did not find a mode to start from: {start.status.in_words}.")
    tree = experiment.engine.run(spec, data, start=start, seed=engine_seed, progress=False)
    if record(tree).get("partial"):
        raise KeyboardInterrupt
    draws = _kept(tree, experiment.n_draws)
    quantities = label_free(_joined(truth, read_parameters(draws)), Target(spec, data))
    return _ranked(quantities, draws, experiment.n_draws, np.random.default_rng(tie_seed))


def _kept(tree: xr.DataTree, n_draws: int) -> xr.Dataset:
    posterior = tree["posterior"]
    available = posterior.sizes[CHAIN] * posterior.sizes[DRAW]
    if available < n_draws:
        raise SpecificationError(
            f"The engine gives {available} draws, fewer than n_draws, {n_draws}; raise its draws."
        )
    return thinned(posterior, n_draws)


def _joined(truth: MixtureParameters, draws: MixtureParameters) -> MixtureParameters:
    """Return the truth and then all draws, chain after chain, along one axis."""
    n_batch, ours, theirs = len(draws.batch_shape), truth.correlations, draws.correlations

    def joined(first: np.ndarray, others: np.ndarray) -> np.ndarray:
        return np.concatenate([first, others.reshape(-1, *others.shape[n_batch:])])

    correlations: Correlations = None
    if isinstance(ours, FactoredCorrelations):
        assert isinstance(theirs, FactoredCorrelations)
        correlations = FactoredCorrelations(
            joined(ours.loadings, theirs.loadings), joined(ours.uniquenesses, theirs.uniquenesses)
        )
    elif ours is not None:
        correlations = joined(ours, np.asarray(theirs))
    return MixtureParameters(
        joined(truth.weights, draws.weights),
        joined(truth.means, draws.means),
        joined(truth.scales, draws.scales),
        correlations,
    )


def _ranked(
    quantities: dict[str, Float[np.ndarray, " m"]],
    draws: xr.Dataset,
    n_draws: int,
    rng: np.random.Generator,
) -> Replication:
    """Rank the first of all mixtures among the others; ties are broken at random."""
    from arviz_stats.base import array_stats

    values = np.array(list(quantities.values()))
    if not np.isfinite(values).all():
        broken = [name for name, row in quantities.items() if not np.isfinite(row).all()]
        raise ReplicationError(f"Not finite for some draws: {', '.join(broken)}.")
    by_chain = values[:, 1:].reshape(len(values), draws.sizes[CHAIN], draws.sizes[DRAW])
    with np.errstate(all="ignore"):  # chains that never moved have zero variance
        ess = array_stats.ess(by_chain, chain_axis=1, draw_axis=2, method="mean")
    # Equally many draws from each chain may be a few more than requested.
    truth, others = values[:, :1], values[:, 1 : n_draws + 1]
    ties = (others == truth).sum(axis=1)
    ranks = (others < truth).sum(axis=1) + rng.integers(0, ties + 1)
    pit = (ranks + rng.random(ranks.size)) / (n_draws + 1)
    return Replication(tuple(quantities), ranks, pit, np.asarray(ess, dtype=float))
