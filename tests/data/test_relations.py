"""Exact linear relations among columns: found, written as people write them, and none invented."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesgmm as bg
from bayesgmm.data.dataset import read_table
from bayesgmm.data.suitability import judge_relations, linear_relations

N = 300
RNG = np.random.default_rng(0)
CM = RNG.normal(170, 9, N)
FREE = RNG.normal(size=(N, 4))
SHARES = RNG.dirichlet([2, 3, 4], N)
LEVELS = np.eye(3)[RNG.integers(0, 3, N)]


def named(X: object, sample_weight: np.ndarray | None = None) -> list[str]:
    table = read_table(X, sample_weight)
    return [relation.named(table.feature_names) for relation in linear_relations(table)]


def frame(**columns: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(columns)


RELATED = {
    "units": (frame(cm=CM, inch=CM / 2.54, kg=0.9 * CM + FREE[:, 0]), ["inch = 0.394 cm"]),
    "units with an offset": (frame(C=FREE[:, 0], F=1.8 * FREE[:, 0] + 32), ["F = 1.8 C + 32"]),
    "parts of a whole": (
        pd.DataFrame(100 * SHARES, columns=["sand", "silt", "clay"]), ["sand + silt + clay = 100"],
    ),
    "a total": (
        frame(a=FREE[:, 0], b=FREE[:, 1], c=FREE[:, 2], total=FREE[:, :3].sum(axis=1)),
        ["total = a + b + c"],
    ),
    "a difference": (
        frame(a=CM, b=FREE[:, 1], gain=CM - FREE[:, 1] - 3.0), ["gain = a - b - 3"]
    ),
    "the same column twice": (frame(a=CM, b=FREE[:, 0], c=CM), ["c = a"]),
    "the same column, negative": (frame(a=FREE[:, 1], b=-FREE[:, 1]), ["a + b = 0"]),
    "indicators": (
        pd.DataFrame(np.column_stack([CM, LEVELS]), columns=["cm", "low", "mid", "high"]),
        ["low + mid + high = 1"],
    ),
    "two relations": (
        frame(a=FREE[:, 0], b=FREE[:, 1], again=FREE[:, 0], c=1 - FREE[:, 0] - FREE[:, 1]),
        ["again = a", "a + b + c = 1"],
    ),
    "a copy that is in a relation": (
        frame(a=SHARES[:, 0], a2=SHARES[:, 0], b=SHARES[:, 1], c=SHARES[:, 2]),
        ["a2 = a", "a + b + c = 1"],
    ),
    "far from zero": (frame(x=FREE[:, 0] + 1e6, y=2 * FREE[:, 0]), ["y = 2 x - 2e+06"]),
    "whole numbers": (
        frame(a=np.arange(N) % 7, b=np.arange(N) % 5, sum=np.arange(N) % 7 + np.arange(N) % 5),
        ["sum = a + b"],
    ),
    "units of 1e-12 and 1e12": (frame(a=1e-12 * CM, b=1e12 * CM), ["b = 1e+24 a"]),
    "float32": (
        frame(cm=CM.astype(np.float32), inch=(CM / 2.54).astype(np.float32)), ["inch = 0.394 cm"],
    ),
    "rare values": (
        frame(a=CM, b=(np.arange(N) == 77) * 1.0, c=(np.arange(N) == 77) * 3.0), ["c = 3 b"],
    ),
    "an outlier": (
        frame(a=np.append(CM, 1e8), b=np.append(CM, 1e8) / 4), ["b = 0.25 a"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("table", RELATED)
def test_relations_are_found_and_written_as_people_write_them(table):
    X, expected = RELATED[table]
    assert named(X) == expected
    assert named(X.sample(frac=1.0, random_state=1)) == expected


@pytest.mark.parametrize("table", RELATED)
def test_without_the_last_column_of_each_none_is_left(table):
    X = RELATED[table][0]
    surplus = [X.columns[relation.columns[-1]] for relation in linear_relations(read_table(X))]
    left = X.drop(columns=surplus)
    assert left.shape[1] == np.linalg.matrix_rank((X - X.mean()) / X.std(), tol=1e-4)
    assert named(left) == []


@pytest.mark.parametrize("noise", [4.5e-5, 1e-6, 1e-7])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_nearly_equal_columns_are_no_relation(noise, offset):
    """Of 4.5e-5 spreads the correlation is 1 - 1e-9."""
    X = np.column_stack([FREE[:, 0] + offset, FREE[:, 0] + noise * FREE[:, 1]])
    if noise * 1e6 > offset * 1e-9:  # else the offset has left no digits to tell them apart
        assert named(X) == []


UNRELATED = {
    "rounded parts": np.round(100 * SHARES, 1),
    "one row that differs": np.column_stack([CM, np.where(np.arange(N) == 123, 8.0, CM / 2.54)]),
    "the same but for a little in one row": np.column_stack([CM, CM + 1e-4 * (np.arange(N) == 7)]),
    "powers": np.vander(np.linspace(0, 2, N), 7)[:, :-1],
    "one outlier": np.append(FREE, np.full((1, 4), 1e12), axis=0),
    "an enormous outlier": np.append(FREE, np.full((1, 4), 1e90), axis=0),
    "fewer rows than columns": RNG.normal(size=(4, 6)),
    "as many rows as columns": RNG.normal(size=(6, 6)),
    "two rows": RNG.normal(size=(2, 2)),
    "one column": CM[:, None],
    "many columns": RNG.normal(size=(250, 120)),
}


@pytest.mark.parametrize("table", UNRELATED)
def test_no_relation_is_invented(table):
    assert named(UNRELATED[table]) == []


def test_few_rows_show_only_relations_of_fewer_columns():
    rows = RNG.normal(size=(5, 6))
    rows[:, 5] = 2 * rows[:, 0]
    assert named(rows) == ["x5 = 2 x0"]
    plane = RNG.normal(size=(7, 6))
    plane[:, 5] = plane[:, :5].sum(axis=1)
    assert named(plane) == ["x5 = x0 + x1 + x2 + x3 + x4"]
    assert named(plane[:6]) == []
    assert named(plane[:6], 1 + 1e-6 * np.arange(6)) == []
    assert len(named(plane[:6], np.full(6, 2.0))) == 1  # as if each came twice


def test_rows_that_do_not_count_contradict_nothing():
    X = np.column_stack([CM, CM / 2.54, FREE[:, 0]])
    X[5, 1], weights = 1.0, np.ones(N)
    assert named(X) == []
    weights[5] = 0.0
    assert named(X, weights) == ["x1 = 0.394 x0"]


def test_missing_cells_neither_hide_nor_make_a_relation():
    X = np.column_stack([CM, CM / 2.54, FREE[:, 0], FREE[:, 1]])
    some = np.where(RNG.random(X.shape) < 0.3, np.nan, X)
    some[np.isnan(some).all(axis=1)] = X[0]
    assert named(some) == ["x1 = 0.394 x0"]
    everywhere = X.copy()
    everywhere[np.arange(N), np.arange(N) % 4] = np.nan  # no row is complete
    assert named(everywhere) == ["x1 = 0.394 x0"]
    contradicted = X.copy()
    contradicted[:-10, 2] = np.nan
    contradicted[0, 1] = 3.0  # in a row that is not complete
    assert named(contradicted) == []
    parts = np.column_stack([100 * SHARES, FREE[:, 0]])
    parts[: N // 2, 3] = np.nan
    assert named(parts) == ["x0 + x1 + x2 = 100"]


def test_a_row_far_down_a_long_table_is_heard():
    X = np.random.default_rng(1).normal(size=(200_000, 3))
    X[:, 2] = X[:, 0] - X[:, 1]
    assert named(X) == ["x2 = x0 - x1"]
    X[123_457, 2] += 1e-3
    assert named(X) == []


def test_random_planes_are_found_whatever_their_coefficients():
    """Rank r of d columns is d - r relations, which all rows obey."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        d, r = int(rng.integers(3, 9)), int(rng.integers(1, 3))
        basis = rng.normal(size=(60, r))
        X = (basis @ rng.normal(size=(r, d)) + rng.normal(size=d)) * 10.0 ** rng.integers(-3, 4, d)
        table = read_table(X)
        relations = linear_relations(table)
        assert len(relations) == d - r
        for relation in relations:
            terms = X[:, relation.columns] * relation.coefficients
            left = terms.sum(axis=1) + relation.constant
            assert np.abs(left).max() < 1e-10 * np.abs(terms).max()


