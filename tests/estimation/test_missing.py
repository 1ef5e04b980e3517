"""EM with missing cells: closed forms, and optimality of what it ends with."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.data.dataset import Dataset
from bayesgmm.estimation.density import Objective
from tests.cases import example_rows, example_spec
from tests.numerics.test_rows import holes


def dataset(X: np.ndarray) -> Dataset:
    return Dataset(X, tuple(f"x{i}" for i in range(X.shape[1])), np.arange(len(X)))


def test_monotone_pattern_has_a_closed_form():
    """One normal, second feature missing at times: regression on complete rows (Anderson, 1957)."""
    X = example_rows(200, 2, seed=3)
    X[120:, 1] = np.nan
    spec, data = example_spec("full", "gamma", n_components=1), dataset(X)
    found = bg.EM("likelihood", n_starts=1, tolerance=1e-14, max_iterations=5000).run(
        spec, data, seed=0
    )
    mean, variance = X[:, 0].mean(), X[:, 0].var()
    both = X[:120]
    slope, intercept = np.polyfit(both[:, 0], both[:, 1], 1)
    rest = np.mean((both[:, 1] - intercept - slope * both[:, 0]) ** 2)
    np.testing.assert_allclose(found.means[0], [mean, intercept + slope * mean], atol=1e-5)
    expected = [[variance, slope * variance], [slope * variance, rest + slope**2 * variance]]
    np.testing.assert_allclose(found.covariances[0], expected, atol=1e-4)


@pytest.mark.parametrize("structure", ["full", "tied", "diagonal", "spherical"])
def test_the_gradient_vanishes_at_the_mode(structure):
    spec, data = example_spec(structure, "gamma"), dataset(holes(150, 3, 0.25, seed=4))
    found = bg.EM(n_starts=4, tolerance=1e-12).run(spec, data, seed=0)
    objective = Objective(spec, 3, uses_prior=True)
    _, gradient = objective.function_of(data.rows)(objective.layout.pack(found.parameters))
    assert np.abs(gradient).max() < 1e-2
    assert np.all(np.diff(found.trace) > -1e-8 * abs(found.trace[-1]))
