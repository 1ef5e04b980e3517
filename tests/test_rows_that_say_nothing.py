"""Rows without any observed cell, and rows of weight zero, change nothing but tables of rows."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.value import stored_diagnosis
from bayesgmm.analysis.selection.criteria import mode_criteria
from bayesgmm.report.tables import uncertainty_line

N, MORE = 90, 300
QUICK = {
    "engine": bg.Gibbs(draws=60, tune=40, chains=2), "solver": bg.EM(n_starts=5), "random_seed": 1,
    "progress": False,
}  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore:.*no observed cell")


def two_clouds() -> np.ndarray:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(N, 2))
    rows[: N // 2] += 2.8
    rows[3, 0] = np.nan  # so that both tables have missing cells
    return rows


def padded(kind: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the table among others that say nothing, and how often each row counts."""
    places = np.sort(np.random.default_rng(3).choice(N + MORE, N, replace=False))
    if kind == "no cell":
        rows = np.full((N + MORE, 2), np.nan)
        options = {}
    else:
        rows = np.random.default_rng(4).normal(30, 9, size=(N + MORE, 2))
        options = {"sample_weight": np.isin(np.arange(N + MORE), places).astype(float)}
    rows[places] = two_clouds()
    return rows, options


def fits(X: np.ndarray, options: dict[str, np.ndarray]) -> dict[str, xr.DataTree]:
    return {str(k): bg.fit(X, bg.MixtureSpec(k), **QUICK, **options) for k in (1, 2, 3)}


@pytest.fixture(scope="module", params=["no cell", "weight zero"])
def pairs(request) -> tuple[dict[str, xr.DataTree], dict[str, xr.DataTree]]:
    plain = {} if request.param == "no cell" else {"sample_weight": np.ones(N)}
    return fits(two_clouds(), plain), fits(*padded(request.param))


def test_the_posterior_its_names_and_its_verdict_are_the_same(pairs):
    for k, tree in pairs[0].items():
        other = pairs[1][k]
        for group in ("posterior", "relabeling", "point_estimate"):
            # Sums over other rows round otherwise, and EM ends where a step gains 1e-9.
            rtol, atol = (1e-6, 1e-6) if group == "point_estimate" else (1e-9, 1e-8)
            one, same = (each[group].to_dataset() for each in (tree, other))
            xr.testing.assert_allclose(one, same, rtol=rtol, atol=atol)
        one, same = stored_diagnosis(tree), stored_diagnosis(other)
        assert one.findings == same.findings
        np.testing.assert_allclose(
            one.figures["expected_rows"], same.figures["expected_rows"], rtol=1e-9
        )
        assert float(same.figures["expected_rows"].sum()) == pytest.approx(N, abs=1e-6)


@pytest.mark.parametrize(
    "method", [bg.IterativeECR(2), bg.Stephens(), bg.PRA(), bg.PointProcess()], ids=repr
)
def test_other_ways_of_relabeling_look_at_the_same_rows(pairs, method):
    one, same = (bg.relabel(trees["2"], method)["relabeling"] for trees in pairs)
    xr.testing.assert_allclose(one.to_dataset(), same.to_dataset(), rtol=1e-9)


def test_leave_one_out_does_not_count_them(pairs):
    one, same = map(bg.compare, pairs)
    xr.testing.assert_allclose(one, same, rtol=1e-9)


def test_criteria_at_the_mode_do_not_count_them(pairs):
    one, same = (mode_criteria(trees["2"]) for trees in pairs)
    assert same.n_rows == one.n_rows == N
    for name in ("bic", "aic", "icl", "entropy", "log_likelihood"):
        assert getattr(same, name) == pytest.approx(getattr(one, name), rel=1e-6)


def test_numbers_of_clusters_do_not_count_them(pairs):
    one, same = (bg.merge_components(trees["3"], max_draws=40) for trees in pairs)
    xr.testing.assert_allclose(
        one["n_clusters_probability"], same["n_clusters_probability"], rtol=1e-9
    )


@pytest.mark.parametrize("kind", ["no cell", "weight zero"])
def test_criteria_of_a_selection_do_not_count_them(kind):
    options = {"random_seed": 1, "progress": False}
    rows, more = padded(kind)
    plain = {} if kind == "no cell" else {"sample_weight": np.ones(N)}
    one = bg.select(two_clouds(), [1, 2], [bg.Full(), bg.Tied()], **options, **plain)
    same = bg.select(rows, [1, 2], [bg.Full(), bg.Tied()], **options, **more)
    xr.testing.assert_allclose(one, same, rtol=1e-9)


@pytest.mark.parametrize("kind", ["no cell", "weight zero"])
@pytest.mark.parametrize(
    "estimator",
    [
        bg.GaussianMixture(2, random_state=0),
        bg.BayesianGaussianMixture(2, engine=bg.Laplace(draws=50), random_state=0),
    ],
    ids=["GaussianMixture", "BayesianGaussianMixture"],
)
def test_criteria_of_estimators_do_not_count_them(estimator, kind):
    rows, more = padded(kind)
    fitted = estimator.fit(two_clouds())
    for name in ("bic", "aic"):
        expected = getattr(fitted, name)(two_clouds())
        assert getattr(fitted, name)(rows, **more) == pytest.approx(expected, rel=1e-9)
    with pytest.raises(bg.DataError, match="No row has an observed cell"):
        fitted.bic(np.full((3, 2), np.nan))


def test_rows_without_a_cell_are_not_counted_as_unsure(pairs):
    one, same = (uncertainty_line(trees["2"]) for trees in pairs)
    if np.isnan(pairs[1]["2"]["observed_data"]["x"]).all("feature").any():
        assert same == one.replace(f"{N} rows", f"{N} rows with a measured cell")


def test_components_need_rows_to_learn_from():
    gaps = np.array([[1.0], [2.0], [4.0], *[[np.nan]] * 5])
    with pytest.raises(bg.DataError, match=r"4 components .* has 8, of which 3 have an observed"):
        bg.estimate(gaps, bg.MixtureSpec(4))
    three = np.arange(8.0)[:, None] ** 2
    with pytest.raises(bg.DataError, match=r"has 8, of which 3 have .* a weight above zero"):
        bg.estimate(three, bg.MixtureSpec(4), sample_weight=[5, 5, 5, 0, 0, 0, 0, 0])
    with pytest.raises(bg.DataError, match="the table has 3, however often each counts"):
        bg.estimate(three[:3], bg.MixtureSpec(4), sample_weight=[5, 5, 5])
    table = bg.select(
        three, range(7, 10), [bg.Diagonal()], solver=bg.EM(n_starts=2), random_seed=1,
        sample_weight=[5, 5, 5, 5, 5, 5, 5, 5], progress=False,
    )  # fmt: skip
    assert "9 components need at least 9 rows" in table["failure"].values[0, -1]
