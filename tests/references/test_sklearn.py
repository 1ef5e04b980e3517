"""Maximum likelihood, against scikit-learn's EM for the four covariance types it has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.estimation.density import Objective
from bayesgmm.parameters import MixtureParameters
from tests.references.tables import rows_of

STRUCTURES = {
    "full": bg.Full(), "tied": bg.Tied(), "diag": bg.Diagonal(), "spherical": bg.Spherical(),
}  # fmt: skip
DATA = {"faithful": 2, "iris": 2, "synthetic_k3": 3}


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_log_likelihood_is_the_same_function_and_not_lower(covariance_type, data):
    X, n_components = rows_of(data), DATA[data]
    theirs = sklearn_fit(X, n_components, covariance_type)
    spec = bg.MixtureSpec(n_components, covariances=STRUCTURES[covariance_type])
    solver = bg.EM("likelihood", n_starts=10, tolerance=1e-12)
    ours = bg.estimate(X, spec, solver=solver, random_seed=1)
    assert ours.converged
    assert ours.log_likelihood >= theirs.score(X) * len(X) - 1e-6

    scored = with_parameters(theirs, ours.parameters).score(X) * len(X)
    assert ours.log_likelihood == pytest.approx(scored, rel=1e-8)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_their_optimum_is_a_fixed_point_of_our_em(covariance_type):
    X, n_components = rows_of("iris"), 2
    theirs = sklearn_fit(X, n_components, covariance_type)
    spec = bg.MixtureSpec(n_components, covariances=STRUCTURES[covariance_type])
    start = parameters_of(theirs, X.shape[1])
    ours = bg.EM("likelihood").optimize(X, start, Objective(spec, X.shape[1], uses_prior=False))
    assert ours.trace[0] == pytest.approx(theirs.score(X) * len(X), rel=1e-10)
    assert ours.log_likelihood == pytest.approx(ours.trace[0], abs=1e-6)
    assert_allclose(ours.means, start.means, rtol=1e-4)
    assert_allclose(ours.covariances, start.covariances, rtol=1e-3, atol=1e-5)


def sklearn_fit(X: np.ndarray, n_components: int, covariance_type: str):
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(
        n_components, covariance_type=covariance_type, reg_covar=0.0, tol=1e-10, max_iter=10_000,
        n_init=5, random_state=0,
    )  # fmt: skip
    return mixture.fit(X)


def parameters_of(mixture, n_features: int) -> MixtureParameters:
    covariances, identity = mixture.covariances_, np.eye(n_features)
    full = {
        "full": lambda: covariances,
        "tied": lambda: np.broadcast_to(covariances, (len(mixture.means_), *covariances.shape)),
        "diag": lambda: covariances[:, :, None] * identity,
        "spherical": lambda: covariances[:, None, None] * identity,
    }[mixture.covariance_type]()
    parameters = MixtureParameters.from_covariances(mixture.weights_, mixture.means_, full)
    if mixture.covariance_type in ("full", "tied"):
        return parameters
    return replace(parameters, correlations=None)


def with_parameters(mixture, parameters: MixtureParameters):
    """Put our parameters into a fitted scikit-learn mixture."""
    covariances, covariance_type = parameters.covariances, mixture.covariance_type
    # scikit-learn scores with U such that U U' is the precision and U is upper triangular.
    factors = np.swapaxes(np.linalg.inv(np.linalg.cholesky(covariances)), 1, 2)
    diagonal = 1 / np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    mixture.weights_, mixture.means_ = parameters.weights, parameters.means
    mixture.precisions_cholesky_ = {
        "full": factors, "tied": factors[0], "diag": diagonal, "spherical": diagonal[:, 0],
    }[covariance_type]  # fmt: skip
    return mixture
