"""The normalizer of the LKJ distribution, against integration and the published formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from bayesgmm.numerics.distributions import lkj_log_normalizer
from tests.references.density import lkj_log_density

ETAS = [0.5, 1.0, 2.0, 3.7]


@pytest.mark.parametrize("eta", ETAS)
def test_it_integrates_to_one_over_matrices_of_size_two(eta):
    # The determinant is 1 - r^2; quad is told of the powers at both ends.
    total, _ = integrate.quad(
        lambda r: 1.0, -1, 1, weight="alg", wvar=(eta - 1, eta - 1), epsabs=1e-12
    )
    assert lkj_log_normalizer(eta, 2) == pytest.approx(-math.log(total), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("eta", [1.0, 2.0, 3.7])
def test_it_integrates_to_one_over_matrices_of_size_three(eta):
    def density(c: float, b: float, a: float) -> float:
        determinant = 1 + 2 * a * b * c - a * a - b * b - c * c
        return determinant ** (eta - 1) if determinant > 0 else 0.0

    def half_width(a: float, b: float) -> float:
        return math.sqrt((1 - a * a) * (1 - b * b))

    total, error = integrate.tplquad(
        density, -1, 1, -1, 1,
        lambda a, b: a * b - half_width(a, b), lambda a, b: a * b + half_width(a, b),
        epsabs=1e-6, epsrel=1e-6,
    )  # fmt: skip
    assert error < 1e-4
    assert lkj_log_normalizer(eta, 3) == pytest.approx(-math.log(total), abs=1e-4)


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 20])
@pytest.mark.parametrize("eta", ETAS)
def test_it_is_equation_16_of_lewandowski_kurowicka_and_joe(eta, size):
    # At the identity the determinant is one, and the log density is the normalizer.
    assert lkj_log_normalizer(eta, size) == pytest.approx(
        lkj_log_density(np.eye(size), eta), rel=1e-10
    )


@pytest.mark.parametrize(
    ("size", "volume"),
    [(1, 1.0), (2, 2.0), (3, math.pi**2 / 2), (4, 32 * math.pi**2 / 27)],
)
def test_with_eta_one_it_is_the_volume_of_the_correlation_matrices(size, volume):
    """Volumes of the elliptope: Joe (2006), Journal of Multivariate Analysis 97, 2177-2189."""
    assert lkj_log_normalizer(1.0, size) == pytest.approx(-math.log(volume), abs=1e-12)


@pytest.mark.parametrize("eta", ETAS)
def test_in_two_dimensions_the_correlation_is_a_beta_variable(eta):
    r = 0.3
    expected = stats.beta(eta, eta).logpdf((1 + r) / 2) - math.log(2)
    ours = lkj_log_normalizer(eta, 2) + (eta - 1) * math.log(1 - r**2)
    assert ours == pytest.approx(expected, rel=1e-10)


def test_it_stays_finite_in_many_dimensions():
    assert math.isfinite(lkj_log_normalizer(2.0, 200))
    assert special.gammaln(200) > 0
