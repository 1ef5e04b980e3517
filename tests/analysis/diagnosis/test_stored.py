"""The verdict travels with the fit, on disk too, and prints as the one that was passed."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.value import stored_diagnosis, with_diagnosis
from bayesgmm.schema import with_record


def test_fit_stores_what_diagnose_says(tree):
    stored, computed = stored_diagnosis(tree), bg.diagnose(tree.drop_nodes("diagnosis"))
    assert stored.passed is True
    assert str(stored) == str(computed)
    xr.testing.assert_identical(stored.figures, computed.figures)
    assert tree["diagnosis"].attrs["verdict"] == computed.verdict


def test_the_stored_one_is_returned_as_long_as_the_tree_is_the_same(tree, monkeypatch):
    judged = []
    monkeypatch.setattr(
        "bayesgmm.analysis.diagnosis.diagnose._judged", lambda fit: judged.append(fit)
    )
    assert str(bg.diagnose(tree)) == str(stored_diagnosis(tree))
    assert bg.diagnose(tree.copy(deep=True)).passed
    assert judged == []
    bg.diagnose(tree.isel(draw=slice(500)))
    bg.diagnose(with_record(tree, partial=True))
    bg.diagnose(bg.undo_relabeling(tree).isel(chain=[1, 0, 2, 3]))
    tree["sample_stats"]["diverging"][0, 0] = True
    bg.diagnose(tree)
    assert len(judged) == 4


@pytest.mark.slow
@pytest.mark.parametrize("partial", [False, True])
def test_it_survives_the_disk(tree, tmp_path, partial):
    tree = with_record(tree, partial=partial)
    diagnosis = bg.diagnose(tree)
    tree = with_diagnosis(tree, diagnosis)
    again = bg.load(bg.save(tree, tmp_path / "fit.nc"))
    assert again.identical(tree)
    stored = stored_diagnosis(again)
    assert stored.passed is not partial
    assert stored.findings == diagnosis.findings


def test_an_approximation_is_stored_too(tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 1))
    engine = bg.Laplace(draws=20)
    tree = bg.fit(rows, bg.MixtureSpec(1), engine=engine, random_seed=1, progress=False)
    again = bg.load(bg.save(tree, tmp_path / "fit.nc"))
    assert again.identical(tree)
    assert stored_diagnosis(again).verdict == bg.diagnose(tree).verdict


def test_a_tree_without_one_is_refused_in_words(tree):
    with pytest.raises(bg.SchemaError, match="no group 'diagnosis'"):
        stored_diagnosis(tree.drop_nodes("diagnosis"))
