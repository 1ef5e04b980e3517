"""Quantities without labels: what they are, and that labels do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bayesgmm.analysis.calibration.replicate import label_free
from bayesgmm.data.dataset import read_table
from bayesgmm.estimation.density import Target
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.sampling import draw_parameters
from tests.cases import STRUCTURES, example_rows, example_spec


def case(structure, n_features, n_components=3):
    spec = example_spec(structure, "gamma", n_components=n_components)
    mixtures = draw_parameters(spec, n_features, 4, np.random.default_rng(1))
    return mixtures, Target(spec, read_table(example_rows(12, n_features)))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("n_features", [1, 3])
def test_labels_do_not_matter(structure, n_features):
    mixtures, target = case(structure, n_features)
    order = np.array([2, 0, 1])
    correlations = mixtures.correlations
    moved = MixtureParameters(
        mixtures.weights[:, order],
        mixtures.means[:, order],
        mixtures.scales[:, order],
        None if correlations is None else correlations[:, order],
    )
    before, after = label_free(mixtures, target), label_free(moved, target)
    assert before.keys() == after.keys()
    for name, values in before.items():
        np.testing.assert_allclose(values, after[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_values_agree_with_scipy():
    mixtures, target = case("full", 2)
    quantities, X = label_free(mixtures, target), target.data.values
    for number in range(4):
        one = mixtures.draw((number,))
        parts = [
            stats.multivariate_normal(*pair)
            for pair in zip(one.means, one.covariances, strict=True)
        ]
        densities = np.array([part.pdf(X) for part in parts]).T * one.weights
        assert quantities["log_likelihood"][number] == pytest.approx(
            np.log(densities.sum(axis=1)).sum()
        )
        center = sum(w * part.pdf([0.3, 0.3]) for w, part in zip(one.weights, parts, strict=True))
        aside = sum(w * part.pdf([2.4, 2.4]) for w, part in zip(one.weights, parts, strict=True))
        assert quantities["log_density_center"][number] == pytest.approx(np.log(center))
        assert quantities["log_density_aside"][number] == pytest.approx(np.log(aside))
        shares = densities / densities.sum(axis=1, keepdims=True)
        entropy = np.mean([stats.entropy(row) for row in shares])
        assert quantities["allocation_entropy"][number] == pytest.approx(entropy)


def test_moments_of_the_whole_mixture():
    mixtures, target = case("full", 2)
    quantities = label_free(mixtures, target)
    rng, one = np.random.default_rng(0), mixtures.draw((0,))
    counts = rng.multinomial(400_000, one.weights)
    rows = np.concatenate([
        rng.multivariate_normal(*part)
        for part in zip(one.means, one.covariances, counts, strict=True)
    ])  # fmt: skip
    expected = rows[:, 0].mean(), rows[:, 0].var(), np.corrcoef(rows.T)[0, 1]
    names = ("total_mean", "total_variance", "total_correlation")
    np.testing.assert_allclose([quantities[name][0] for name in names], expected, atol=0.05)


def test_what_cannot_vary_is_left_out():
    assert "largest_weight" not in label_free(*case("full", 2, n_components=1))
    assert "smallest_weight" not in label_free(*case("full", 2, n_components=2))
    assert "largest_scale" not in label_free(*case("tied", 2))
    assert "total_correlation" not in label_free(*case("full", 1))
