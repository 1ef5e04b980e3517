"""The telescoping sampler against enumeration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from arviz_stats.base import array_stats
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.metrics import adjusted_rand_score

import bayesgmm as bg
from bayesgmm.engines import telescoping
from bayesgmm.numerics.kernels.splits import Clusters, _move_last
from bayesgmm.priors.number import NumberPrior
from bayesgmm.schema import ROW
from tests.references import exact_number
from tests.references.exact_number import (
    ONE_FEATURE,
    ONE_FEATURE_SPEC,
    TWO_FEATURES,
    TWO_FEATURES_SPEC,
    Concentrations,
    exact_posterior,
    log_marginals,
    prior_of_clusters,
)

FEW = bg.UniformCount(1, 10)
INVERSE_WISHART = replace(ONE_FEATURE_SPEC, covariances=bg.InverseWishart(4.0, 0.7))


def draw(
    X, spec, *, draws=4000, seed=1, labels=None, sample_weight=None, chains=4, tune=300, thin=1,
):  # fmt: skip
    """Return the tree of a fit without a look at its verdict, which short tables may not pass."""
    from bayesgmm.fitting import draw_posterior

    return draw_posterior(
        X, spec, engine=bg.Gibbs(draws=draws, tune=tune, chains=chains, thin=thin),
        random_seed=seed, sample_weight=sample_weight, labels=labels, solver=None, progress=False,
    )  # fmt: skip


def shares(tree, name: str, size: int) -> np.ndarray:
    """Return how often each number was drawn, 1, ..., size."""
    return np.bincount(tree["posterior"][name].values.ravel(), minlength=size + 1)[1 : size + 1] / (
        tree["posterior"][name].size
    )


def total_variation(one: np.ndarray, other: np.ndarray) -> float:
    size = max(one.size, other.size)
    padded = [np.pad(each, (0, size - each.size)) for each in (one, other)]
    return 0.5 * float(np.abs(padded[0] - padded[1]).sum())


CASES = {
    "half-t, static": (ONE_FEATURE, ONE_FEATURE_SPEC, FEW, bg.Dirichlet(1.0), None),
    "half-t, dynamic": (
        ONE_FEATURE, ONE_FEATURE_SPEC, bg.BetaNegativeBinomial(at_most=30), bg.DynamicDirichlet(),
        None,
    ),
    "inverse-Wishart, static": (ONE_FEATURE, INVERSE_WISHART, FEW, bg.Dirichlet(0.3), None),
    "inverse-Wishart, dynamic": (
        ONE_FEATURE, INVERSE_WISHART, bg.PoissonCount(2.0, at_most=20), bg.DynamicDirichlet(2.0),
        None,
    ),
    "a label": (
        ONE_FEATURE, ONE_FEATURE_SPEC, FEW, bg.Dirichlet(1.0), ["a", None, None, None, None, None],
    ),
    "a missing cell": (
        TWO_FEATURES, TWO_FEATURES_SPEC, bg.Geometric(0.3, at_most=20), bg.DynamicDirichlet(1.5),
        None,
    ),
}  # fmt: skip


def exact_of(rows, spec, number: NumberPrior, weights, labels):
    concentration, dynamic = weights.expanded(1)[0], isinstance(weights, bg.DynamicDirichlet)
    if dynamic:
        concentration = weights.alpha or Concentrations.of(stats.f(6, 3))
    allowed = None if labels is None else [0 if label == "a" else -1 for label in labels]
    return exact_posterior(
        log_marginals(rows, spec), len(rows), number.log_probabilities(), concentration, dynamic,
        n_named=0 if labels is None else 1, allowed=allowed,
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("draws", [3000, pytest.param(60_000, marks=pytest.mark.slow)])
def test_the_posterior_of_few_rows_is_that_of_enumeration(case, draws):
    """Total variation of 60,000 draws of each chain is below 0.01, of 3,000 below 0.03."""
    rows, one, number, weights, labels = CASES[case]
    spec = replace(one, n_components=number, weights=weights)
    exact = exact_of(rows, one, number, weights, labels)
    tree = draw(rows, spec, draws=draws, labels=labels)
    limit = 0.01 if draws > 10_000 else 0.035
    assert total_variation(shares(tree, "n_components", number.largest), exact.number) < limit
    assert total_variation(shares(tree, "n_clusters", 7), exact.clusters) < limit
    found = bg.co_clustering(tree, max_draws=min(4 * draws, 20_000)).values
    assert np.abs(found - exact.co_clustering).max() < (0.012 if draws > 10_000 else 0.05)


# --- moves, priors and structures ---


def blobs(n_rows: int, d: int, centers: int, seed: int) -> np.ndarray:
    """Return rows around a few centers, correlated in each."""
    rng = np.random.default_rng(seed)
    means = rng.normal(0, 3, (centers, d))
    return means[np.arange(n_rows) % centers] + rng.standard_normal((n_rows, d)) @ (
        np.eye(d) + 0.4 * np.tri(d, k=-1)
    )


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Return the mean over chains and draws, and its standard error."""
    if np.ptp(values) == 0:
        return float(values.mean()), 0.0
    effective = array_stats.ess(values, method="mean", chain_axis=0, draw_axis=1)
    return float(values.mean()), float(values.std() / np.sqrt(effective))