def test_the_message_names_relations_and_remedies():
    X = RELATED["units"][0]
    with pytest.raises(bg.DataError) as refused:
        judge_relations(read_table(X), tied=True, uses_prior=False)
    for words in ("inch = 0.394 cm", "Leave out 'inch'", "TiedDiagonal()", "TiedInverseWishart()"):
        assert words in str(refused.value)
    many = np.column_stack([CM * factor for factor in range(1, 9)])
    with pytest.raises(bg.DataError, match=r"x4 = 5 x0; 3 more such relations"):
        judge_relations(read_table(many), tied=False, uses_prior=False)


def test_the_remedies_work():
    X = RELATED["units"][0]
    spec = bg.MixtureSpec(1)
    with pytest.raises(bg.DataError, match=r"inch = 0\.394 cm"):
        bg.estimate(X, spec, solver=bg.EM("likelihood"))
    with pytest.warns(bg.BayesGMMWarning, match=r"inch = 0\.394 cm.*Leave out 'inch'"):
        estimate = bg.estimate(X, spec, random_seed=1)
    np.testing.assert_allclose(estimate.parameters.scales[0], X.std(), rtol=0.02)
    np.testing.assert_allclose(estimate.parameters.correlations[0], X.corr(), atol=0.01)
    assert bg.estimate(X.drop(columns="inch"), spec, random_seed=1).converged
    for structure in (bg.Diagonal(), bg.InverseWishart()):
        estimate = bg.estimate(X, bg.MixtureSpec(1, covariances=structure), random_seed=1)
        assert estimate.converged
        np.testing.assert_allclose(estimate.parameters.scales[0], X.std(), rtol=0.05)
    table = bg.select(X, [1, 2], [bg.Full(), bg.Diagonal()], random_seed=1, progress=False)
    assert "inch = 0.394 cm" in table["failure"].sel(covariances="Full").values[0]
    assert table.attrs["best"].startswith("Diagonal")
