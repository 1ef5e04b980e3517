"""Gibbs sampling: Geweke's joint test for every structure, and what threads may not change.

Geweke, J. (2004). Getting it right: joint distribution tests of posterior simulators. Journal of
the American Statistical Association 99, 799-804.
"""

from __future__ import annotations

from dataclasses import replace

import arviz_stats
import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.analysis.generation.generate import draw_rows
from bayesgmm.data.dataset import Dataset, default_names
from bayesgmm.engines.gibbs import Sweeper
from bayesgmm.estimation.density import Target
from bayesgmm.numerics.kernels.full_conditionals import HAMILTONIAN, PROPOSED, SLICED
from bayesgmm.priors.sampling import draw_parameters
from tests.cases import SCALE_PRIORS, STRUCTURES, example_spec

N_SWEEPS, FEW_SWEEPS = 6_000, 1_500
N_ROWS = 12
MORE_ROWS = 5  # for every feature, so that scatter matrices have full rank
LIMIT = 4.5
"""Standard errors; each case compares at most 16 averages: error rate 16 * 6.8e-6 = 1e-4."""

CASES = [(name, "half-t", d, "rows") for name in STRUCTURES for d in (1, 2)]
CASES += [("full", prior, 2, "rows") for prior in SCALE_PRIORS if prior != "half-t"]
CASES += [(name, "inverse-gamma", 2, "rows") for name in ("tied", "diagonal", "spherical")]
CASES += [("full", "log-normal", 3, "rows"), ("inverse-wishart", "half-t", 3, "rows")]
CASES += [(name, "half-t", 3, "gaps") for name in ("full", "tied", "diagonal")]
CASES += [(name, "half-t", 2, "labels") for name in ("full", "spherical")]
CASES += [("full", "half-t", 5, "rows"), ("full", "half-t", 3, "gaps and labels")]
CASES += [("full", prior, 2, "rows, sliced") for prior in ("half-t", "inverse-gamma")]
CASES += [("diagonal", "half-t", 2, "rows, sliced")]
CASES += [("full", "inverse-gamma", d, "rows, hamiltonian") for d in (2, 5)]
CASES += [
    ("tied", "log-normal", 10, "rows, hamiltonian"),
    ("full", "half-t", 3, "gaps, hamiltonian"),
]
CASES += [("factors", "half-t", 4, f"{known}, two factors") for known in ("rows", "gaps")]
CASES += [("factors", "half-t", 4, "rows, two shared factors")]
CASES += [("factors", "inverse-gamma", 4, "rows, two factors, equal")]
KINDS = {"sliced": SLICED, "hamiltonian": HAMILTONIAN}
CASES += [("full", "inverse-gamma", 2, "rows, named"), ("diagonal", "half-t", 2, "gaps, named")]
QUICK = [("full", "half-t", 2, "rows"), ("full", "half-t", 3, "gaps and labels")]
QUICK += [("factors", "half-t", 4, "rows, two factors")]
QUICK += [("full", "half-t", 2, "rows, named"), ("tied", "inverse-gamma", 3, "rows, hamiltonian")]


@pytest.mark.parametrize(
    ("structure", "prior", "n_features", "known", "n_sweeps"),
    [(*case, FEW_SWEEPS) for case in QUICK]
    + [pytest.param(*case, N_SWEEPS, marks=pytest.mark.slow) for case in CASES],
)
def test_joint_distribution(structure, prior, n_features, known, n_sweeps):
    """Data drawn given parameters, parameters given data, in turn: the prior must come back."""
    # So fine that next to no draw from the prior is below the floor, which draws ignore.
    spec = example_spec(structure, prior, n_components=2, resolution=1e-6)
    if "two" in known:
        options = {"shared": "shared" in known, "equal_uniquenesses": "equal" in known}
        factors = bg.Factors(2, scales=SCALE_PRIORS[prior], **options)
        spec = replace(spec, covariances=factors)
    if "named" in known:
        loc, scale = np.array([[-2.0, 1.0], [3.0, 0.0]]), np.array([[1.0, 0.5], [2.0, 1.5]])
        spec = replace(spec, means=bg.NormalMeans(loc, scale))
    rng = np.random.default_rng(7)
    functions = with_names if "named" in known else label_free
    successive = functions(successive_draws(spec, n_features, known, n_sweeps, rng))
    independent = functions(draw_parameters(spec, n_features, 40_000, rng))
    for name, values in successive.items():
        error = float(arviz_stats.mcse(values[None], method="mean"))
        other = independent[name].std() / np.sqrt(independent[name].size)
        z = (values.mean() - independent[name].mean()) / np.hypot(error, other)
        assert abs(z) < LIMIT, (name, z)


def successive_draws(spec, n_features, known, n_sweeps, rng):
    parameters = draw_parameters(spec, n_features, 1, rng).draw((0,))
    n_rows = max(N_ROWS, MORE_ROWS * n_features) if "hamiltonian" in known else N_ROWS
    missing = np.random.default_rng(1).random((n_rows, n_features)) < 0.4
    missing[0] = True
    positions = []
    for _ in range(n_sweeps):
        rows, components = draw_rows(repeated(parameters, n_rows), rng)
        target = Target(spec, dataset_of(rows, components, missing, known))
        position = target.layout.pack(parameters)
        sweeper = Sweeper(target)
        sweeper.moves.kinds[:] = KINDS.get(known.rpartition(", ")[2], PROPOSED)
        sweeper.run(position, 1, rng)
        positions.append(position)
        parameters = target.layout.unpack(position)
    return target.layout.unpack(np.array(positions))


