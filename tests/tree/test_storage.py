"""What is saved comes back as it was, and neither a failure, a kill nor damage passes unseen."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.schema import COMPLETE, FILE_HEADER
from bayesgmm.tree import checksum, storage
from tests.cases import PAIRS, example_rows, unscaled_structure
from tests.tree.killed_writers import tree_with

SUFFIXES = (".nc", ".zarr")
QUICK = {
    "engine": bg.Laplace(draws=10), "solver": bg.EM(n_starts=2), "random_seed": 1,
    "progress": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return bg.example_fit().isel(draw=slice(0, 30))


@pytest.fixture(scope="module")
def plain() -> xr.DataTree:
    """What passes for a fit and has few variables, each of which takes its time on disk."""
    return tree_with(1)


@pytest.fixture(scope="module")
def small() -> xr.DataTree:
    return bg.fit(example_rows(30, 2), bg.MixtureSpec(2), **QUICK)


def expect_identical(one: xr.DataTree, other: xr.DataTree) -> None:
    """Compare types, too, which ``identical`` does not."""
    assert one.identical(other)
    for node in one.subtree:
        ours, theirs = (tree[node.path].to_dataset(inherit=False) for tree in (one, other))
        assert {name: own.dtype for name, own in ours.variables.items()} == {
            name: own.dtype for name, own in theirs.variables.items()
        }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_there_and_back_is_the_identity(tree, tmp_path, suffix):
    again = bg.load(bg.save(tree, tmp_path / f"fit{suffix}"))
    expect_identical(again, tree)
    new = [bg.generate(one, 10, random_seed=1) for one in (tree, again)]
    xr.testing.assert_identical(*new)


@pytest.mark.skipif(sys.platform == "win32", reason="names have other limits")
def test_a_name_too_long_is_told_and_nothing_else(tree, tmp_path, capfd):
    with pytest.raises(OSError, match="too long") as told:
        bg.save(tree, tmp_path / f"{'a' * 240}.nc")
    assert ".part" not in str(told.value)
    del told
    gc.collect()
    assert "Exception ignored" not in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def _round_trip_of(structure: str, prior: str, path: Path) -> None:
    spec = bg.MixtureSpec(2, covariances=unscaled_structure(structure, prior))
    fitted = bg.fit(example_rows(30, 2), spec, **QUICK)
    expect_identical(bg.load(bg.save(fitted, path)), fitted)


@pytest.mark.slow
@pytest.mark.parametrize(("structure", "prior"), PAIRS[::13])
def test_some_specs_survive(structure, prior, tmp_path):
    _round_trip_of(structure, prior, tmp_path / "fit.nc")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_every_spec_survives(number, tmp_path):
    _round_trip_of(*PAIRS[number], tmp_path / f"fit{SUFFIXES[number % 2]}")


@pytest.fixture(scope="module")
def annotated() -> xr.DataTree:
    rows = example_rows(30, 2)
    rows[3, 0] = np.nan
    index = [f"row {number} \N{GREEK SMALL LETTER ALPHA}" for number in range(30)]
    X = pd.DataFrame(rows, columns=["größe", "b"], index=index)
    labels = ["left", {"left", "right"}, *[None] * 28]
    return bg.fit(X, bg.MixtureSpec(3), labels=labels, sample_weight=np.arange(30) / 7, **QUICK)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_gaps_weights_labels_and_names_survive(annotated, suffix, tmp_path):
    again = bg.load(bg.save(annotated, tmp_path / f"fit{suffix}"))
    expect_identical(again, annotated)
    xr.testing.assert_identical(bg.cluster(again), bg.cluster(annotated))


ROW_NAMES = {
    "dates": lambda size: pd.date_range("2020-01-01 12:00", periods=size, freq="h"),
    "durations": lambda size: pd.to_timedelta(np.arange(size) * 1500, unit="ms"),
    "numbers": lambda size: np.arange(size)[::-1] * 10,
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ROW_NAMES)
def test_names_of_rows_need_not_be_texts(plain, kind, suffix, tmp_path):
    tree, rows = plain.copy(), plain["observed_data"].to_dataset()
    names = np.asarray(ROW_NAMES[kind](rows.sizes["obs_id"]))
    tree["observed_data"] = xr.DataTree(rows.assign_coords(obs_id=names))
    expect_identical(bg.load(bg.save(tree, tmp_path / f"fit{suffix}")), tree)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_attributes_may_be_anything_that_json_knows(plain, suffix, tmp_path):
    tree = plain.copy()
    tree["posterior"].attrs |= {"note": "", "kept": True, "of": None, "by": {"a": [1, 2.5]}}
    tree["posterior"]["means"].attrs["unit"] = ["mm", "g"]
    again = bg.load(bg.save(tree, tmp_path / f"fit{suffix}"))
    assert again["posterior"].attrs == tree["posterior"].attrs
    assert again["posterior"]["means"].attrs == {"unit": ["mm", "g"]}
    tree.attrs["odd"] = object()
    with pytest.raises(TypeError, match="object cannot be saved"):
        bg.save(tree, tmp_path / f"fit{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_is_saved_as_a_table(suffix, tmp_path):
    X = example_rows(30, 2)
    table = bg.select(X, [1], [bg.Full(), bg.Tied()], random_seed=1, progress=False)
    again = bg.load(bg.save(table, tmp_path / f"table{suffix}"))
    assert isinstance(again, xr.Dataset)
    xr.testing.assert_identical(again, table)
    with pytest.raises(bg.SchemaError, match="not 'Dataset'"):
        bg.cluster(again)


def test_a_tree_goes_from_one_format_to_the_other(plain, tmp_path):
    once = bg.load(bg.save(plain, tmp_path / "fit.zarr"))
    expect_identical(bg.load(bg.save(once, tmp_path / "fit.nc")), plain)


LOADED = """
import sys, bayesgmm as bg
trees = [bg.load(path) for path in sys.argv[1:]]
tree = trees[0]
X = tree["observed_data"]["x"][:5].copy()
bg.cluster(tree), bg.cluster(tree, X), bg.log_density(tree, X), bg.generate(tree, 3)
X[0, 1] = float("nan")
bg.impute(tree, X), bg.condition(tree, {"x0": 0.0}), bg.marginalize(tree, ["x1"])
bg.regress(tree, X[1:, [0]], target="x1"), bg.quantile(tree, [0.5]), bg.cdf(tree, X[1:])
bg.co_clustering(tree), bg.partition(tree), bg.summarize(tree), bg.merge_components(tree)
print(*{name.partition(".")[0] for name in sys.modules})
if sys.platform == "win32":
    sys.exit()

