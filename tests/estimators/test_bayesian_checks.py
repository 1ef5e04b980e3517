"""scikit-learn's own checks of an estimator, with quick engines and none expected to fail."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import bayesgmm as bg

# Some tables of the checks have fewer rows than features, or hold noise: their draws rightly fail
# the verdict, and the estimator says so.
pytestmark = pytest.mark.filterwarnings("ignore::bayesgmm.errors.ConvergenceWarning")

QUICK = bg.EM(n_starts=4)


@parametrize_with_checks(
    [
        bg.BayesianGaussianMixture(engine=bg.Laplace(draws=60), solver=QUICK),
        bg.BayesianGaussianMixture(
            2, covariance_type="diag", engine=bg.Laplace(draws=60), solver=QUICK
        ),
        bg.BayesianGaussianMixture(
            2, covariance_type="tied", engine=bg.Gibbs(draws=30, tune=30, chains=2), solver=QUICK
        ),
    ]
)
def test_checks(estimator, check):
    check(estimator)
