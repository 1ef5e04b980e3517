"""How close generated rows are: alike, shifted, copied."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesgmm as bg


def samples(seed: int, n: int = 400, m: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mixing = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 30.0]])
    return tuple(rng.normal(size=(size, 3)) @ mixing + [5.0, 0.0, 1e6] for size in (n, m))


def test_equal_distributions_look_alike():
    """An area within 4.5 standard errors of one half, and a share of rows that are too near
    within 4.5 of 5 %, that share itself being known to sqrt(0.05 * 0.95 (1 / n + 1 / m))."""
    for seed in range(5):
        found = bg.similarity(*samples(seed), random_seed=seed)
        area, error = float(found.classifier["auc"]), float(found.classifier["error"])
        assert abs(area - 0.5) < 4.5 * error
        assert abs(found.too_near - 0.05) < 4.5 * np.sqrt(0.05 * 0.95 * (1 / 400 + 1 / 300))
        assert found.copies == 0.0
        assert np.all(found.features["wasserstein"] < 2 * found.features["by_chance"])
        assert float(abs(found.correlations).max()) < 2 * found.correlations.attrs["by_chance"]


def test_a_shift_is_found_where_it_is():
    real, new = samples(7)
    found = bg.similarity(real, new + [0.0, 2.0, 0.0], random_seed=1)
    excess = (found.features["wasserstein"] / found.features["by_chance"]).values
    assert excess[1] > 4
    assert max(excess[0], excess[2]) < 2
    assert float(found.features["wasserstein"][1]) == pytest.approx(2 / real[:, 1].std(), rel=0.1)
    assert float(found.classifier["auc"]) > 0.5 + 4.5 * float(found.classifier["error"])


def test_lost_correlations_are_found():
    real, new = samples(8)
    rng = np.random.default_rng(0)
    shuffled = np.column_stack([rng.permutation(column) for column in new.T])
    found = bg.similarity(real, shuffled, random_seed=1)
    assert float(abs(found.correlations).max()) > found.correlations.attrs["by_chance"]
    assert float(found.correlations[0, 1]) == pytest.approx(-np.sqrt(0.5), abs=0.15)
    assert np.all(found.features["wasserstein"] < 2 * found.features["by_chance"])
    assert float(found.classifier["auc"]) > 0.5 + 3 * float(found.classifier["error"])


def test_copies_are_found():
    real, new = samples(9)
    new[:60] = real[:60]
    found = bg.similarity(real, new, random_seed=1)
    assert found.copies == pytest.approx(60 / 300)
    assert found.too_near >= 60 / 300
    nudged = np.random.default_rng(1).normal(size=real.shape) * [1e-4, 1e-4, 1e-2]
    close = bg.similarity(real, real + nudged, random_seed=1)
    assert (close.copies, close.too_near) == (0.0, pytest.approx(1.0, abs=0.01))
    assert float(close.classifier["auc"]) < 0.5


def test_columns_are_matched_by_name_and_units_do_not_matter():
    real, new = samples(10)
    names = ["a", "b", "c"]
    ours, theirs = (pd.DataFrame(each, columns=names) for each in (real, new))
    found = bg.similarity(ours, theirs[["c", "a", "b"]], random_seed=1)
    scaled = bg.similarity(ours * 1e3, theirs * 1e3, random_seed=1)
    np.testing.assert_allclose(found.features["wasserstein"], scaled.features["wasserstein"])
    assert found.features["feature"].values.tolist() == names
    assert float(found.classifier["auc"]) == pytest.approx(float(scaled.classifier["auc"]))


def test_it_prints_every_figure():
    real, new = samples(11)
    text = str(bg.similarity(pd.DataFrame(real, columns=["a", "b", "c"]), new, random_seed=1))
    for word in ("  b  ", "largest change of correlation", "classifier", "real rows", "copies"):
        assert word in text


def test_rows_of_a_fit_are_like_its_table():
    """Only that the two functions fit together; how like is for the fit to say."""
    tree = bg.example_fit()
    new = bg.generate(tree, 300, random_seed=1)
    found = bg.similarity(tree["observed_data"]["x"], new, n_splits=5, random_seed=1)
    assert found.copies == 0.0


def test_tables_that_cannot_be_compared_are_refused():
    real, new = samples(12)
    with pytest.raises(bg.DataError, match="3 features"):
        bg.similarity(real, new[:, :2])
    with pytest.raises(bg.DataError, match="generated table has 9 complete rows"):
        bg.similarity(real, new[:9])
    with pytest.raises(bg.SpecificationError, match="n_splits"):
        bg.similarity(real, new, n_splits=0)


def test_rows_with_missing_cells_are_left_out():
    """Of both tables: the figures are those of the complete rows, to the last digit."""
    real, new = (pd.DataFrame(each, columns=["a", "b", "c"]) for each in samples(13))
    real.iloc[::7, 1] = np.nan
    new.iloc[::11, 2] = np.nan
    found = bg.similarity(real, new, random_seed=1)
    complete = bg.similarity(real.dropna(), new.dropna(), random_seed=1)
    for name in ("features", "correlations", "classifier", "nearest"):
        assert getattr(found, name).identical(getattr(complete, name))
    assert (found.copies, found.too_near) == (complete.copies, complete.too_near)


def test_rows_without_any_cell_are_left_out_and_named():
    real, new = samples(14)
    holed = real.copy()
    holed[[3, 271]] = np.nan
    with pytest.warns(bg.BayesGMMWarning, match="rows 3, 271"):
        found = bg.similarity(holed, new, random_seed=1)
    complete = bg.similarity(np.delete(real, [3, 271], axis=0), new, random_seed=1)
    assert found.features.identical(complete.features)
    assert found.too_near == complete.too_near


def test_too_few_complete_rows_are_counted_after_missing_cells():
    real, new = samples(15)
    real[9:, 0] = np.nan
    with pytest.raises(bg.DataError, match="real table has 9 complete rows"):
        bg.similarity(real, new)
