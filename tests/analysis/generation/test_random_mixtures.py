"""Random mixtures: of the structure and with the overlap that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.analysis.generation.random_mixtures import (
    Asked,
    average_overlap,
    draw_mixture,
    largest_overlap,
)
from bayesgmm.numerics.overlap import misclassification
from tests.cases import STRUCTURES


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(("k", "d"), [(2, 1), (3, 2), (6, 5)])
def test_structures_and_sizes(structure, k, d):
    kind, rng = STRUCTURES[structure], np.random.default_rng(k + d)
    mixture = draw_mixture(np.full(k, 1 / k), d, kind(), Asked(0.07, None), rng)
    assert abs(average_overlap(mixture) - 0.07) < 1e-9
    assert (mixture.correlations is not None) == kind.correlated
    covariances = mixture.covariances
    if kind.tied:
        np.testing.assert_array_equal(covariances, np.repeat(covariances[:1], k, axis=0))
    if kind.isotropic:
        np.testing.assert_allclose(mixture.scales, np.repeat(mixture.scales[:, :1], d, axis=1))
    if kind.correlated:
        values = np.linalg.eigvalsh(covariances)
        assert np.sqrt(1 - values[:, 0] / values[:, -1]).max() < 0.9 + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("asked", [1e-6, 0.001, 0.05, 0.4])
@pytest.mark.parametrize("alpha", [0.5, 20.0])
def test_overlaps_and_weights(asked, alpha):
    rng = np.random.default_rng(8)
    weights = rng.dirichlet(np.full(4, alpha))
    kind = STRUCTURES["full"]()
    average = draw_mixture(weights, 3, kind, Asked(asked, None), rng)
    largest = draw_mixture(weights, 3, kind, Asked(None, asked), rng)
    assert average_overlap(average) == pytest.approx(asked, abs=1e-9)
    assert largest_overlap(largest) == pytest.approx(asked, abs=1e-9)
    np.testing.assert_array_equal(average.weights, weights)


@pytest.mark.parametrize(("average", "most"), [(0.05, 0.15), (0.01, 0.04)])
def test_an_average_and_a_maximum_together(average, most):
    rng = np.random.default_rng(2)
    mixture = draw_mixture(np.full(5, 0.2), 3, STRUCTURES["full"](), Asked(average, most), rng)
    assert abs(average_overlap(mixture) - average) < 1e-9
    assert abs(largest_overlap(mixture) - most) < 1e-9


def test_rows_overlap_as_the_mixture_says():
    """Within 4.5 standard errors of 200 000 rows of each component: error rate below 1e-4."""
    rng, n_rows = np.random.default_rng(3), 200_000
    mixture = draw_mixture(np.full(3, 1 / 3), 2, STRUCTURES["full"](), Asked(0.1, None), rng)
    found = misclassification(mixture)
    for one in range(3):
        noise = rng.standard_normal((n_rows, 2))
        rows = mixture.means[one] + noise @ mixture.cholesky[one].T
        away = np.linalg.solve(
            mixture.cholesky, np.swapaxes(rows[None] - mixture.means[:, None], 1, 2)
        )
        roots = np.log(np.diagonal(mixture.cholesky, axis1=1, axis2=2)).sum(axis=1)
        logs = -0.5 * (away**2).sum(axis=1) - roots[:, None]
        for other in {0, 1, 2} - {one}:
            error = np.sqrt(found[one, other] / n_rows)
            assert abs(np.mean(logs[other] > logs[one]) - found[one, other]) < 4.5 * error
