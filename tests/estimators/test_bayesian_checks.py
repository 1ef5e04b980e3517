"""scikit-learn's own checks of an estimator, with quick engines and none expected to fail.

One of them fits the same rows repeated and weighted, 15 rows of 30 features, and compares answers
to seven digits. The posterior is the same, but EM starts from other rows, and may meet another of
many modes where there are two components; and chains of samplers differ. So this one is for one
component, which every row belongs to whatever the draws are.
"""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import bayesgmm as bg

# Some tables of the checks have fewer rows than features, some of them twice, or hold noise: their
# draws rightly fail the verdict, columns depend on each other, and the estimator says so.
pytestmark = [
    pytest.mark.filterwarnings("ignore::bayesgmm.errors.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Columns depend on each other exactly"),
]

NORMAL = bg.Laplace(draws=10)
FEW, ONE = bg.EM(n_starts=2), bg.EM(n_starts=1)


@pytest.mark.slow
@parametrize_with_checks(
    [bg.BayesianGaussianMixture(2, covariance_type="diag", engine=NORMAL, solver=FEW)]
)
def test_checks(estimator, check):
    if "sample_weight_equivalence" in check.func.__name__:
        pytest.skip("EM starts from other rows, and may meet another of many modes")
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        bg.BayesianGaussianMixture(engine=NORMAL, solver=ONE),
        bg.BayesianGaussianMixture(
            covariance_type="tied-diagonal",
            engine=bg.Gibbs(draws=30, tune=30, chains=2), solver=ONE,
        ),
    ]
)  # fmt: skip
def test_checks_of_other_engines_and_structures(estimator, check):
    check(estimator)
