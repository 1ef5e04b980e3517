"""Hills and passes, against closed forms in one dimension and direct search in two."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import multivariate_normal, norm

from bayesgmm.numerics.ridgeline import Landscape, survey
from bayesgmm.parameters import MixtureParameters


def on_a_line(weights, means, scales) -> MixtureParameters:
    def one_draw(values) -> np.ndarray:
        return np.array(values, dtype=float)[None, :, None]

    return MixtureParameters(np.array([weights], float), one_draw(means), one_draw(scales))


def at_random(rng: np.random.Generator, n_draws: int, k: int, d: int) -> MixtureParameters:
    """Mixtures of components whose distances are of the order of their widths."""
    factors = rng.normal(size=(n_draws, k, d, d + 1))
    return MixtureParameters.from_covariances(
        rng.dirichlet(np.full(k, 2.0), size=n_draws),
        rng.normal(size=(n_draws, k, d)) * 2.0,
        factors @ np.swapaxes(factors, -1, -2) / (d + 1) + 0.05 * np.eye(d),
    )


def n_modes(landscape: Landscape, ratio: float = 1.0) -> int:
    return np.unique(landscape.modes(ratio)).size


@pytest.mark.parametrize(("distance", "expected"), [(0, 1), (1, 1), (1.99, 1), (2.01, 2), (9, 2)])
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_equal_components_part_at_two_standard_deviations(distance, expected, scale):
    mixture = on_a_line([0.5, 0.5], [0.0, distance * scale], [scale, scale])
    assert n_modes(survey(mixture)) == expected


@pytest.mark.parametrize("distance", [2.2, 2.6, 3.0, 4.0, 6.0])
@pytest.mark.parametrize("side", [-1, 1])
def test_unequal_weights_part_where_the_closed_form_says(distance, side):
    """One mode if and only if |log odds| >= 2 log(h - r) + 2 h r, h half the distance and
    r^2 = h^2 - 1 (Behboodian, 1970)."""
    half = distance / 2
    root = np.sqrt(half**2 - 1)
    limit = 2 * np.log(half - root) + 2 * half * root
    for log_odds, expected in ((limit * 0.99, 2), (limit * 1.01, 1)):
        weight = 1 / (1 + np.exp(side * log_odds))
        mixture = on_a_line([weight, 1 - weight], [0.0, distance], [1.0, 1.0])
        assert n_modes(survey(mixture)) == expected


def test_dips_are_those_of_a_dense_table_in_one_dimension():
    """Of 100 mixtures of unequal weights and widths. Dips below 1e-4 may be seen or not."""
    rng = np.random.default_rng(1)
    grid = np.linspace(-1.0, 8.0, 60_001)
    for _ in range(100):
        weight, distance, scale = rng.uniform(0.05, 0.95), rng.uniform(1, 7), rng.uniform(0.2, 1)
        density = weight * norm.pdf(grid) + (1 - weight) * norm.pdf(grid, distance, scale)
        expected = deepest_dip(density)
        mixture = on_a_line([weight, 1 - weight], [0.0, distance], [1.0, scale])
        found = survey(mixture)
        assert np.exp(found.dips[0, 0, 1]) == pytest.approx(expected, abs=2e-3)
        assert expected > 1 - 1e-4 or n_modes(found) == 2


def deepest_dip(density: np.ndarray) -> float:
    left = np.maximum.accumulate(density)
    right = np.maximum.accumulate(density[::-1])[::-1]
    return float((density / np.minimum(left, right)).min())


def test_tops_and_dips_are_those_of_a_search_over_the_plane():
    """Of 40 pairs: tops within 1e-3 of those that an ascent leads to, and dips within 0.02, or
    2 %, of those at which the two regions of higher density touch on a grid of 400 x 400."""
    draws = at_random(np.random.default_rng(2), 40, 2, 2)
    landscape, n_parted = survey(draws), 0
    for number in range(40):
        mixture = draws.draw((number,))
        tops = ascend(mixture)
        heights = log_density(mixture, tops)
        np.testing.assert_allclose(landscape.tops[number], heights, atol=1e-3)
        dip = 0.0
        if np.linalg.norm(tops[0] - tops[1]) > 1e-3:
            dip, n_parted = touching_level(mixture, tops) - heights.min(), n_parted + 1
        assert landscape.dips[number, 0, 1] == pytest.approx(dip, abs=0.02, rel=0.02)
    assert 10 < n_parted < 35


def log_density(mixture: MixtureParameters, points: np.ndarray) -> np.ndarray:
    """By SciPy, at the points along the last axis."""
    parts = [
        np.log(weight) + multivariate_normal.logpdf(points, mean, covariance)
        for weight, mean, covariance in zip(
            mixture.weights, mixture.means, mixture.covariances, strict=True
        )
    ]
    return np.logaddexp.reduce(parts)


def ascend(mixture: MixtureParameters) -> np.ndarray:
    """Where modal EM leads from every mean (Li, Ray and Lindsay, 2007); no step goes down."""
    precisions = np.linalg.inv(mixture.covariances)
    log_constants = np.log(mixture.weights) + 0.5 * np.linalg.slogdet(precisions)[1]
    pulls, places = np.einsum("kij,kj->ki", precisions, mixture.means), mixture.means
    for _ in range(20_000):
        away = places[:, None] - mixture.means
        logs = log_constants - 0.5 * np.einsum("pki,kij,pkj->pk", away, precisions, away)
        shares = np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))
        mixed, pulled = np.einsum("pk,kij->pij", shares, precisions), shares @ pulls
        new = np.linalg.solve(mixed, pulled[..., None])[..., 0]
        if np.abs(new - places).max() < 1e-9:
            break
        places = new
    return places


def touching_level(mixture: MixtureParameters, tops: np.ndarray) -> float:
    """The highest level at which both tops lie in one region of higher density."""
    low, high = tops.min(axis=0) - 3.0, tops.max(axis=0) + 3.0
    axes = [np.linspace(low[axis], high[axis], 400) for axis in range(2)]
    table = log_density(mixture, np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    cells = [tuple(abs(axes[axis] - top[axis]).argmin() for axis in range(2)) for top in tops]
    below, above = table.min(), min(table[cell] for cell in cells)
    for _ in range(30):
        level = 0.5 * (below + above)
        regions, _ = ndimage.label(table >= level, structure=np.ones((3, 3)))
        if regions[cells[0]] == regions[cells[1]]:
            below = level
        else:
            above = level
    return below


def test_components_share_a_hill_where_ascents_from_their_means_end_together():
    """Of 200 mixtures of four components in the plane, at least 90 % are grouped as by ascent.

    Not all can be: from a slope between two hills either is reached without going down, and the
    paths are ridgelines of pairs, which the ridges of four components may leave.
    """
    draws = at_random(np.random.default_rng(3), 200, 4, 2)
    modes, exchangeable_groups = survey(draws).modes(1.0), 0
    for number in range(200):
        ends = ascend(draws.draw((number,)))
        together = np.linalg.norm(ends[:, None] - ends, axis=-1) < 1e-3
        exchangeable_groups += np.array_equal(together, modes[number][:, None] == modes[number])
    assert exchangeable_groups >= 180


def test_a_light_component_between_two_hills_joins_one_of_them():
    """Its density with either hill has one mode, so that merging pairs would join all three."""
    weights, means, scales = [0.49, 0.48, 0.03], [0.0, 6.0, 3.1], [1.0, 1.0, 2.0]
    for pair in ([0, 2], [1, 2]):
        two = on_a_line(*(np.array(each)[pair] for each in (weights, means, scales)))
        two.weights[:] /= two.weights.sum()
        assert n_modes(survey(two)) == 1
    assert survey(on_a_line(weights, means, scales)).modes(1.0).tolist() == [[0, 1, 1]]


def test_a_heavy_component_between_two_slopes_joins_them():
    """Spaced by 1.9 standard deviations; the outer two alone would be two hills."""
    assert n_modes(survey(on_a_line([0.5, 0.5], [0.0, 3.8], [1.0, 1.0]))) == 2
    three = on_a_line([0.3, 0.4, 0.3], [0.0, 1.9, 3.8], [1.0, 1.0, 1.0])
    assert n_modes(survey(three)) == 1


def test_a_lower_ratio_never_makes_more_hills():
    landscape = survey(at_random(np.random.default_rng(4), 300, 5, 2))
    counts = [
        [np.unique(heads).size for heads in landscape.modes(ratio)]
        for ratio in (1.0, 0.9, 0.5, 0.1, 1e-9)
    ]
    assert (np.diff(counts, axis=0) <= 0).all()


def test_hills_do_not_depend_on_the_order_of_components():
    rng = np.random.default_rng(5)
    draws = at_random(rng, 100, 5, 3)
    order = rng.permutation(5)
    permuted = MixtureParameters.from_covariances(
        draws.weights[:, order], draws.means[:, order], draws.covariances[:, order]
    )
    for ratio in (1.0, 0.7):
        heads, others = survey(draws).modes(ratio), survey(permuted).modes(ratio)
        np.testing.assert_array_equal(order[others], heads[:, order])


def test_diagonal_covariances_are_full_ones_without_correlations():
    draws = at_random(np.random.default_rng(6), 50, 4, 3)
    diagonal = MixtureParameters(draws.weights, draws.means, draws.scales)
    identity = np.broadcast_to(np.eye(3), (50, 4, 3, 3)).copy()
    full = MixtureParameters(draws.weights, draws.means, draws.scales, identity)
    one, other = survey(diagonal), survey(full)
    np.testing.assert_allclose(one.tops, other.tops, atol=1e-9)
    np.testing.assert_allclose(one.dips, other.dips, atol=1e-9)


def test_extreme_components_are_surveyed_without_ado():
    """An empty one, a very narrow one and a very far one."""
    mixture = on_a_line([0.0, 0.5, 0.5], [0.0, 1.0, 1e6], [1.0, 1e-6, 1.0])
    landscape = survey(mixture)
    assert np.isfinite(landscape.tops).all()
    assert np.isfinite(landscape.dips).all()
    assert landscape.modes(1.0)[0, 1:].tolist() == [1, 2]
    assert survey(on_a_line([1.0], [0.0], [1.0])).modes(1.0).tolist() == [[0]]