def dataset_of(rows, components, missing, known):
    """What is seen of rows: all, or some of their cells, and the components of every third."""
    label_log_likelihoods = np.zeros((0, 0))
    if "gaps" in known:
        rows = np.where(missing, np.nan, rows)
    if "labels" in known:
        labeled = np.arange(len(rows)) % 3 == 0
        label_log_likelihoods = np.where(
            labeled[:, None], np.log(np.eye(2) + 1e-300)[components], 0.0
        )
        label_log_likelihoods[label_log_likelihoods < -600] = -np.inf
    names = default_names(rows.shape[1])
    return Dataset(rows, names, np.arange(len(rows)), label_log_likelihoods=label_log_likelihoods)


def repeated(parameters, n_rows):
    """The same mixture for every row."""
    index = (np.zeros(n_rows, dtype=int),)
    correlations = parameters.correlations
    return type(parameters)(
        parameters.weights[None][index],
        parameters.means[None][index],
        parameters.scales[None][index],
        None if correlations is None else correlations[None][index],
    )


def label_free(parameters):
    """Functions of the parameters with finite variance under every prior, symmetric in labels."""
    values = {
        "largest weight": parameters.weights.max(axis=-1),
        "squared weight": (parameters.weights**2).sum(axis=-1),
    }
    for feature in range(parameters.n_features):
        means = parameters.means[..., feature]
        log_scales = np.log(parameters.scales[..., feature])
        values[f"mean {feature}"] = means.mean(axis=-1)
        values[f"squared mean {feature}"] = (means**2).mean(axis=-1)
        values[f"log scale {feature}"] = log_scales.mean(axis=-1)
        values[f"squared log scale {feature}"] = (log_scales**2).mean(axis=-1)
    if parameters.correlations is not None:
        first = parameters.correlations[..., 0, 1]
        values["correlation"] = first.mean(axis=-1)
        values["squared correlation"] = (first**2).mean(axis=-1)
    return values


def with_names(parameters):
    """Those, and functions of the first component, which has a prior of its own."""
    first = parameters.means[..., 0, :]
    own = {f"first mean {feature}": first[..., feature] for feature in range(first.shape[-1])}
    own |= {f"square of {name}": values**2 for name, values in own.items()}
    return label_free(parameters) | own


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.concatenate([rng.normal(0, 1, (200, 2)), rng.normal(4, 1, (100, 2))])


def test_draws_do_not_depend_on_the_threads(rows):
    trees = [
        bg.fit(
            rows, bg.MixtureSpec(2), engine=bg.Gibbs(draws=50, tune=20, chains=3, cores=cores),
            random_seed=1, progress=False,
        )
        for cores in (1, 3)
    ]  # fmt: skip
    assert trees[0]["posterior"].equals(trees[1]["posterior"])


def test_thinning_keeps_every_second_draw(rows):
    from bayesgmm.estimation.em import EM
    from bayesgmm.estimation.problem import Problem

    problem = Problem.pose(rows, bg.MixtureSpec(2))
    start = EM().run(problem.scaled_spec, problem.scaled_data, seed=1)
    question = problem.scaled_spec, problem.scaled_data
    every = bg.Gibbs(draws=40, tune=10, chains=1).run(*question, start=start, seed=5)
    second = bg.Gibbs(draws=20, tune=10, chains=1, thin=2).run(*question, start=start, seed=5)
    np.testing.assert_array_equal(
        second["posterior"]["means"].values, every["posterior"]["means"].values[:, 1::2]
    )


def test_acceptance_is_kept_and_high(rows):
    tree = bg.fit(
        rows, bg.MixtureSpec(2), engine=bg.Gibbs(draws=600), random_seed=1, progress=False
    )
    assert float(tree["sample_stats"]["acceptance_rate"].mean()) > 0.6
    assert bg.diagnose(tree).passed


@pytest.mark.parametrize("n_features", [1, 2])
@pytest.mark.parametrize("kind", [bg.InverseWishart, bg.TiedInverseWishart])
def test_under_a_conjugate_prior_every_draw_is_accepted(rows, kind, n_features):
    """Also those of components without rows, and with few degrees of freedom."""
    for structure, n_components in ((kind(), 2), (kind(n_features - 0.5), 6)):
        tree = bg.fit(
            rows[::10, :n_features], bg.MixtureSpec(n_components, covariances=structure),
            engine=bg.Gibbs(draws=150, tune=50, chains=1), random_seed=1, progress=False,
        )  # fmt: skip
        assert np.all(tree["sample_stats"]["acceptance_rate"] == 1.0)


def test_components_without_rows_follow_their_prior():
    """Four components on one cloud of eight rows: nothing breaks, and weights may be tiny."""
    rows = np.random.default_rng(0).normal(size=(8, 3))
    engine = bg.Gibbs(draws=150, tune=100, chains=2)
    tree = bg.fit(rows, bg.MixtureSpec(4), engine=engine, random_seed=1, progress=False)
    for name in tree["posterior"].data_vars:
        assert np.isfinite(tree["posterior"][name]).all()
