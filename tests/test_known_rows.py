"""Fits of tables with missing cells, weights and labels, from the call to the answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.numerics.statistics import responsibilities
from bayesgmm.tree.fit import Fit, read_parameters

GIBBS = bg.Gibbs(draws=100, tune=100, chains=2)
NAMES = np.array(["low", "middle", "top"])
CENTRES = np.array([[0.0, 0.0], [4.0, 1.0], [8.0, 0.0]])


def table(n_rows: int = 240) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows with missing cells, and the number of the component of each."""
    rng = np.random.default_rng(4)
    components = rng.choice(3, n_rows, p=[0.2, 0.3, 0.5])
    X = rng.normal(size=(n_rows, 2)) + CENTRES[components]
    X[rng.random(n_rows) < 0.2, 1] = np.nan
    return pd.DataFrame(X, columns=["a", "b"]), components


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    X, components = table()
    labels = [str(NAMES[c]) if i % 5 == 0 else None for i, c in enumerate(components)]
    weights = np.random.default_rng(5).integers(0, 3, len(X))
    return bg.fit(
        X, bg.MixtureSpec(3), engine=GIBBS, random_seed=1, labels=labels, sample_weight=weights,
        progress=False,
    )  # fmt: skip


def test_an_order_that_labels_leave_no_room_for_is_refused():
    X, components = table()
    for labels, spec in ((NAMES[components], bg.MixtureSpec(3)),
                         (None, bg.MixtureSpec(3, bg.Dirichlet((1.0, 2.0, 3.0))))):  # fmt: skip
        with pytest.raises(bg.SpecificationError, match="order_by 'a' has no effect"):
            bg.fit(X, spec, labels=labels, order_by="a", engine=GIBBS, progress=False)


def test_components_carry_the_names_of_the_labels(tree):
    """They keep them although "top" is the heaviest, and whatever the draws do."""
    assert tree["posterior"]["component"].values.tolist() == NAMES.tolist()
    means = tree["posterior"]["means"].mean(("chain", "draw"))
    np.testing.assert_allclose(means, CENTRES, atol=0.5)
    assert np.all(tree["relabeling"]["permutation"].values == [0, 1, 2])
    with pytest.raises(bg.SpecificationError, match="names mean something already"):
        bg.relabel(tree)


def test_labeled_rows_belong_to_their_components(tree):
    _, components = table()
    clusters = bg.cluster(tree)
    labeled = np.arange(len(components)) % 5 == 0
    assert np.array_equal(clusters.label.values[labeled], NAMES[components[labeled]])
    assert np.all(clusters.certainty.values[labeled] == 1.0)
    assert not clusters.unsure.values[labeled].any()


def test_new_rows_have_no_labels_and_may_have_gaps(tree):
    draws = read_parameters(tree["posterior"])
    new = bg.cluster(tree, pd.DataFrame({"a": [2.0, np.nan], "b": [np.nan, np.nan]}))
    np.testing.assert_allclose(new.responsibilities[1], draws.weights.mean(axis=(0, 1)), rtol=1e-9)
    first = bg.marginalize(tree, ["a"])
    np.testing.assert_allclose(
        new.responsibilities[0], bg.cluster(first, [[2.0]]).responsibilities[0], rtol=1e-7
    )
    density = bg.log_density(tree, pd.DataFrame({"a": [2.0, np.nan], "b": [np.nan, np.nan]}))
    np.testing.assert_allclose(density[0], bg.log_density(first, [[2.0]])[0], rtol=1e-9)
    assert density[1] == pytest.approx(0.0, abs=1e-12)


def test_log_likelihoods_are_what_each_row_adds(tree):
    data, parts = Fit(tree).data, tree["log_likelihood"]["x"]
    assert np.all(parts.values[..., data.weights == 0] == 0.0)
    one = read_parameters(tree["posterior"]).draw((1, 7))
    table_of_one = responsibilities(data.rows, one)
    assert np.allclose(table_of_one.sum(axis=1), 1.0)
    from bayesgmm.numerics.statistics import log_densities

    expected = data.weights * log_densities(data.rows, one)
    np.testing.assert_allclose(parts.values[1, 7], expected, rtol=1e-9, atol=1e-9)


def test_trees_with_names_weights_and_labels_are_kept(tree, tmp_path):
    bg.save(tree, tmp_path / "fit.nc")
    again = bg.load(tmp_path / "fit.nc")
    for group in ("posterior", "constant_data", "observed_data", "log_likelihood"):
        assert again[group].to_dataset().equals(tree[group].to_dataset()), group
    xr.testing.assert_identical(bg.cluster(again), bg.cluster(tree))


def test_weights_with_fractions_are_not_for_gibbs():
    X, _ = table()
    with pytest.raises(bg.SpecificationError, match=r"fractions\. Use NUTS\(\)"):
        bg.fit(
            X, bg.MixtureSpec(2), engine=GIBBS, sample_weight=np.full(len(X), 0.7), progress=False
        )
    with pytest.raises(bg.SpecificationError, match=r"2\.4e\+08 of them"):
        bg.fit(
            X, bg.MixtureSpec(2), engine=GIBBS, sample_weight=np.full(len(X), 1e6), progress=False
        )


def test_only_components_that_nothing_tells_apart_change_names():
    """One component has labels; the other two are ordered by weight, in the places left."""
    X, components = table()
    labels = [1 if c == 0 else None for c in components]
    spec = bg.MixtureSpec(3, covariances=bg.Tied())
    named = bg.fit(X, spec, engine=GIBBS, random_seed=1, labels=labels, progress=False)
    means = named["posterior"]["means"].mean(("chain", "draw"))
    np.testing.assert_allclose(means, CENTRES[[2, 0, 1]], atol=0.6)
    assert np.all(named["relabeling"]["permutation"].values[..., 1] == 1)
    again = bg.relabel(named, bg.OrderBy("a"))
    means = again["posterior"]["means"].mean(("chain", "draw"))
    np.testing.assert_allclose(means, CENTRES[[1, 0, 2]], atol=0.6)


@pytest.mark.slow
def test_engines_agree_on_tables_of_which_more_and_less_is_known():
    """Means of NUTS and Gibbs within 4.5 standard errors, 9 of them: error rate 6e-5."""
    import arviz_stats

    X, components = table()
    labels = [{int(c), (int(c) + 1) % 3} if i % 4 == 0 else None for i, c in enumerate(components)]
    labels[:30] = components[:30].tolist()
    weights = np.random.default_rng(5).integers(0, 3, len(X))
    trees = [
        bg.fit(
            X, bg.MixtureSpec(3), engine=engine, random_seed=1, labels=labels,
            sample_weight=weights, progress=False,
        )["posterior"]
        for engine in (bg.NUTS(draws=2000), bg.Gibbs(draws=6000))
    ]  # fmt: skip
    for name in ("weights", "means"):
        one, other = (tree[name].to_dataset() for tree in trees)
        errors = [arviz_stats.mcse(values, method="mean")[name] for values in (one, other)]
        means = [values[name].mean(("chain", "draw")) for values in (one, other)]
        assert float(np.abs((means[0] - means[1]) / np.hypot(*errors)).max()) < 4.5
