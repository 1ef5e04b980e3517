"""A collapse: which component, in which features, on which rows, and what to do about it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.data.dataset import read_table
from bayesgmm.estimation.collapse import collapse_of, has_collapsed, made_finite
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.parameters import MixtureParameters
from tests.cases import STRUCTURES, example_rows, unscaled_structure

SMALLEST = np.array([1e-7, 1e-7])


def clouds_and_equal_rows() -> pd.DataFrame:
    rows = np.append(example_rows(40, 2), np.full((3, 2), 50.0), axis=0)
    return pd.DataFrame(rows, columns=["length", "width"], index=[f"bird {i}" for i in range(43)])


def collapsed(X: object, spec: bg.MixtureSpec) -> tuple[bg.PointEstimate, str]:
    with pytest.warns(bg.ConvergenceWarning) as told:
        estimate = bg.estimate(X, spec, solver=bg.EM("likelihood", n_starts=4), random_seed=1)
    assert estimate.status is bg.Status.COLLAPSED
    return estimate, str(told[0].message)


@pytest.mark.parametrize("structure", ["full", "diagonal", "spherical", "inverse-wishart"])
def test_the_component_the_rows_and_the_remedy_are_named(structure):
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    estimate, message = collapsed(clouds_and_equal_rows(), spec)
    # The smaller component comes second.
    assert "component 1 has no spread in 'length', 'width' on rows bird 40, bird 41" in message
    assert "component 0" not in message
    assert "objective='posterior'" in message
    assert estimate.collapse.components == (1,)
    assert estimate.collapse.features == (("length", "width"),)
    assert [list(rows) for rows in estimate.collapse.rows] == [["bird 40", "bird 41", "bird 42"]]
    explanation = message.removeprefix("EM did not converge to a valid estimate: ")
    assert explanation.removesuffix(".") in str(estimate)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_parameters_of_a_collapse_are_numbers(structure):
    X = np.repeat(example_rows(3, 2), [1, 1, 5], axis=0)
    estimate, _ = collapsed(X, bg.MixtureSpec(3, covariances=STRUCTURES[structure]()))
    for values in (estimate.weights, estimate.means, estimate.covariances):
        assert np.all(np.isfinite(values))
    assert not np.any(np.isnan(estimate.trace))


def test_a_plane_is_told_from_a_point():
    rows = example_rows(40, 2)
    X = np.column_stack([rows, rows @ [1.0, 1.0]])
    _, message = collapsed(X, bg.MixtureSpec(1, covariances=bg.InverseWishart()))
    assert "component 0 has a singular covariance matrix on rows 0, 1, 2, 3, 4 and 35 more" in (
        message
    )


def test_more_components_than_distinct_rows_leave_some_without_rows():
    X = np.repeat([[0.0, 1.0], [5.0, 3.0]], 4, axis=0)
    _, message = collapsed(X, bg.MixtureSpec(4, covariances=bg.Diagonal()))
    assert "was left without rows" in message
    assert "on rows 0, 1, 2, 3;" in message


def test_a_collapse_is_no_start_for_an_engine():
    X = np.repeat([[0.0, 1.0], [5.0, 3.0]], [3, 4], axis=0)
    with pytest.raises(bg.SpecificationError, match=r"component 1 has no spread.*rows 0, 1, 2"):
        bg.fit(
            X, bg.MixtureSpec(2, covariances=bg.Diagonal()), solver=bg.EM("likelihood"),
            engine=bg.Laplace(), random_seed=1,
        )  # fmt: skip


def test_rows_of_a_sample_are_named_by_their_place_among_all():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(39_000, 1))
    equal = np.sort(rng.choice(39_000, 9_000, replace=False))
    X[equal] = 20.0
    with pytest.warns(bg.ConvergenceWarning):
        estimate = bg.estimate(
            X, bg.MixtureSpec(2), solver=bg.EM("likelihood", n_starts=2, init="random"),
            random_seed=1,
        )  # fmt: skip
    assert estimate.collapse.components == (1,)
    assert np.array_equal(estimate.collapse.rows[0], equal)


def thin_component(eigenvalue: float, width: float) -> MixtureParameters:
    correlations = np.array([[[1.0, 1.0 - eigenvalue], [1.0 - eigenvalue, 1.0]]])
    scales = np.full((1, 2), width)
    return MixtureParameters(np.ones(1), np.zeros((1, 2)), scales, correlations)


@pytest.mark.parametrize(
    ("eigenvalue", "width", "flat"),
    [(1e-11, 1e6, False), (1e-11, 1.0, True), (1e-6, 1.0, False), (1e-14, 1e9, True)],
)
def test_thin_beside_an_outlier_is_not_flat(eigenvalue, width, flat):
    """A thin component is flat where it is thinner than the rows are wide, too."""
    component, rows = thin_component(eigenvalue, width), example_rows(60, 2)
    assert has_collapsed(component, SMALLEST, RowsInMemory(rows)) == flat


@pytest.mark.parametrize("eigenvalue", [1e-8, 1e-10])
@pytest.mark.parametrize("n_components", [1, 2])
def test_columns_that_nearly_repeat_each_other_are_no_collapse(n_components, eigenvalue):
    """A linear map of the rows adds a constant to the log-likelihood, its Jacobian."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 2)) + np.repeat([[0.0, 0.0], [6.0, 0.0]], 150, axis=0)
    change = np.array([[1.0, 1.0], [0.0, np.sqrt(eigenvalue)]])
    solver, spec = bg.EM("likelihood", n_starts=4), bg.MixtureSpec(n_components)
    plain, thin = (
        bg.estimate(table, spec, solver=solver, random_seed=1) for table in (rows, rows @ change)
    )
    assert thin.converged
    jacobian = 300 * np.log(np.linalg.det(change))
    assert thin.log_likelihood == pytest.approx(plain.log_likelihood - jacobian, abs=0.01)


