"""Coverage and bias of the covariance priors, over tables that nobody tuned them for.

Clusters are eight standard deviations apart, so that labels are known and only the prior of the
covariances is judged. For every prior and design: how often 89 % intervals hold the true standard
deviations, correlations, means and weights, and by how much the posterior medians of standard
deviations are off on average. Draws are those of Gibbs sampling from the posterior mode.

    python benchmarks/priors.py                               # some twenty minutes on one core
    python benchmarks/priors.py --tables 200 --prior default  # the long form
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

import bayesgmm as bg
from bayesgmm.engines.gibbs import Sweeper
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.problem import Problem
from bayesgmm.parameters import MixtureParameters


class Design(NamedTuple):
    """How tables are made.

    Every row comes from each cluster with the same probability, and ``rows`` are expected of each;
    one cluster alone has just so many. ``ratio`` is that of the largest to the smallest standard
    deviation among clusters. Values are recorded exactly; ``rounded`` to half a standard deviation;
    or with ``zeros``: about as many rows again as a cluster has hold nothing but zeros, and are one
    component more.
    """

    k: int
    rows: int
    d: int
    correlation: float
    ratio: float
    recorded: str = "exactly"


class Priors(NamedTuple):
    """A covariance prior for a table with columns of unit variance."""

    name: str
    covariances: bg.Full | bg.InverseWishart


PRIORS = (
    Priors("default", bg.Full()),
    Priors("Exponential, LKJ(2)", bg.Full(correlations=bg.LKJ(2.0))),
    Priors("InverseGamma, LKJ(2)", bg.Full(bg.InverseGamma(), bg.LKJ(2.0))),
    Priors("InverseWishart", bg.InverseWishart()),
)

DESIGNS = (
    *(Design(k, rows, d, 0.0, 1.0) for k, rows, d in product((2, 5, 20), (20, 50, 200), (1, 2, 5))),
    *(Design(k, 50, d, 0.0, 1.0) for k, d in ((2, 10), (5, 10), (10, 2), (50, 1), (50, 2))),
    *(Design(5, 50, 2, 0.0, ratio) for ratio in (10.0, 100.0, 1000.0)),
    *(Design(5, 50, d, 0.0, 1.0, how) for how, d in product(("rounded", "zeros"), (1, 2))),
    *(
        Design(1, rows, d, correlation, 1.0)
        for d, rows, correlation in product((2, 5, 10, 20), (50, 200), (0.0, 0.5, 0.8, 0.95))
    ),
)


def make(design: Design, rng: np.random.Generator) -> tuple[np.ndarray, MixtureParameters]:
    """Return the rows and the truth."""
    k, n_rows, d, correlation, ratio, recorded = design
    deviations = np.geomspace(1.0, 1.0 / ratio, k)
    centers = np.zeros((k, d))
    centers[:, 0] = 8.0 * (np.cumsum(deviations) + np.cumsum(np.append(0.0, deviations[:-1])))
    centers += rng.normal(0.0, deviations[:, None] * 0.5, (k, d))
    shape = np.full((d, d), correlation) + (1 - correlation) * np.eye(d)
    clusters = rng.integers(k, size=k * n_rows)
    rows = rng.multivariate_normal(np.zeros(d), shape, k * n_rows) * deviations[clusters, None]
    rows += centers[clusters]
    truth = MixtureParameters(
        np.full(k, 1 / k), centers, np.repeat(deviations[:, None], d, axis=1),
        np.repeat(shape[None], k, axis=0),
    )  # fmt: skip
    if recorded == "rounded":  # a rounding error has a variance of its own (Sheppard 1898)
        step = 0.5
        return step * np.round(rows / step), replace(
            truth, scales=np.sqrt(truth.scales**2 + step**2 / 12),
            correlations=np.repeat(np.eye(d)[None], k, axis=0),
        )  # fmt: skip
    if recorded == "zeros":
        zeros = np.zeros((rng.binomial((k + 1) * n_rows, 1 / (k + 1)), d))
        return np.concatenate([rows, zeros]), replace(truth, weights=np.full(k, 1 / (k + 1)))
    return rows, truth


def draws(X: np.ndarray, spec: bg.MixtureSpec, seed: int, n_draws: int) -> MixtureParameters:
    """Return draws in the units of the rows, by Gibbs sampling from the mode."""
    problem = Problem.pose(X, spec)
    start = EM(n_starts=8).run(problem.scaled_spec, problem.scaled_data, seed=seed)
    target = Target(problem.scaled_spec, problem.scaled_data)
    sweeper, rng = Sweeper(target), np.random.default_rng(seed)
    position = target.position_of(start.parameters)
    for _ in range(8):
        sweeper.run(position, 25, rng)
        sweeper.adapt()
    swept = sweeper.run(position, n_draws, rng)
    return problem.scaling.restore(target.layout.unpack(swept.positions))


def judged(truth: MixtureParameters, posterior: MixtureParameters) -> dict[str, np.ndarray]:
    """Return, for each kind of parameter, whether intervals hold the truth; and relative bias."""
    distances = np.abs(truth.means[:, None] - posterior.means.mean(axis=0)).sum(axis=-1)
    order = linear_sum_assignment(distances / truth.scales[:, :1])[1]
    pairs = np.tril_indices(truth.n_features, -1)
    kinds = {
        "sds": (posterior.scales[:, order], truth.scales),
        "means": (posterior.means[:, order], truth.means),
    }
    if truth.n_components > 1:
        kinds["weights"] = (posterior.weights[:, order], truth.weights)
    if posterior.correlations is not None:
        kinds["correlations"] = (
            posterior.correlations[:, order][..., *pairs], truth.correlations[..., *pairs],
        )  # fmt: skip
    result = {}
    for name, (values, true) in kinds.items():
        low, high = np.quantile(values, [0.055, 0.945], axis=0)
        result[name] = np.mean((low < true) & (true < high))
    result["bias"] = np.mean(np.median(posterior.scales[:, order], axis=0) / truth.scales) - 1
    return result


def table(
    designs: tuple[Design, ...], priors: tuple[Priors, ...], n_tables: int, n_draws: int
) -> Iterator[str]:
    """Yield one line for each design and prior."""
    columns = ("sds", "correlations", "means", "weights")
    yield f"{'design':42s} {'prior':22s} {'bias':>6s}  " + "  ".join(f"{c:>12s}" for c in columns)
    for design in designs:
        about = "k {} n_k {:3d} d {:2d} r {:.2f} ratio {:g}".format(*design[:5])
        if design.recorded != "exactly":
            about += f" {design.recorded}"
        for prior in priors:
            results = []
            for seed in range(n_tables):
                X, truth = make(design, np.random.default_rng(seed))
                n_components = design.k + (design.recorded == "zeros")
                spec = bg.MixtureSpec(n_components, covariances=prior.covariances)
                results.append(judged(truth, draws(X, spec, seed, n_draws)))
            means = {name: np.mean([each[name] for each in results]) for name in results[0]}
            cells = "  ".join(
                f"{means[name]:12.2f}" if name in means else " " * 12 for name in columns
            )
            yield f"{about:42s} {prior.name:22s} {means['bias']:+6.1%}  {cells}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=20, help="tables of each design")
    parser.add_argument("--draws", type=int, default=1000, help="Gibbs draws of each table")
    parser.add_argument("--prior", help="only this one of those in the table")
    options = parser.parse_args()
    chosen = tuple(one for one in PRIORS if options.prior in (None, one.name))
    for line in table(DESIGNS, chosen, options.tables, options.draws):
        print(line, flush=True)
