"""Quadratic forms in normal variables, against closed forms, integration and published tables."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import chi2, ncx2, norm

from bayesgmm.numerics.overlap import probability_below


def on_a_line(a: float, b: float, c: float) -> float:
    """P(a z^2 + 2 b z < c), between or outside the two roots."""
    if a == 0:
        return norm.cdf(c / (2 * abs(b)))
    if (discriminant := b**2 + a * c) < 0:
        return float(a < 0)
    furthest = -(b + np.copysign(np.sqrt(discriminant), b))
    low, high = sorted((furthest / a, -c / furthest))
    inside = norm.cdf(high) - norm.cdf(low)
    return inside if a > 0 else 1 - inside


def in_the_plane(a: np.ndarray, b: np.ndarray, c: float) -> float:
    """The same for two variables: the closed form given the second, integrated over it."""

    def integrand(z: float) -> float:
        return norm.pdf(z) * on_a_line(a[0], b[0], c - a[1] * z**2 - 2 * b[1] * z)

    kinks = np.roots([-a[0] * a[1], -2 * a[0] * b[1], b[0] ** 2 + a[0] * c])
    inner = [float(kink.real) for kink in kinks if kink.imag == 0 and abs(kink) < 9]
    ends = sorted([*inner, *range(-9, 10)])
    return sum(
        integrate.quad(integrand, *piece, epsabs=1e-13, limit=200)[0] for piece in pairwise(ends)
    )


def at_random(rng: np.random.Generator, n: int, d: int, powers: float) -> tuple:
    """Forms whose coefficients differ by some powers of ten, and limits in the bulk and tails."""
    signs = rng.choice([-1, 1], size=(2, n, d))
    a, b = signs * 10 ** rng.uniform(-powers, 0.5, size=(2, n, d))
    deviations = np.sqrt((2 * a**2 + 4 * b**2).sum(axis=1))
    return a, b, a.sum(axis=1) + 1.5 * deviations * rng.normal(size=n)


def test_one_variable():
    a, b, c = at_random(np.random.default_rng(1), 2000, 1, powers=8)
    expected = [on_a_line(*each) for each in zip(a[:, 0], b[:, 0], c, strict=True)]
    np.testing.assert_allclose(probability_below(a, b, c), expected, rtol=0, atol=1e-12)


def test_two_variables():
    a, b, c = at_random(np.random.default_rng(2), 8, 2, powers=1)
    expected = [in_the_plane(*each) for each in zip(a, b, c, strict=True)]
    np.testing.assert_allclose(probability_below(a, b, c), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("d", [1, 2, 3, 10, 40])
def test_chi_square_and_its_tails(d):
    limits = chi2.ppf([1e-15, 1e-6, 0.1, 0.5, 0.9], d)
    ones, zeros = np.ones((5, d)), np.zeros((5, d))
    found = probability_below(ones, zeros, limits)
    np.testing.assert_allclose(found, chi2.cdf(limits, d), rtol=1e-9)
    found = probability_below(-ones, zeros, -limits[::-1])
    np.testing.assert_allclose(found, chi2.sf(limits[::-1], d), rtol=1e-9)


def test_noncentral_chi_square():
    """(z_1 + m)^2 + z_2^2 + ... has noncentrality m^2."""
    for d, shift in ((1, 0.5), (2, 3.0), (7, 12.0)):
        products = np.zeros((4, d))
        products[:, 0] = shift
        limits = ncx2.ppf([0.001, 0.3, 0.8, 0.999], d, shift**2)
        found = probability_below(np.ones((4, d)), products, limits - shift**2)
        np.testing.assert_allclose(found, [0.001, 0.3, 0.8, 0.999], atol=1e-9)


def test_published_table():
    """Imhof (1961), table 1: sums of central and noncentral chi-squares above a limit."""
    first = np.array([[0.6, 0.3, 0.1]])
    zeros = np.zeros((1, 3))
    for limit, above in ((0.1, 0.9458), (0.7, 0.5064), (2.0, 0.1240)):
        found = 1 - probability_below(first, zeros, np.array([limit]))
        assert abs(found[0] - above) < 6e-5


@pytest.mark.parametrize("d", [3, 6, 12])
def test_products_of_independent_variables(d):
    """Sums of m products of two normal variables: a difference of two gamma variables, with a
    density in closed form for m = 1, K_0(|x|) / pi, and for m = 2, exp(-|x|) / 2."""
    limits = np.array([-3.0, -0.1, 0.0, 0.4, 2.5])
    halves = np.zeros((5, d))
    halves[:, :2], halves[:, 2:4] = 0.5, -0.5
    if d == 3:  # one product, and a variable that plays no part
        halves[:, :3] = [0.5, -0.5, 0.0]
        expected = [
            integrate.quad(lambda x, at: np.exp(-at * np.cosh(x)) / np.cosh(x), 0, 40, args=(at,))[
                0
            ]
            for at in np.abs(limits)
        ]
        tails = np.array(expected) / np.pi
    else:
        tails = np.exp(-np.abs(limits)) / 2
    expected = np.where(limits > 0, 1 - tails, tails)
    found = probability_below(halves, np.zeros((5, d)), limits)
    np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("d", [2, 3, 6, 10])
def test_any_order_and_sign(d):
    """P(Q < c) = 1 - P(-Q < -c), and the order of the variables does not matter."""
    a, b, c = at_random(np.random.default_rng(d), 500, d, powers=6)
    found = probability_below(a, b, c)
    np.testing.assert_allclose(1 - probability_below(-a, -b, -c), found, atol=1e-12)
    np.testing.assert_allclose(probability_below(a[:, ::-1], b[:, ::-1], c), found, atol=1e-12)


@pytest.mark.parametrize("d", [2, 5, 10])
def test_a_variable_that_hardly_matters(d):
    """Coefficients of 1e-12 move the answer by that order, wherever they put singularities."""
    a, b, c = at_random(np.random.default_rng(d), 200, d, powers=2)
    tiny = np.random.default_rng(0).normal(size=(200, 2)) * 1e-12
    found = probability_below(np.hstack([a, tiny]), np.hstack([b, tiny[:, ::-1]]), c)
    np.testing.assert_allclose(found, probability_below(a, b, c), atol=1e-9)


def test_constants_and_infinite_limits():
    zero = np.zeros((5, 2))
    limits = np.array([-1.0, 0.0, 1.0, np.inf, -np.inf])
    assert probability_below(zero, zero, limits).tolist() == [0.0, 0.5, 1.0, 1.0, 0.0]
    sure = probability_below(np.ones((2, 2)), zero[:2], np.array([-0.1, 1e6]))
    assert sure.tolist() == [0.0, 1.0]


def test_a_limit_where_paths_go_far():
    a, b, c = (
        np.array([0.10849879, -0.69873302]),
        np.array([2.97201486e-4, -4.56817624e-5]),
        -2.2e-5,
    )
    found = probability_below(a[None], b[None], np.array([c]))
    assert found[0] == pytest.approx(in_the_plane(a, b, c), abs=1e-8)


def test_shorter_steps_change_nothing(monkeypatch):
    """A form of many scales, and 1000 that are drawn."""
    a, b, c = at_random(np.random.default_rng(9), 1001, 6, powers=7)
    a[0] = [
        -3.88632517e-3,
        1.91101185e-3,
        -2.28294533e-2,
        2.89845233e-6,
        0.607932195,
        -2.8050258e-2,
    ]
    b[0] = [-1.03105709e-3, -1.56733326e-2, -8.2e-5, 6.72679872e-2, 4.35e-5, 0.2444875]
    c[0] = 0.16390623177
    found = probability_below(a, b, c)
    monkeypatch.setattr("bayesgmm.numerics.overlap._STEP", 1 / 128)
    np.testing.assert_allclose(found, probability_below(a, b, c), rtol=0, atol=1e-7)
