"""How sure names are: closed forms for components that cannot be told apart, and that can."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.labels import Labels, confusion_of
from bayesgmm.parameters import MixtureParameters
from bayesgmm.tree.fit import Fit


def draws_with(means: np.ndarray) -> MixtureParameters:
    """Draws of two components that differ in their means only; (chain, draw, k)."""
    shape = means.shape
    return MixtureParameters(np.full(shape, 0.5), means[..., None], np.ones((*shape, 1)))


def test_confusion_is_that_of_two_normals():
    """Two independent N(-m, 1), N(m, 1): the log odds are N(4 m^2, 8 m^2), m being half apart.

    With 40 000 draws the mean of the probabilities has a standard error below 0.002.
    """
    rng = np.random.default_rng(0)
    for half in (0.5, 1.0):
        means = rng.normal([-half, half], 1.0, (4, 10_000, 2))
        odds = rng.normal(4 * half**2, np.sqrt(8) * half, 1_000_000)
        expected = np.mean(1 / (1 + np.exp(odds)))
        assert confusion_of(draws_with(means), 0, 1) == pytest.approx(expected, abs=0.006)


def test_one_cloud_split_at_random_is_confused_as_much_as_the_documentation_says():
    """Sorted by their means, which is what relabeling makes of one cloud."""
    means = np.sort(np.random.default_rng(0).normal(size=(4, 5000, 2)), axis=-1)
    assert 0.1 < confusion_of(draws_with(means), 0, 1) < 0.2


def test_clear_names_and_draws_that_never_moved_are_not_confused():
    means = np.random.default_rng(0).normal([0.0, 20.0], 1.0, (4, 100, 2))
    assert confusion_of(draws_with(means), 0, 1) < 1e-12
    assert confusion_of(draws_with(np.zeros((2, 10, 2))), 0, 1) == 0.5


def test_small_components_have_no_names_to_confuse():
    tree = bg.example_fit()
    labels = Labels.of(Fit(tree), np.array([False, True, False]))
    assert labels.pairs == ((0, 2),)
    assert not labels.switched.any()


def test_draws_in_another_order_than_most_have_switched():
    tree = bg.example_fit()
    orders = tree["relabeling"]["permutation"].copy(deep=True)
    orders[2, 10:13] = orders[2, 10:13].values[:, ::-1]
    tree["relabeling"] = tree["relabeling"].to_dataset().assign(permutation=orders)
    labels = Labels.of(Fit(tree), np.zeros(3, dtype=bool))
    assert np.argwhere(labels.switched).tolist() == [[2, 10], [2, 11], [2, 12]]
    assert labels.rhat_before < 1.02
