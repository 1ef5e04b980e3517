"""The log priors of draws against the compiled log posterior density, without rows."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.data.dataset import Dataset, default_names
from bayesgmm.estimation.density import Target
from bayesgmm.parameters import FactoredCorrelations
from bayesgmm.posterior.finish import log_priors
from bayesgmm.priors.spec import layout_of
from bayesgmm.tree.fit import Fit
from bayesgmm.tree.write import parameters_dataset
from tests.cases import PAIRS, example_rows, example_spec

K = 3


@pytest.mark.parametrize("n_features", [1, 3])
@pytest.mark.parametrize(("structure", "prior"), PAIRS)
def test_the_priors_are_those_of_the_target_without_its_jacobians(structure, prior, n_features):
    spec = example_spec(structure, prior, n_components=K)
    layout = layout_of(spec, n_features)
    positions = np.random.default_rng(1).normal(0.0, 0.5, (1, 6, layout.size))
    draws = layout.unpack(positions)
    found = log_priors(_tree(draws), spec).to_array().sum("variable").values[0]
    expected = _targets(spec, n_features, positions[0]) - _log_jacobians(layout, draws)[0]
    np.testing.assert_allclose(found - found[0], expected - expected[0], rtol=1e-9, atol=1e-8)


def test_a_fit_has_them_in_the_units_of_the_data():
    rows = 1000.0 + 50.0 * example_rows(40, 2)
    tree = bg.fit(rows, bg.MixtureSpec(2), engine=bg.Laplace(draws=20), random_seed=1)
    assert set(tree["log_prior"].data_vars) == {"weights", "means", "covariances"}
    loc, precision = Fit(tree).spec.means.expanded(2, 2)
    squares = precision * (tree["posterior"]["means"].values - loc) ** 2
    np.testing.assert_allclose(tree["log_prior"]["means"], -0.5 * squares.sum(axis=(-2, -1)))


def _targets(spec, n_features, positions):
    """Return the log posterior density of no rows at each position."""
    data = Dataset(np.zeros((1, n_features)), default_names(n_features), np.arange(1))
    target = Target(spec, data).log_posterior
    return np.array([target.value(target.state(one), 0.0) for one in positions])


def _log_jacobians(layout, draws):
    """Return those of log-ratios, logarithms and correlation coordinates."""
    m, s = layout.covariances.n_matrices, layout.covariances.n_scales
    if isinstance(draws.correlations, FactoredCorrelations):
        log_scales = layout.covariances.taken_apart(draws.scales, draws.correlations)[0]
        return np.log(draws.weights).sum(axis=-1) + log_scales.sum(axis=(-2, -1))
    free = draws.scales[..., :m, :s]
    value = np.log(draws.weights).sum(axis=-1) + np.log(free).sum(axis=(-2, -1))
    if layout.covariances.correlated:
        own = draws.correlations[..., :m, :, :]
        value += 0.5 * (layout.n_features + 1) * np.linalg.slogdet(own)[1].sum(axis=-1)
    return value


def _tree(draws):
    names = list(default_names(draws.n_features))
    coords = {"component": np.arange(K), "feature": names, "feature_bis": names}
    return {"posterior": parameters_dataset(draws, ("chain", "draw"), coords)}
