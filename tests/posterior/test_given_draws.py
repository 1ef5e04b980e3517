"""What is said of draws that make no mixture of the rows they come with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.data.dataset import read_table
from bayesgmm.posterior.given_draws import read_draws

K, D = 3, 2


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(40, D)), columns=["length", "width"])


@pytest.fixture
def draws() -> dict[str, np.ndarray]:
    """Return two chains of five draws, plain arrays."""
    rng = np.random.default_rng(1)
    half = rng.normal(size=(2, 5, K, D, 4))
    return {
        "weights": rng.dirichlet(np.ones(K), (2, 5)),
        "means": rng.normal(size=(2, 5, K, D)),
        "covariances": half @ np.swapaxes(half, -1, -2) / 4,
    }


def at(values: np.ndarray, place: tuple, value: object) -> np.ndarray:
    changed = values.copy()
    changed[place] = value
    return changed


def named(draws: dict[str, np.ndarray], **coords: object) -> xr.Dataset:
    dims = ("chain", "draw", "component", "feature", "feature_bis")
    variables = {name: (dims[: values.ndim], values) for name, values in draws.items()}
    return xr.Dataset(variables, coords=coords)


WRONG_FORM = {
    "no tree": (lambda d: [1, 2], "draws must be a DataTree .* not 'list'"),
    "missing": (lambda d: {"mu": d.pop("means"), **d}, r"no means but .*'mu'.*names="),
    "no covariances": (
        lambda d: {name: d[name] for name in ("weights", "means")},
        "no covariances, or cholesky, or scales and correlations",
    ),
    "no chain, draw": (
        lambda d: named(d).rename(draw="sample", chain="walker"), "Name the dims of draws so"
    ),
    "transposed means": (
        lambda d: {**d, "means": np.swapaxes(d["means"], 2, 3)},
        r"means has sizes .*'component': 2, 'feature': 3.*wrong order: components come before",
    ),
    "fewer means": (lambda d: {**d, "means": d["means"][:, :, :2]}, "expected {'component': 3"),
    "one axis too few": (
        lambda d: {**d, "covariances": d["covariances"][:, :, 0]},
        r"covariances has dims .* expected .*'component', 'feature', 'feature_bis'.*written out",
    ),
    "weights by row": (
        lambda d: {**named(d), "weights": (("chain", "draw", "obs_id", "component"),
                                           np.full((2, 5, 40, K), 1 / K))},
        "Weights that differ between rows",
    ),
    "other draws": (lambda d: {**d, "means": d["means"][:, :4]}, "do not fit together"),
    "other features": (
        lambda d: named(d, feature=["length", "depth"]), r"features \['length', 'depth'\], and X"
    ),
    "other components": (
        lambda d: named(d).assign(slope=(("chain", "draw", "feature"), np.zeros((2, 5, D)))).rename(
            component="group"
        ).assign(gap=(("chain", "draw", "component"), np.zeros((2, 5, 7)))),
        "'gap' has 7 entries along 'component', and the mixture has 3",
    ),
    "objects": (
        lambda d: named(d).assign(note=(("chain", "draw"), np.full((2, 5), "x", object))), "'note'"
    ),
    "log-likelihoods of other rows": (
        lambda d: {**d, "log_likelihood": np.zeros((2, 5, 39))}, "the 40 rows of X"
    ),
    "no draws": (lambda d: {name: values[:, :0] for name, values in d.items()}, "no draws"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_FORM)
def test_draws_of_the_wrong_form_are_refused_in_words(draws, table, case):
    spoil, message = WRONG_FORM[case]
    with pytest.raises(bg.SpecificationError, match=f"(?s){message}"):
        read_draws(spoil(draws), read_table(table), None)


FIRST = (0, 2, 1)  # chain, draw, component

WRONG_NUMBERS = {
    "NaN": ("means", lambda v: at(v, (1, 3, 2, 0), np.nan), "chain 1, draw 3, component 2 is nan"),
    "infinite": ("covariances", lambda v: at(v, FIRST, np.inf), "must be finite numbers"),
    "sum": ("weights", lambda v: at(v, FIRST, 0.9), r"chain 0, draw 2 has \[.*sum to one|sum"),
    "negative": ("weights", lambda v: at(v, FIRST, -0.1), "zero or more"),
    "logits": ("weights", np.log, "no logits"),
    "not positive definite": (
        "covariances", lambda v: at(v, FIRST, [[1.0, 2.0], [2.0, 1.0]]),
        r"positive definite; chain 0, draw 2, component 1 is not: .* is -1\.0e\+00",
    ),
    "not symmetric": (
        "covariances", lambda v: at(v, FIRST, [[1.0, 0.5], [0.1, 1.0]]),
        "symmetric matrices; chain 0, draw 2, component 1",
    ),
    "no variance": ("covariances", lambda v: at(v, FIRST, 0.0), "above zero on the diagonal"),
    "another place": ("means", lambda v: v + 100.0, r"'length' their mixture has mean 99"),
    "other units": ("covariances", lambda v: v * 1e6, "in the units of X"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_NUMBERS)
def test_numbers_that_are_no_mixture_of_the_rows_are_refused_in_words(draws, table, case):
    name, spoil, message = WRONG_NUMBERS[case]
    draws[name] = spoil(draws[name])
    with pytest.raises(bg.DataError, match=f"(?s){message}"):
        read_draws(draws, read_table(table), None)


def test_a_mixture_given_twice_must_be_the_same(draws, table):
    scales = np.sqrt(np.diagonal(draws["covariances"], axis1=-2, axis2=-1))
    read_draws({**draws, "scales": scales}, read_table(table), None)
    with pytest.raises(bg.DataError, match=r"scales and the covariance matrices .* contradict"):
        read_draws({**draws, "scales": 2 * scales}, read_table(table), None)


def test_every_way_to_give_covariances_gives_the_same(draws, table):
    data = read_table(table)
    whole = read_draws(draws, data, None).parameters
    root, inner = whole.cholesky, np.linalg.cholesky(whole.correlations)
    apart = {"scales": whole.scales, "correlations": whole.correlations}
    ways = [{"cholesky": root}, apart, {"scales": whole.scales, "correlation_cholesky": inner}]
    del draws["covariances"]
    for way in ways:
        found = read_draws({**draws, **way}, data, None).parameters
        np.testing.assert_allclose(found.covariances, whole.covariances, rtol=1e-12)
    assert read_draws({**draws, "scales": whole.scales}, data, None).parameters.correlations is None
    for name, way in (("lower triangular", np.swapaxes(root, -1, -2)),
                      ("above zero on the diagonal", -np.abs(root) * np.eye(2) * 0)):  # fmt: skip
        with pytest.raises(bg.DataError, match=name):
            read_draws({**draws, "cholesky": way}, data, None)


def test_names_must_be_there(draws, table):
    data = read_table(table)
    with pytest.raises(bg.SpecificationError, match="no 'theta' to take for 'weights'"):
        read_draws(draws, data, {"weights": "theta"})
    found = read_draws({**draws, "mu": draws["means"] + 1}, data, {"means": "mu"})
    np.testing.assert_array_equal(found.parameters.means, draws["means"] + 1)
    np.testing.assert_array_equal(found.posterior["given_means"], draws["means"])
    with pytest.raises(bg.SpecificationError, match="names must map some of"):
        read_draws(draws, data, {"mean": "mu"})


def test_draws_that_bring_other_rows_along_are_refused(draws, table):
    rows = xr.Dataset({"x": (("obs_id", "feature"), table.to_numpy()[::-1])})
    tree = xr.DataTree.from_dict({"posterior": named(draws), "observed_data": rows})
    with pytest.raises(bg.DataError, match="'observed_data' of draws are not those of X"):
        read_draws(tree, read_table(table), None)
    assert read_draws(tree.posterior, read_table(table), None).origin == "draws from elsewhere"


def test_statistics_have_the_names_of_arviz(draws, table):
    stats = xr.Dataset({
        "logp": (("chain", "draw"), np.zeros((2, 5))),
        "diverging": (("chain", "draw"), np.zeros((2, 5), dtype=int)),
        "message": (("chain", "draw"), np.full((2, 5), "fine")),
    })  # fmt: skip
    tree = xr.DataTree.from_dict({"posterior": named(draws), "sample_stats": stats})
    found = read_draws(tree, read_table(table), None).sample_stats
    assert sorted(found) == ["diverging", "lp"]
    assert found["diverging"].dtype == bool
    thinned = xr.DataTree.from_dict({
        "posterior": named(draws).isel(draw=slice(3)), "sample_stats": stats,
    })  # fmt: skip
    with pytest.raises(bg.SpecificationError, match="Thin or select draws in all groups alike"):
        read_draws(thinned, read_table(table), None)
