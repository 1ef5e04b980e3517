"""Which scales go with which correlations, and the joint prior of both against quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import bayesgmm as bg
from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.kernels.covariances import expected_log_posterior, lone_scale_prior
from bayesgmm.numerics.unconstrained import CovarianceMap
from bayesgmm.priors.covariances import huang_wand
from tests.cases import STRUCTURES, columns_of


@pytest.mark.parametrize("kind", [bg.Full, bg.Tied])
def test_scales_and_correlations_complete_each_other(kind):
    joint = kind()
    assert (joint.scales, joint.correlations, joint.is_joint) == (bg.HalfT(), None, True)
    with_lkj = kind(correlations=bg.LKJ(3.0))
    assert (with_lkj.scales, with_lkj.is_joint) == (bg.Exponential(), False)
    assert kind(bg.Gamma()).correlations == bg.LKJ(2.0)


@pytest.mark.parametrize("kind", [bg.Full, bg.Tied])
def test_half_t_scales_with_lkj_correlations_are_refused(kind):
    with pytest.raises(SpecificationError, match=r"HalfT scales have correlations of their own.*"
                       r"give LKJ correlations other scales, such as Exponential\(\)"):  # fmt: skip
        kind(bg.HalfT(1.0), bg.LKJ())
    with pytest.raises(SpecificationError, match="correlations must be an LKJ prior"):
        kind(bg.Gamma(), 2.0)


def test_the_correlations_are_told_in_words():
    assert "correlations ~ Uniform on (-1, 1) each (Huang & Wand, 2013)" in str(bg.MixtureSpec(2))
    three = bg.MixtureSpec(2, covariances=bg.Tied(bg.HalfT(degrees_of_freedom=3)))
    assert "correlations ~ Beta(1.5, 1.5) on (-1, 1) each" in str(three)
    assert "correlations ~ LKJ(eta 3)" in str(
        bg.MixtureSpec(2, covariances=bg.Full(correlations=bg.LKJ(3)))
    )


@pytest.mark.parametrize("scale", [0.01, 0.9, 4.0])
def test_the_half_t_density_is_twice_that_of_t(scale):
    prior = bg.Diagonal(bg.HalfT((1.0, 0.7), 3.5)).prior(2)
    for place, width in enumerate((1.0, 0.7)):
        value = lone_scale_prior(prior, place, math.log(scale))[0]
        expected = math.log(2) + stats.t(3.5, scale=width).logpdf(scale)
        assert value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("covariance", [[[1.0, 0.3], [0.3, 2.0]], [[4.0, -1.9], [-1.9, 1.0]]])
def test_the_joint_density_is_that_of_a_mixture_of_inverse_wisharts(covariance):
    """Sigma | psi ~ IW(nu + d - 1, diag(psi)), psi_j ~ Gamma(1/2, rate_j / 2), by quadrature."""
    freedom, rate, covariance = 2.4, np.array([0.8, 0.2]), np.array(covariance)
    grid, step = np.linspace(-15, 8, 70, retstep=True)  # exact for what decays at both ends
    log_psi = np.array(np.meshgrid(grid, grid))
    psi = np.exp(log_psi)
    # Psi enters |Psi|^((nu + d - 1) / 2) exp(-tr(Psi Sigma^-1) / 2); SciPy has the rest.
    unit, precisions = stats.invwishart(freedom + 1, np.eye(2)), np.linalg.inv(covariance)
    exponent = (psi - 1).transpose(1, 2, 0) @ np.diagonal(precisions)
    terms = 0.5 * (freedom + 1) * log_psi.sum(axis=0) - 0.5 * exponent
    mixing = stats.gamma(0.5, scale=2 / rate[:, None, None]).logpdf(psi) + log_psi
    terms += unit.logpdf(covariance) + mixing.sum(axis=0)
    expected = logsumexp(terms) + 2 * math.log(step)

    deviations = np.sqrt(np.diagonal(covariance))
    correlations = covariance / np.outer(deviations, deviations)
    pairs = CovarianceMap(1, 2, "equal", "equal", "equal").coordinates(correlations[None])[0]
    prior = huang_wand(freedom, rate)
    position = np.concatenate([np.log(deviations), pairs])
    value = expected_log_posterior(position, prior.count, prior.scatter, prior)[0]
    # Over scales and correlations it is the density over the matrix times 2^d prod sigma_j^d.
    jacobian = 2 * math.log(2) + 2 * np.log(deviations).sum()
    assert value - jacobian == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_resolved_spec_survives_json(structure):
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    assert bg.MixtureSpec.from_json(spec.to_json()) == spec
    resolved = spec.resolved(columns_of(np.array([1.0, 3.0])))
    assert resolved.resolution == (None if spec.covariances.conjugate else (1e-3, 3e-3))
    assert bg.MixtureSpec.from_json(resolved.to_json()) == resolved


def test_a_given_resolution_is_kept_and_follows_the_units():
    spec = bg.MixtureSpec(2, resolution=0.5).resolved(columns_of(np.array([1.0, 3.0])))
    assert spec.resolution == 0.5
    assert spec.standardized(np.zeros(2), np.array([2.0, 5.0])).resolution == (0.25, 0.1)
    with pytest.raises(SpecificationError, match="resolution has 2 entries"):
        bg.MixtureSpec(2, resolution=(1.0, 2.0)).expect_features(3)
    with pytest.raises(SpecificationError, match="MixtureSpec: resolution must"):
        bg.MixtureSpec(2, resolution=0.0)
