"""A tree survives the disk, and a failed write destroys nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

import bayesgmm as bg


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return bg.example_fit().isel(draw=slice(0, 30))


def test_there_and_back_is_the_identity(tree, tmp_path):
    path = bg.save(tree, tmp_path / "fit.nc")
    assert bg.load(path).identical(tree)


def test_answers_do_not_change_on_disk(tree, tmp_path):
    again = bg.load(bg.save(tree, tmp_path / "fit.nc"))
    xr.testing.assert_identical(bg.cluster(again), bg.cluster(tree))
    new = [bg.generate(one, 10, random_seed=1) for one in (tree, again)]
    xr.testing.assert_identical(*new)


def test_text_labels_of_rows_survive(tmp_path):
    import pandas as pd

    X = pd.DataFrame({"a": [1.0, 2.0, 4.0, 7.0]}, index=["w", "x", "y", "z"])
    engine = bg.NUTS(draws=10, tune=20, chains=1)
    tree = bg.fit(X, bg.MixtureSpec(1), engine=engine, random_seed=1, progress=False)
    again = bg.load(bg.save(tree, tmp_path / "fit.nc"))
    assert bg.cluster(again)["obs_id"].values.tolist() == ["w", "x", "y", "z"]


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tree, tmp_path, monkeypatch):
    path = bg.save(tree, tmp_path / "fit.nc")

    def fail(self, name, **options):
        Path(name).write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(xr.DataTree, "to_netcdf", fail)
    with pytest.raises(OSError, match="disk full"):
        bg.save(tree, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["fit.nc"]
    monkeypatch.undo()
    assert bg.load(path).identical(tree)


def test_refuses_what_is_no_fit(tmp_path):
    with pytest.raises(bg.SchemaError, match="no group"):
        bg.save(xr.DataTree(), tmp_path / "fit.nc")
    with pytest.raises(bg.DataError, match="no file"):
        bg.load(tmp_path / "missing.nc")


def test_paths_that_cannot_be_written_or_read(tree, tmp_path):
    with pytest.raises(bg.DataError, match="no folder"):
        bg.save(tree, tmp_path / "nowhere" / "fit.nc")
    with pytest.raises(bg.DataError, match="is a folder"):
        bg.save(tree, tmp_path)
    text = tmp_path / "table.csv"
    text.write_text("a,b")
    with pytest.raises(bg.SchemaError, match="not a netCDF file"):
        bg.load(text)
    for path in (None, 3):
        with pytest.raises(bg.DataError, match="path of a file"):
            bg.load(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]
