"""To the standard scale and back: exactly, for rows, parameters and densities."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from bayesgmm.data.dataset import read_table
from bayesgmm.data.standardize import Scaling
from bayesgmm.parameters import MixtureParameters

UNITS = {"plain": (1.0, 0.0), "far from zero": (1.0, 1e8), "tiny unit": (1e-9, 3.0)}


def table(n_features: int = 3, *, unit: float = 1.0, offset: float = 0.0):
    rng = np.random.default_rng(n_features)
    return read_table(
        offset + unit * rng.normal(size=(50, n_features)) @ np.diag(rng.gamma(2.0, size=n_features))
    )


def random_parameters(n_features: int = 3, batch: tuple[int, ...] = ()) -> MixtureParameters:
    rng = np.random.default_rng(7)
    factors = rng.normal(size=(*batch, 2, n_features, n_features + 2))
    covariances = factors @ np.swapaxes(factors, -1, -2)
    weights = rng.dirichlet(np.ones(2), size=batch)
    means = rng.normal(size=(*batch, 2, n_features))
    return MixtureParameters.from_covariances(weights, means, covariances)


def log_density(parameters: MixtureParameters, rows: np.ndarray) -> np.ndarray:
    parts = [
        np.log(weight) + multivariate_normal(mean, covariance).logpdf(rows)
        for weight, mean, covariance in zip(
            parameters.weights, parameters.means, parameters.covariances, strict=True
        )
    ]
    return np.logaddexp(*parts)


@pytest.mark.parametrize(("unit", "offset"), UNITS.values(), ids=UNITS)
def test_the_standard_scale_has_mean_zero_and_deviation_one(unit, offset):
    dataset = table(unit=unit, offset=offset)
    standard = Scaling.of(dataset, isotropic=False).standardize(dataset)
    np.testing.assert_allclose(standard.center, 0.0, atol=1e-6 if offset else 1e-14)
    np.testing.assert_allclose(standard.deviation, 1.0, rtol=1e-12)
    assert standard.feature_names == dataset.feature_names
    assert not standard.values.flags.writeable


def test_one_common_factor_keeps_the_ratios_of_the_deviations():
    dataset = table()
    scaling = Scaling.of(dataset, isotropic=True)
    standard = scaling.standardize(dataset)
    assert np.ptp(scaling.factor) == 0.0
    assert np.mean(standard.deviation**2) == pytest.approx(1.0)
    ratios = standard.deviation / dataset.deviation
    np.testing.assert_allclose(ratios, ratios[0])


@pytest.mark.parametrize("isotropic", [False, True])
@pytest.mark.parametrize(("unit", "offset"), UNITS.values(), ids=UNITS)
def test_rows_come_back(unit, offset, isotropic):
    dataset = table(unit=unit, offset=offset)
    scaling = Scaling.of(dataset, isotropic=isotropic)
    restored = scaling.restore_rows(scaling.standardize(dataset).values)
    np.testing.assert_allclose(restored, dataset.values, rtol=1e-15, atol=1e-15 * unit)


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_parameters_come_back(batch):
    parameters = random_parameters(batch=batch)
    scaling = Scaling.of(table(offset=10.0), isotropic=False)
    back = scaling.restore(scaling.standardize_parameters(parameters))
    for name in ("weights", "means", "scales", "correlations"):
        np.testing.assert_allclose(getattr(back, name), getattr(parameters, name), atol=1e-13)


def test_parameters_without_correlations_keep_none():
    parameters = MixtureParameters(np.ones(1), np.zeros((1, 3)), np.ones((1, 3)))
    assert Scaling.of(table(), isotropic=False).restore(parameters).correlations is None


@pytest.mark.parametrize("isotropic", [False, True])
def test_log_densities_differ_by_the_jacobian(isotropic):
    dataset = table()
    scaling = Scaling.of(dataset, isotropic=isotropic)
    standard_parameters = random_parameters()
    standard = log_density(standard_parameters, scaling.standardize(dataset).values)
    restored = log_density(scaling.restore(standard_parameters), dataset.values)
    np.testing.assert_allclose(restored, standard - scaling.log_jacobian(1), rtol=1e-12)
    difference = standard.sum() - restored.sum()
    assert difference == pytest.approx(scaling.log_jacobian(dataset.n_rows))


def test_the_identity_changes_nothing():
    dataset = table()
    scaling = Scaling.identity(3)
    np.testing.assert_array_equal(scaling.standardize(dataset).values, dataset.values)
    assert scaling.log_jacobian(dataset.n_rows) == 0.0


def test_json_keeps_every_bit():
    scaling = Scaling.of(table(offset=1e8), isotropic=False)
    back = Scaling.from_plain(json.loads(json.dumps(scaling.to_plain())))
    np.testing.assert_array_equal(back.shift, scaling.shift)
    np.testing.assert_array_equal(back.factor, scaling.factor)
