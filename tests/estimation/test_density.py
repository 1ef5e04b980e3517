"""What EM maximizes, against SciPy, on the standard scale and in the units of the data."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.problem import Problem
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import layout_of
from tests.cases import PAIRS, STRUCTURES, columns_of, example_rows
from tests.estimation.problems import plain_objective, spec_of


@pytest.mark.parametrize("n_features", [1, 2, 4])
@pytest.mark.parametrize(("structure", "prior"), PAIRS)
def test_the_log_prior_is_that_of_scipy(structure, prior, n_features):
    spec, X = spec_of(structure, prior, n_components=3), example_rows(5, n_features)
    layout = layout_of(spec, n_features)
    position = np.random.default_rng(0).normal(0, 0.5, layout.size)
    parameters = layout.unpack(position)
    with_prior, without = (
        plain_objective(spec, X, position, uses_prior=uses_prior) for uses_prior in (True, False)
    )
    ours = Objective(spec, n_features, uses_prior=True).log_prior(parameters)
    assert ours == pytest.approx(with_prior - without, rel=1e-9)
    assert Objective(spec, n_features, uses_prior=False).log_prior(parameters) == 0.0


@pytest.mark.parametrize("goal", ["posterior", "likelihood"])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_an_estimate_tells_the_objective_in_the_units_of_the_data(structure, goal):
    X = example_rows(80, 3) * 8 + 100
    if not STRUCTURES[structure].isotropic:
        X = X * np.array([1.0, 0.01, 300.0])
    asked = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    estimate = bg.estimate(X, asked, solver=bg.EM(goal), random_seed=1)
    spec = Problem.pose(X, asked).spec
    position = layout_of(spec, 3).pack(estimate.parameters)
    likelihood = plain_objective(spec, X, position, uses_prior=False)
    objective = plain_objective(spec, X, position, uses_prior=goal == "posterior")
    # SciPy takes eigenvalues of covariances whose units lie far apart, which costs it digits.
    assert estimate.log_likelihood == pytest.approx(likelihood, rel=1e-9)
    assert estimate.objective == pytest.approx(objective, rel=1e-9)


def test_a_weight_of_zero_counts_nothing_under_a_flat_prior():
    spec = bg.MixtureSpec(2, covariances=bg.Diagonal())
    spec = spec.resolved(columns_of(np.ones(1)))
    objective = Objective(spec, 1, uses_prior=True)
    ones = np.ones((2, 1))
    values = [
        objective.log_prior(MixtureParameters(np.array([1 - w, w]), 0 * ones, ones))
        for w in (0.0, 0.5)
    ]
    assert values[0] == values[1]
