"""Normal mixtures in one dimension against SciPy and their own definitions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from bayesgmm.numerics.normal_mixtures import NormalMixture, highest_density_intervals


def mixture_of(*components: tuple[float, float, float]) -> NormalMixture:
    return NormalMixture(*np.array(components).T.copy())


NORMAL = mixture_of((1.0, 3.0, 2.0))
BIMODAL = mixture_of((0.3, -2.0, 0.5), (0.7, 1.5, 1.0))
APART = mixture_of((0.5, -50.0, 0.01), (0.5, 50.0, 3.0))
NARROW_IN_WIDE = mixture_of((0.9, 0.0, 10.0), (0.1, 3.0, 0.001))
MIXTURES = {
    "normal": NORMAL, "bimodal": BIMODAL, "apart": APART, "narrow in wide": NARROW_IN_WIDE,
}  # fmt: skip


@pytest.fixture(params=MIXTURES)
def mixture(request):
    return MIXTURES[request.param]


def test_cdf_and_density_are_scipys():
    points = np.linspace(-6, 6, 31)
    parts = list(zip(*(BIMODAL.weights, BIMODAL.means, BIMODAL.scales), strict=True))
    cdf = sum(w * stats.norm.cdf(points, m, s) for w, m, s in parts)
    density = sum(w * stats.norm.pdf(points, m, s) for w, m, s in parts)
    np.testing.assert_allclose(BIMODAL.cdf(points), cdf, rtol=1e-13)
    np.testing.assert_allclose(BIMODAL.densities(points)[0], density, rtol=1e-13)
    step = 1e-6
    rise = BIMODAL.densities(points + step)[0] - BIMODAL.densities(points - step)[0]
    np.testing.assert_allclose(BIMODAL.densities(points)[1], rise / (2 * step), atol=1e-9)


PROBABILITIES = np.array([1e-12, 1e-6, 0.01, 0.25, 0.49999, 0.5, 0.50001, 0.9, 1 - 1e-6, 1 - 1e-12])


def test_quantiles_invert_the_cdf(mixture):
    points = mixture.quantiles(PROBABILITIES)
    assert np.all(np.diff(points) >= 0)
    np.testing.assert_allclose(mixture.cdf(points), PROBABILITIES, rtol=1e-11)


def test_a_normal_distribution_has_its_own_quantiles():
    np.testing.assert_allclose(
        NORMAL.quantiles(PROBABILITIES), stats.norm.ppf(PROBABILITIES, 3.0, 2.0), rtol=1e-12
    )


@given(
    st.lists(
        st.tuples(st.floats(0.01, 1), st.floats(-20, 20), st.floats(0.01, 10)),
        min_size=1,
        max_size=5,
    ),
    st.floats(0.001, 0.999),
)
def test_any_quantile_of_any_mixture(components, probability):
    total = sum(weight for weight, _, _ in components)
    mixture = mixture_of(*((weight / total, mean, scale) for weight, mean, scale in components))
    found = mixture.quantiles(np.array([probability]))
    assert mixture.cdf(found)[0] == pytest.approx(probability, rel=1e-10)


def integral(mixture: NormalMixture, low: float, high: float) -> float:
    """The density, integrated piece by piece, so that no narrow component is overlooked."""
    breaks = mixture.means[:, None] + mixture.scales[:, None] * np.array(
        [-9.0, -3.0, 0.0, 3.0, 9.0]
    )
    ends = [low, *np.sort(breaks[(breaks > low) & (breaks < high)]), high]
    return sum(
        quad(lambda x: mixture.densities(np.array([x]))[0][0], start, stop, epsabs=1e-12)[0]
        for start, stop in pairwise(ends)
    )


@pytest.mark.parametrize("probability", [0.01, 0.5, 0.89, 0.999])
def test_highest_density_intervals_hold_the_probability_at_one_height(mixture, probability):
    found = highest_density_intervals(mixture, probability)
    inside = sum(
        integral(mixture, low, high) for low, high in zip(found.lower, found.upper, strict=True)
    )
    assert inside == pytest.approx(probability, abs=1e-9)
    for ends in (found.lower, found.upper):
        np.testing.assert_allclose(mixture.densities(ends)[0], found.threshold, rtol=1e-9)
    assert np.all(found.lower < found.upper)
    assert np.all(found.upper[:-1] < found.lower[1:])


def test_the_region_is_no_longer_than_that_of_a_fine_grid():
    """The smallest set on a grid: its highest cells, until they hold the probability."""
    grid = np.linspace(-8.0, 8.0, 160_001)
    cells = np.diff(BIMODAL.cdf(grid))
    highest = np.sort(cells)[::-1]
    smallest = (np.searchsorted(np.cumsum(highest), 0.89) + 1) * (grid[1] - grid[0])
    found = highest_density_intervals(BIMODAL, 0.89)
    length = (found.upper - found.lower).sum()
    assert length == pytest.approx(smallest, abs=5e-4)
    lower, upper = BIMODAL.quantiles(np.array([0.055, 0.945]))
    assert length < upper - lower


def test_modes_are_told_apart():
    assert highest_density_intervals(BIMODAL, 0.6).lower.size == 2
    assert highest_density_intervals(NORMAL, 0.6).lower.size == 1
    np.testing.assert_allclose(
        highest_density_intervals(NORMAL, 0.95).lower, stats.norm.ppf(0.025, 3.0, 2.0), rtol=1e-9
    )
