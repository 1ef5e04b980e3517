"""Numbers by the names of columns say what a vector in the order of the columns says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import bayesgmm as bg
from bayesgmm.analysis.calibration.calibrate import without_data
from bayesgmm.estimation.problem import Problem
from bayesgmm.priors.hyperparameters import ByColumn

SCALES = {
    bg.HalfT: "scale",
    bg.HalfNormal: "scale",
    bg.LogNormal: "loc",
    bg.Exponential: "rate",
    bg.Gamma: "rate",
    bg.InverseGamma: "scale",
}
NAMES = ["age", "income", "class"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(rng.normal(size=(40, 3)) * [12.0, 2.0, 1.0] + [40, 3, 0], columns=NAMES)


def specs_with(value: object) -> list[bg.MixtureSpec]:
    """Return a spec for every option that may go by columns, with this value."""
    return [
        bg.MixtureSpec(2, means=bg.NormalMeans(loc=value)),
        bg.MixtureSpec(2, means=bg.NormalMeans(scale=value)),
        bg.MixtureSpec(2, resolution=value),
        bg.MixtureSpec(2, covariances=bg.InverseWishart(scale_matrix=value)),
        *(
            bg.MixtureSpec(2, covariances=bg.Diagonal(scales=prior(**{name: value})))
            for prior, name in SCALES.items()
        ),
    ]


def resolved(spec: bg.MixtureSpec, table: pd.DataFrame) -> bg.MixtureSpec:
    return Problem.pose(table, spec).spec


def test_all_columns_by_name_are_a_vector(table):
    """In any order, and whatever the order of the columns is."""
    by_name = specs_with({"class": 0.5, "age": 11.0, "income": 3.0})
    for ours, vector in zip(by_name, specs_with((11.0, 3.0, 0.5)), strict=True):
        assert resolved(ours, table) == resolved(vector, table)
    for ours, vector in zip(by_name, specs_with((0.5, 11.0, 3.0)), strict=True):
        other = table[["class", "age", "income"]]
        assert resolved(ours, other) == resolved(vector, other)


def _numbers(spec: bg.MixtureSpec, like: bg.MixtureSpec) -> np.ndarray:
    """Return the hyperparameter that is by columns in ``like``, from a resolved spec."""
    priors = [spec.means, spec.covariances, getattr(spec.covariances, "scales", None), spec]
    others = [like.means, like.covariances, getattr(like.covariances, "scales", None), like]
    for prior, other in zip(priors, others, strict=True):
        for name, value in (vars(other) if other is not None else {}).items():
            if isinstance(value, ByColumn):
                return np.broadcast_to(getattr(prior, name), 3)
    raise AssertionError(like)


def test_columns_without_a_number_get_the_default(table):
    for ours, default in zip(specs_with({"income": 3.0}), specs_with(None), strict=True):
        expected = _numbers(resolved(default, table), ours).copy()
        expected[1] = 3.0
        assert_array_equal(_numbers(resolved(ours, table), ours), expected)


def test_an_unknown_column_is_refused_with_the_nearest(table):
    for spec in specs_with({"incme": 3.0}):
        with pytest.raises(bg.SpecificationError, match=r"'incme'.*Did you mean 'income'"):
            bg.estimate(table, spec)
    with pytest.raises(bg.SpecificationError, match="'incme'"):
        bg.prior_predictive(table, spec)


def test_it_is_printed_and_comes_back_from_text(table):
    for spec in specs_with({"income": 3.0, "class": 1.0}):
        again = bg.MixtureSpec.from_json(spec.to_json())
        assert again == spec
        assert hash(again) == hash(spec)
        assert eval(repr(spec), vars(bg) | {name: getattr(bg, name) for name in bg.__all__}) == spec
        assert "(income 3, class 1, others scaled to the data)" in str(spec)
    assert spec.covariances.scales.scale == {"class": 1.0, "income": 3.0}


@pytest.mark.parametrize("value", [{}, {"age": -1.0}, {"age": None}, {"age": "2"}, {"age": [1.0]}])
def test_values_that_are_no_numbers_are_refused(value):
    with pytest.raises(bg.SpecificationError, match="scale"):
        bg.HalfT(scale=value)


def test_where_there_are_no_columns_there_are_no_names():
    with pytest.raises(bg.SpecificationError, match="one number"):
        bg.Spherical(scales=bg.HalfT(scale={"age": 1.0}))
    with pytest.raises(bg.SpecificationError, match="shape"):
        bg.Gamma(shape={"age": 1.0})
    with pytest.raises(bg.SpecificationError, match="concentration"):
        bg.Dirichlet({"age": 1.0})


def test_answers_follow(table):
    """An estimate, a selection and a prior predictive draw are those under the vector."""
    default = 2.0 * table.std().to_numpy()
    ours = bg.NormalMeans(scale={"income": 0.1})
    vector = bg.NormalMeans(scale=(default[0], 0.1, default[2]))
    solver = bg.EM(n_starts=2)
    found, expected = (
        bg.estimate(table, bg.MixtureSpec(2, means=means), solver=solver, random_seed=1)
        for means in (ours, vector)
    )
    assert_allclose(found.means, expected.means, rtol=1e-6)
    drawn, expected = (
        bg.prior_predictive(table, bg.MixtureSpec(2, means=means), n_draws=9, random_seed=1)
        for means in (ours, vector)
    )
    assert_allclose(drawn["prior"]["means"], expected["prior"]["means"], rtol=1e-9)
    structure = bg.Diagonal(scales=bg.HalfNormal(scale={"age": 3.0}))
    selected = bg.select(table, [1], [structure], solver=solver, random_seed=1, progress=False)
    assert bg.MixtureSpec.from_json(selected.attrs["spec"]).covariances == structure


def test_columns_without_names_are_called_as_in_tables():
    spec = bg.MixtureSpec(2, means=bg.NormalMeans({"x1": 5.0}, 2.0), resolution=0.1)
    filled, waiting = without_data(spec, 2)
    assert filled.means.loc == (0.0, 5.0)
    assert "loc of NormalMeans" in waiting
    assert resolved(spec, np.array([[1.0, 2.0], [3.0, 7.0], [8.0, 9.0]])).means.loc == (4.0, 5.0)