import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))
for path, tree in zip(sys.argv[1:], trees):
    try:
        bg.save(tree, path)
    except OSError as error:
        print(error.strerror)
"""


@pytest.fixture(scope="module")
def another_process(small, tmp_path_factory) -> tuple[Path, list[str]]:
    """Return a folder with a fit in both storage, and what a process said that saved it again.

    It asked the fit before that, and then could write no more than 2 KB to a file.
    """
    folder = tmp_path_factory.mktemp("loaded")
    paths = [bg.save(small, folder / f"fit{suffix}") for suffix in SUFFIXES]
    command = [sys.executable, "-c", LOADED, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout.splitlines()


@pytest.mark.slow
def test_a_loaded_tree_answers_without_a_sampler(another_process):
    heavy = {"pymc", "pytensor", "nutpie", "arviz", "arviz_base", "arviz_stats", "matplotlib"}
    assert not set(another_process[1][0].split()) & heavy


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits")
def test_a_full_disk_is_an_error_and_keeps_the_old_file(small, another_process):
    """As a limit to the size of files makes one."""
    folder, told = another_process
    assert told[1:] == ["File too large"] * 2
    assert sorted(entry.name for entry in folder.iterdir()) == ["fit.nc", "fit.zarr"]
    for suffix in SUFFIXES:
        assert bg.load(folder / f"fit{suffix}").identical(small)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(
    plain, tmp_path, monkeypatch, suffix
):
    path = bg.save(plain, tmp_path / f"fit{suffix}")

    def fail(self, tree, path):
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(storage.NetCDF, "write", fail)
    monkeypatch.setattr(storage.Zarr, "write", fail)
    with pytest.raises(OSError, match="disk full"):
        bg.save(plain, path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    monkeypatch.undo()
    assert bg.load(path).identical(plain)


def _kill_writers(folder: Path, kills: int, seed: int) -> list[list[int]]:
    """Return how often the one and the other tree were there, for each format."""
    script = Path(__file__).with_name("killed_writers.py")
    root = Path(bg.__file__).parents[1]
    paths = [folder / suffix[1:] / f"fit{suffix}" for suffix in SUFFIXES]
    for path in paths:
        path.parent.mkdir()
    command = [sys.executable, script, str(kills), str(seed), *paths]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return [[int(number) for number in line.split()] for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_a_killed_writer_leaves_a_whole_file(tmp_path):
    assert [sum(found) for found in _kill_writers(tmp_path, 4, 1)] == [4, 4]


@pytest.mark.slow
def test_many_killed_writers_leave_a_whole_file(tmp_path):
    for found in _kill_writers(tmp_path, 30, 2):
        assert sum(found) == 30
        assert min(found) > 0  # so that kills came between writes of either


def test_refuses_what_is_no_fit(tmp_path):
    with pytest.raises(bg.SchemaError, match="no group"):
        bg.save(xr.DataTree(), tmp_path / "fit.nc")
    with pytest.raises(bg.DataError, match="no file"):
        bg.load(tmp_path / "missing.nc")


def test_paths_that_cannot_be_written_or_read(plain, tmp_path):
    (tmp_path / "folder.nc").mkdir()
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "letter.txt").write_text("dear")
    (tmp_path / "file.zarr").write_text("")
    text = tmp_path / "table.csv"
    text.write_text("a,b")
    for name, message in {
        "nowhere/fit.nc": "no folder",
        ".": "is a folder",
        "folder.nc": "is a folder",
        "mine.zarr": "something else",
        "file.zarr": "something else",
        "fit.pickle": "ends in .nc .* or .zarr",
        "fit": "ends in .nc",
    }.items():
        with pytest.raises(bg.DataError, match=message):
            bg.save(plain, tmp_path / name)
    with pytest.raises(bg.SchemaError, match="not a netCDF file"):
        bg.load(text)
    with pytest.raises(bg.SchemaError, match="not a Zarr folder"):
        bg.load(tmp_path / "mine.zarr")
    for path in (None, 3):
        with pytest.raises(bg.DataError, match="path of a file"):
            bg.load(path)
    names = {entry.name for entry in tmp_path.iterdir()}
    assert names == {"table.csv", "folder.nc", "mine.zarr", "file.zarr"}


def test_zarr_is_asked_for_in_words_where_it_is_missing(plain, tmp_path, monkeypatch):
    bg.save(plain, tmp_path / "fit.zarr")
    monkeypatch.setattr(storage, "find_spec", lambda name: None)
    with pytest.raises(bg.MissingDependencyError, match=r"pip install 'bayesgmm\[zarr\]'"):
        bg.save(plain, tmp_path / "other.zarr")
    with pytest.raises(bg.MissingDependencyError, match="need the package zarr"):
        bg.load(tmp_path / "fit.zarr")


def test_a_file_that_was_cut_short_is_refused(plain, tmp_path):
    path = bg.save(plain, tmp_path / "fit.nc")
    content = path.read_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(bg.SchemaError, match="cut short"):
            bg.load(path)
    folder = bg.save(plain, tmp_path / "fit.zarr")
    shutil.rmtree(folder / "posterior" / "means")
    with pytest.raises(bg.SchemaError, match="damaged"):
        bg.load(folder)


def test_a_flipped_byte_is_noticed(small, tmp_path):
    """At the numbers themselves, and at random places, some of which hold nothing."""
    path = bg.save(small, tmp_path / "fit.nc")
    content = path.read_bytes()
    place = content.index(small["posterior"]["means"].values[0, 3, 0, 0].tobytes())
    rng = np.random.default_rng(0)
    for at in [place, *rng.integers(len(content), size=3)]:
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            again = bg.load(path)
        except bg.SchemaError as error:
            assert "damaged" in str(error)  # noqa: PT017
        else:
            assert at != place
            expect_identical(again, small)


def _with_checksum(path: Path, **entries: object) -> None:
    """Write other things into the seal of a file."""
    import h5netcdf

    with h5netcdf.File(path, "r+") as file:
        known = json.loads(file.attrs[FILE_HEADER])
        file.attrs[FILE_HEADER] = json.dumps(known | entries)


def test_a_schema_that_came_later_is_refused_with_the_version_that_wrote_it(plain, tmp_path):
    path = bg.save(plain, tmp_path / "fit.nc")
    _with_checksum(path, schema=2, bayesgmm="9.1")
    with pytest.raises(bg.SchemaError, match=r"bayesgmm 9\.1 in schema 2 .*pip install --upgrade"):
        bg.load(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_of_another_version_loads_with_a_warning(plain, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(checksum, "__version__", "0.0.9")
    path = bg.save(plain, tmp_path / f"fit{suffix}")
    monkeypatch.undo()
    with pytest.warns(bg.BayesGMMWarning, match=rf"by bayesgmm 0\.0\.9; this is {bg.__version__}"):
        expect_identical(bg.load(path), plain)


def test_a_file_from_before_there_were_checksums_loads_with_a_warning(plain, tmp_path):
    plain.to_netcdf(tmp_path / "old.nc", engine="h5netcdf")
    with pytest.warns(bg.BayesGMMWarning, match="wrote no checksums"):
        expect_identical(bg.load(tmp_path / "old.nc"), plain)


def test_a_file_without_its_last_mark_or_its_seal_is_refused(plain, tmp_path):
    import h5netcdf

    for attribute in (COMPLETE, FILE_HEADER):
        path = bg.save(plain, tmp_path / "fit.nc")
        with h5netcdf.File(path, "r+") as file:
            del file.attrs[attribute]
        with pytest.raises(bg.SchemaError, match="not written to its end"):
            bg.load(path)
    path = bg.save(plain, tmp_path / "fit.nc")
    _with_checksum(path, dates={"/posterior/means": "no type"})
    with pytest.raises(bg.SchemaError, match="damaged"):
        bg.load(path)