def z_scores(one: xr.DataTree, other: xr.DataTree) -> dict[str, float]:
    """Return differences of probabilities of K+, of K and of the mean density, in errors."""
    scores = {}
    for name in ("n_clusters", "n_components"):
        pair = [tree["posterior"][name].values for tree in (one, other)]
        for number in range(1, max(map(np.max, pair)) + 1):
            scores[f"{name} {number}"] = [mean_and_error((x == number) * 1.0) for x in pair]
    scores["density"] = [
        mean_and_error(tree["log_likelihood"]["x"].sum(ROW).values) for tree in (one, other)
    ]
    return {
        # Less than five draws say nothing about their own error.
        name: (first[0] - second[0]) / np.hypot(first[1], second[1])
        for name, (first, second) in scores.items()
        if name == "density" or min(first[0], second[0]) > 0.001
    }


@pytest.fixture(scope="module")
def with_all_moves():
    return draw(*FORTY, draws=5000, thin=20)


FORTY = (
    blobs(40, 2, 3, seed=5),
    bg.MixtureSpec(
        bg.UniformCount(1, 6), weights=bg.Dirichlet(1.0),
        covariances=bg.Full(bg.LogNormal(), correlations=bg.LKJ(2.0)),
    ),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("can_split", "n_tries"), [(False, 0), (False, 2), (True, 1)])
def test_moves_of_clusters_do_not_change_the_posterior(
    with_all_moves, monkeypatch, can_split, n_tries
):
    monkeypatch.setattr(telescoping.Telescope, "n_tries", n_tries)
    monkeypatch.setattr(telescoping.Telescope, "can_split", can_split)
    scores = z_scores(with_all_moves, draw(*FORTY, draws=5000, thin=20, seed=2))
    assert len(scores) > 5
    assert max(map(abs, scores.values())) < 4, scores


@pytest.mark.slow
@pytest.mark.parametrize("structure", [bg.Tied(), bg.TiedDiagonal(bg.LogNormal())])
def test_moves_of_single_rows_leave_a_shared_matrix_as_it_is(monkeypatch, structure):
    spec = replace(FORTY[1], covariances=structure)
    moved = draw(FORTY[0], spec, draws=5000, thin=20)
    monkeypatch.setattr(telescoping.Telescope, "n_tries", 0)
    scores = z_scores(moved, draw(FORTY[0], spec, draws=5000, thin=20, seed=2))
    assert len(scores) > 5
    assert max(map(abs, scores.values())) < 4, scores


def test_a_shared_matrix_has_no_place_to_move_to():
    """The last cluster takes the place of one that is gone; all have one covariance matrix."""
    clusters = Clusters(
        np.array([1.0, 2.0, 3.0]), np.zeros((3, 2)), np.zeros((3, 2, 2)), np.zeros((3, 2, 2)),
        np.arange(6.0).reshape(3, 2), np.array([[0.1, 0.2]]), np.array([[0.3]]),
    )  # fmt: skip
    chosen = np.array([0, 1, 1, 2, 2, 2])
    getattr(_move_last, "py_func", _move_last)(clusters, chosen, 0, 2)
    assert_allclose(clusters.counts[:2], [3, 2])
    assert_allclose(clusters.means[:2], [[4, 5], [2, 3]])
    assert_allclose(chosen, [0, 1, 1, 0, 0, 0])
    assert_allclose(clusters.log_scales, [[0.1, 0.2]])
    assert_allclose(clusters.pairs, [[0.3]])


PRIORS_OF_NUMBER = {
    "uniform, static": (bg.UniformCount(2, 12), bg.Dirichlet(1.0)),
    "beta-negative-binomial, static": (bg.BetaNegativeBinomial(at_most=20), bg.Dirichlet(0.3)),
    "Poisson, dynamic": (bg.PoissonCount(2.0, at_most=15), bg.DynamicDirichlet(1.7)),
    "geometric, dynamic": (bg.Geometric(0.2, at_most=20), bg.DynamicDirichlet(0.2)),
    "fixed, sparse": (bg.FixedCount(10), bg.Dirichlet(0.01)),
    "random": (bg.BetaNegativeBinomial(at_most=8), bg.DynamicDirichlet()),
}