def test_one_component_takes_in_an_outlier():
    """The closed form is the answer: rows of full rank have no singular covariance matrix."""
    X = example_rows(60, 2)
    X[0] = 1e6
    estimate = bg.estimate(X, bg.MixtureSpec(1), solver=bg.EM("likelihood"), random_seed=1)
    assert estimate.converged
    assert_allclose(estimate.covariances[0], np.cov(X.T, ddof=0), rtol=1e-12)
    assert np.linalg.det(estimate.covariances[0]) == pytest.approx(
        np.linalg.det(np.cov(X.T, ddof=0)), rel=1e-3
    )


def test_numbers_replace_what_is_none():
    parameters = MixtureParameters(
        np.array([1.0, 0.0]),
        np.array([[0.0, 0.0], [np.nan, np.nan]]),
        np.array([[1.0, 0.0], [np.nan, np.nan]]),
        np.array([[[1.0, np.nan], [np.nan, np.nan]], np.full((2, 2), np.nan)]),
    )
    finite = made_finite(parameters, SMALLEST)
    assert np.all(np.isfinite(finite.covariances))
    collapse = collapse_of(read_table([[0.0, 0.0], [1.0, 3e-9]]), finite, SMALLEST)
    assert collapse.components == (0, 1)
    assert collapse.features == (("x1",), ("x0", "x1"))
    assert "component 1 was left without rows" in str(collapse)


@pytest.mark.parametrize("distance", [1e7, 1e9, 1e11])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_point_is_measured_by_the_other_rows_and_not_by_an_outlier(structure, distance):
    """On the standard scale an outlier leaves the others hardly any spread; it is one still."""
    X = example_rows(60, 2)
    X[0] = distance
    # Half-t scales say nothing of the width of a single row; these do.
    spec = bg.MixtureSpec(2, covariances=unscaled_structure(structure, "inverse-gamma"))
    estimate = bg.estimate(X, spec, solver=bg.EM(n_starts=6), random_seed=1)
    assert estimate.converged
    assert_allclose(estimate.means[:, 0], [X[1:, 0].mean(), distance], rtol=1e-3, atol=0.3)
