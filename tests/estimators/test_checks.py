"""scikit-learn's own checks of what an estimator is, without an expected failure."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import bayesgmm as bg

QUICK = {"max_iter": 20, "tol": 0.1}
ESTIMATORS = [
    bg.GaussianMixture(),
    *(
        bg.GaussianMixture(2, covariance_type=covariance_type, **QUICK)
        for covariance_type in ("full", "tied", "diag", "spherical", "tied-spherical")
    ),
    bg.GaussianMixture(2, covariance_type="tied-diagonal", init_params="k-means++", **QUICK),
    bg.GaussianMixture(2, covariance_type="diag", prior="default"),
]
# scikit-learn's k-means says so where rows coincide, under its class as under ours.
FEW_ROWS = "ignore:Number of distinct clusters:sklearn.exceptions.ConvergenceWarning"


@pytest.mark.filterwarnings(FEW_ROWS)
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_takes_it_for_an_estimator(estimator, check):
    check(estimator)