@pytest.mark.parametrize("name", PRIORS_OF_NUMBER)
@pytest.mark.parametrize("n", [6, 82, pytest.param(272, marks=pytest.mark.slow)])
def test_the_prior_of_the_number_of_clusters_is_exact(name, n):
    """With a random alpha up to the error of a quadrature with 48 nodes."""
    number, weights = PRIORS_OF_NUMBER[name]
    concentration, tolerance = weights.expanded(1)[0], 1e-8
    if name == "random":
        concentration, tolerance = Concentrations.of(stats.f(6, 3), step=0.4), 1e-5
    exact = prior_of_clusters(
        n, number.log_probabilities(), concentration, isinstance(weights, bg.DynamicDirichlet)
    )
    table = bg.prior_number_of_clusters(bg.MixtureSpec(number, weights=weights), n)
    found = table["clusters"].values
    assert_allclose(found[: exact.size], exact, atol=tolerance, rtol=0)
    assert_allclose(found[exact.size :], 0.0, atol=1e-15)
    assert_allclose(table["components"].values, np.exp(number.log_probabilities()), rtol=1e-12)


STRUCTURES = {
    "full": bg.Full(),
    "full with LKJ": bg.Full(bg.LogNormal(), correlations=bg.LKJ(2.0)),
    "tied": bg.Tied(),
    "diagonal": bg.Diagonal(),
    "diagonal, random scale": bg.Diagonal(bg.InverseGamma(2.0, bg.Gamma(0.5, 1.0))),
    "spherical": bg.Spherical(),
    "tied diagonal": bg.TiedDiagonal(),
    "tied spherical": bg.TiedSpherical(),
    "inverse-Wishart": bg.InverseWishart(),
    "inverse-Wishart, random scale": bg.InverseWishart(6.0, bg.Wishart()),
    "tied inverse-Wishart": bg.TiedInverseWishart(),
    "factors": bg.Factors(1),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_gives_a_valid_tree(name):
    X = blobs(60, 3, 2, seed=3)
    spec = bg.MixtureSpec(
        bg.UniformCount(1, 4), weights=bg.DynamicDirichlet(), covariances=STRUCTURES[name]
    )  # fmt: skip
    tree = draw(X, spec, draws=100, tune=100, chains=2)
    assert bg.diagnose(tree).figures["variable"].size > 3
    expect_consistent(tree["posterior"])
    assert np.isfinite(tree["log_likelihood"]["x"].values).all()


def expect_consistent(posterior: xr.DataTree) -> None:
    """Raise unless parameters are those of as many components as each draw says that it has."""
    weights, numbers = posterior["weights"].values, posterior["n_components"].values
    exists = np.arange(weights.shape[-1]) < numbers[..., None]
    assert_allclose(weights.sum(-1), 1.0, atol=1e-12)
    assert (weights[~exists] == 0).all()
    for variable in ("means", "scales"):
        values = posterior[variable].values
        assert np.isfinite(values[exists]).all()
        assert np.isnan(values[~exists]).all()
    assert (posterior["scales"].values[exists] > 0).all()
    assert (posterior["filled"].values.sum(-1) == posterior["n_clusters"].values).all()
    assert not (posterior["filled"].values & ~exists).any()
    assert (posterior["n_clusters"].values <= numbers).all()


# --- weights, labels and missing cells ---

TWO = bg.MixtureSpec(bg.UniformCount(1, 5), covariances=bg.Diagonal())


@pytest.mark.slow
def test_whole_weights_are_repeated_rows():
    X, counts = blobs(25, 2, 2, seed=8), np.random.default_rng(9).integers(0, 4, 25)
    options = {"draws": 3000, "thin": 3}
    weighted = draw(X, TWO, sample_weight=counts, **options)
    repeated = draw(np.repeat(X, counts, axis=0), TWO, seed=2, **options)
    scores = z_scores(weighted, repeated)
    assert len(scores) >= 5
    assert max(map(abs, scores.values())) < 4, scores


def test_labels_name_clusters():
    """They come first, have their rows, and count as clusters in every draw."""
    X = np.concatenate([blobs(30, 2, 1, seed=1) - 6, blobs(30, 2, 1, seed=2) + 6])
    labels = [None] * 60
    labels[0], labels[1], labels[40] = "oak", "oak", "elm"
    tree = draw(X, TWO, labels=labels, draws=300, chains=2)
    posterior = tree["posterior"]
    names = posterior["component"].values
    assert list(names[:2]) == ["elm", "oak"]
    assert len(set(names)) == names.size
    assert (posterior["n_clusters"].values >= 2).all()
    assert posterior["filled"].values[..., :2].all()
    expect_consistent(posterior)
    means = posterior["means"].mean(("chain", "draw")).values
    assert_allclose(means[0], X[30:].mean(0), atol=1.0)
    assert_allclose(means[1], X[:30].mean(0), atol=1.0)
    found = bg.cluster(tree)["label"].values
    assert len(set(found[:30])) == len(set(found[30:])) == 1
    assert found[0] != found[40]


def test_a_missing_cell_is_integrated_out():
    X = blobs(40, 2, 2, seed=6)
    X[3, 1] = X[11, 0] = np.nan
    tree = draw(X, replace(TWO, covariances=bg.Full()), draws=200, chains=2)
    expect_consistent(tree["posterior"])
    assert np.isfinite(tree["log_likelihood"]["x"].values).all()


def test_a_prior_without_a_random_number_has_no_number_of_clusters():
    with pytest.raises(bg.SpecificationError, match="a prior of the number of components"):
        bg.prior_number_of_clusters(bg.MixtureSpec(3), 10)


# --- published and known numbers ---

GALAXIES = {
    3: (0.0613, 0.0013), 4: (0.1345, 0.0015), 5: (0.1874, 0.0008), 6: (0.1967, 0.0009),
    7: (0.1575, 0.0012), 8: (0.1088, 0.0007), 9: (0.0673, 0.0007), 10: (0.0391, 0.0005),
    11: (0.0218, 0.0005), 12: (0.0119, 0.0002),
}  # fmt: skip
"""p(K) of the velocities of 82 galaxies, and its Monte Carlo error, by another program.

Under the priors of Richardson, S. and Green, P. J. (1997). On Bayesian analysis of mixtures with an
unknown number of components. Journal of the Royal Statistical Society B 59, 731-792. The copy of
these numbers does not say which program it was.
"""


@pytest.mark.slow
def test_galaxies_have_the_published_posterior():
    X = bg.datasets.load("galaxies")
    low, high = float(X.min().iloc[0]), float(X.max().iloc[0])
    spread = high - low
    spec = bg.MixtureSpec(
        bg.UniformCount(1, 30), means=bg.NormalMeans((low + high) / 2, spread),
        covariances=bg.InverseWishart(4, bg.Wishart(0.4, spread**2 / 10)),
    )  # fmt: skip
    tree = draw(X, spec, draws=10_000, thin=5, tune=1000)
    table = tree["number_of_components"].to_dataset()
    scores = {}
    for number, (share, error) in GALAXIES.items():
        one = table.sel(number=number)
        scores[number] = (one["components"].item() - share) / np.hypot(
            one["components_error"].item(), error
        )
    assert max(map(abs, scores.values())) < 4, scores
    assert table["components"].sel(number=[1, 2]).sum() < 0.001


@pytest.mark.slow
def test_twelve_clusters_are_found_from_few_and_from_many(monkeypatch):
    monkeypatch.setattr(telescoping, "numbers_at_start", lambda *_: [1, 5, 30])
    rng = np.random.default_rng(12)
    means, allocations = rng.normal(0, 6, (12, 4)), rng.integers(0, 12, 5000)
    X = means[allocations] + rng.standard_normal((5000, 4))
    spec = bg.MixtureSpec(
        bg.BetaNegativeBinomial(),
        weights=bg.DynamicDirichlet(),
        covariances=bg.InverseWishart(scale_matrix=bg.Wishart()),
    )
    tree = draw(X, spec, draws=300, tune=700, chains=3)
    # Now and then a chain keeps a cluster in two halves for long, which diagnose would say.
    clusters = tree["posterior"]["n_clusters"].values
    assert clusters.min() >= 12
    assert clusters.mean() < 14


@pytest.mark.slow
def test_the_groups_of_thyroid_patients_are_found():
    """Three clusters, close to the diagnoses; no draw knows of these."""
    table = pd.read_csv(Path(exact_number.__file__).parent / "data" / "thyroid.csv")
    spec = bg.MixtureSpec(
        bg.BetaNegativeBinomial(),
        weights=bg.DynamicDirichlet(),
        covariances=bg.InverseWishart(scale_matrix=bg.Wishart()),
    )
    tree = draw(table.drop(columns="Diagnosis"), spec, draws=500, tune=1000, thin=20)
    assert np.bincount(tree["posterior"]["n_clusters"].values.ravel()).argmax() == 3
    labels = bg.partition(tree, progress=False)["label"].values
    assert adjusted_rand_score(table["Diagnosis"], labels) >= 0.87
