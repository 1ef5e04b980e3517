"""Every command with every kind of file, pipes, JSON, exit codes, and Ctrl-C."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

import bayesgmm as bg
from bayesgmm.cli import tables
from bayesgmm.cli.app import app
from bayesgmm.cli.fit import Known, read_rows
from bayesgmm.cli.options import AS_FOUND
from bayesgmm.cli.results import partial_of

FEATURES = ["bill_length_mm", "body_mass_g"]
COLUMNS = ["--columns", ",".join(FEATURES)]
QUICK = ["-k", 2, "--engine", "laplace", "--draws", 50, "--seed", 1]
ONE = ["-k", 1, *QUICK[2:]]
TABLES = ("birds.csv", "birds.tsv", "birds.parquet", "birds.arrow", "birds.feather")
ROOT = Path(bg.__file__).parents[1]


def run(*arguments, **options):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)


def done(*arguments, **options):
    result = run(*arguments, **options)
    assert result.exit_code == 0, result.output
    return result


def read(path) -> pd.DataFrame:
    return tables.read_table(Path(path))


@pytest.fixture(scope="module")
def birds() -> pd.DataFrame:
    birds = bg.datasets.load("penguins")[["species", *FEATURES]].dropna().iloc[::3]
    return birds.assign(bird=[f"bird {number}" for number in range(len(birds))], count=2)


@pytest.fixture(scope="module")
def fitted(birds) -> xr.DataTree:
    options = {"engine": bg.Laplace(draws=50), "random_seed": 1, "progress": False}
    return bg.fit(birds[FEATURES].reset_index(drop=True), bg.MixtureSpec(2), **options)


@pytest.fixture(scope="module")
def stored(birds, fitted, tmp_path_factory) -> Path:
    """Return a folder with the birds in every format, a fit, and files that are none of these."""
    folder = tmp_path_factory.mktemp("stored")
    for name in TABLES:
        tables.write_table(birds, folder / name)
    bg.save(fitted, folder / "fit.nc")
    bg.save(xr.Dataset({"a": 1.0}), folder / "table.nc")
    (folder / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    (folder / "broken.arrow").write_bytes(b"ARROW1 and nothing else")
    (folder / "minus.csv").write_text("a,w\n1,1\n2,-1\n3,1\n")
    return folder


@pytest.fixture
def here(stored, tmp_path, monkeypatch) -> Path:
    """Run in a copy of that folder."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(stored, tmp_path, dirs_exist_ok=True)


@pytest.mark.parametrize("name", TABLES)
def test_every_format_holds_the_same_table(here, birds, name):
    expected = birds.reset_index(drop=True)
    pd.testing.assert_frame_equal(read(name), expected, check_dtype=False)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["birds.tsv", "birds.feather", "-"])
def test_fit_takes_every_format_and_a_pipe(here, fitted, source):
    text = (here / "birds.csv").read_bytes() if source == "-" else None
    result = done("fit", source, *QUICK, "--columns", ",".join(FEATURES), "--json", input=text)
    out = "stdin.nc" if source == "-" else "birds.nc"
    tree = bg.load(out)
    xr.testing.assert_identical(tree["posterior"].to_dataset(), fitted["posterior"].to_dataset())
    answer = json.loads(result.stdout)
    assert answer["fit"] == out
    assert answer["features"] == FEATURES
    assert answer["passed"] is False
    mean = float(tree["posterior"]["means"].sel(component=1, feature="body_mass_g").mean())
    assert answer["components"][1]["means"]["body_mass_g"]["mean"] == pytest.approx(mean)
    assert [one["kind"] for one in answer["findings"]] == ["approximation"]


def test_columns_that_are_no_features_say_what_is_known_of_rows(here, birds):
    known = ["--weights", "count", "--labels", "species", "--id", "bird"]
    done("fit", "birds.parquet", "-k", 3, *QUICK[2:], *known, "--out", "all.zarr")
    tree = bg.load("all.zarr")
    named = birds.set_index("bird")
    expected = bg.fit(
        named[FEATURES], bg.MixtureSpec(3), engine=bg.Laplace(draws=50), random_seed=1,
        sample_weight=named["count"], labels=named["species"], progress=False,
    )  # fmt: skip
    assert tree.identical(expected)
    assert tree["posterior"]["component"].values.tolist() == sorted(set(birds["species"]))
    result = run("fit", "birds.csv", *QUICK, "--weights", "size")
    assert "has no column 'size'" in result.stderr


def test_an_order_that_labels_leave_no_room_for_is_refused(here, birds):
    known = ["--columns", ",".join(FEATURES), "--labels", "species", "--order-by", "body_mass_g"]
    result = run("fit", "birds.csv", *QUICK[2:], *known, "-k", 3)
    assert result.exit_code == 2
    assert "--order-by 'body_mass_g' has no effect" in result.stderr
    assert result.stderr.count("\n") == 1
    done("fit", "birds.csv", *QUICK[2:], *known, "-k", 5, "--out", "more.nc")
    means = bg.load("more.nc")["posterior"]["means"].sel(feature="body_mass_g")
    assert np.diff(means.isel(component=[3, 4]).mean(("chain", "draw"))) > 0


@pytest.mark.filterwarnings("default:.*share names")
def test_rows_that_share_a_name_are_told(here, birds):
    birds.assign(place="island").to_csv("islands.csv", index=False)
    result = done("cluster", "fit.nc", "islands.csv", "--id", "place")
    assert "Warning: Rows share names in column 'place' of --id: island." in result.stderr


def test_names_with_commas(here):
    table = pd.DataFrame({"spend, EUR": [1, 2, 3, 2, 4], "visits": [2, 3, 5, 4, 4], "city": "a"})
    table.to_csv("shop.csv", index=False)
    advice = run("fit", "shop.csv", *QUICK[2:], "-k", 1).stderr.split("--columns ")[1]
    columns = shlex.split(advice)[0].removesuffix(".")
    assert columns == '"spend, EUR",visits'
    done("fit", "shop.csv", *ONE, "--columns", columns)
    assert bg.load("shop.nc")["posterior"]["feature"].values.tolist() == ["spend, EUR", "visits"]


@pytest.fixture(scope="module")
def selection(birds) -> xr.Dataset:
    return bg.select(birds[FEATURES], [1, 2], [bg.Full(), bg.Tied()], random_seed=1)


@pytest.mark.parametrize("out", ["table.csv", "table.arrow", None])
def test_select_writes_its_table(here, selection, out):
    options = [] if out is None else ["--out", out]
    result = done(
        "select", "birds.csv", "--columns", ",".join(FEATURES), "-k", "1-2",
        "--covariances", "full,tied", "--seed", 1, "--json", *options,
    )  # fmt: skip
    answer = json.loads(result.stdout)
    assert answer["best"] == selection.attrs["best"]
    assert f"The smallest BIC: {selection.attrs['best']}" in result.stderr
    assert answer["table"] == (out or "birds_selection.nc")
    if answer["table"].endswith(".nc"):
        xr.testing.assert_identical(bg.load(answer["table"]), selection)
    else:
        np.testing.assert_array_equal(read(out)["BIC"], selection["BIC"].values.ravel())


def test_diagnose_exits_with_its_verdict(here, tmp_path):
    result = run("diagnose", "fit.nc", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["passed"] is False
    assert "--engine nuts" in result.stderr
    rows = np.random.default_rng(0).normal(size=(30, 1))
    good = bg.fit(rows, bg.MixtureSpec(1), engine="gibbs", random_seed=1, progress=False)
    bg.save(good, "good.nc")
    result = done("diagnose", "good.nc")
    assert "Converged: 4 chains" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("out", ["rows.parquet", None, "-"])
def test_cluster_writes_one_line_for_each_row(here, fitted, out):
    result = done("cluster", "fit.nc", *([] if out is None else ["--out", out]))
    is_piped = out == "-"
    table = pd.read_csv(io.StringIO(result.stdout)) if is_piped else read(out or "fit_clusters.csv")
    expected = bg.cluster(fitted)
    for name in ("obs_id", "label", "certainty", "core", "unsure"):
        np.testing.assert_array_equal(table[name], expected[name])
    for number in (0, 1):
        own = expected["responsibilities"].sel(component=number)
        np.testing.assert_array_equal(table[f"responsibility_{number}"], own)


def test_cluster_names_new_rows(here):
    result = done("cluster", "fit.nc", "birds.feather", "--id", "bird", "--json")
    table = read("fit_clusters.csv")
    assert table["bird"].tolist()[:2] == ["bird 0", "bird 1"]
    answer = json.loads(result.stdout)
    assert answer["unsure"] == table["unsure"].sum()
    assert sum(answer["rows_of_component"].values()) == len(table)


@pytest.mark.parametrize("out", ["new.feather", None, "-"])
def test_generate_writes_new_rows(here, fitted, out):
    result = done(
        "generate", "fit.nc", "-n", 20, "--seed", 3, *([] if out is None else ["--out", out])
    )
    piped = out == "-"
    table = pd.read_csv(io.StringIO(result.stdout)) if piped else read(out or "fit_new.csv")
    expected = bg.generate(fitted, 20, random_seed=3)
    np.testing.assert_array_equal(table[FEATURES], expected["x"])
    np.testing.assert_array_equal(table["component"], expected["component"])


def test_generate_takes_some_components_and_the_point_estimate(here):
    options = ["--components", "1", "--uncertainty", "point", "--json"]
    answer = json.loads(done("generate", "fit.nc", "-n", 20, *options).stdout)
    assert answer["rows_of_component"] == {"1": 20}
    result = run("generate", "fit.nc", "-n", 20, "--components", "7")
    assert "--components: fit.nc has no component 7; it has 0, 1." in result.stderr


@pytest.mark.parametrize("out", ["full.arrow", "full.csv", "-"])
def test_impute_goes_from_any_format_to_any(here, fitted, birds, out):
    gaps = birds.reset_index(drop=True).astype({"body_mass_g": float})
    gaps.loc[4, "body_mass_g"] = np.nan
    tables.write_table(gaps, Path("gaps.parquet"))
    result = done("impute", "fit.nc", "gaps.parquet", "--out", out)
    table = pd.read_csv(io.StringIO(result.stdout)) if out == "-" else read(out)
    expected = bg.impute(fitted, gaps).completed
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, check_exact=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cluster", "fit.nc", "--out", "x.xlsx"], "ends in .csv, .tsv"),
        (["cluster", "fit.nc", "--out", "-", "--json"], "name a file with --out"),
        (["cluster", "fit.nc", "--out", "fit.nc"], "ends in .csv"),
        (["cluster", "fit.nc", "birds.csv", "--out", "birds.csv"], "would be overwritten"),
        (["cluster", "fit.nc", "--id", "bird"], "--id names a column of DATA"),
        (["cluster", "fit.nc", "--certainty", "1.5"], "certainty must"),
        (["cluster", "birds.csv"], "not a netCDF file"),
        (["cluster", "broken.parquet"], "not a netCDF file"),
        (["fit", "broken.parquet", *QUICK], "cannot be read as Parquet"),
        (["fit", "broken.arrow", *QUICK], "cannot be read as Arrow"),
        (["generate", "fit.nc", "-n", "0"], "Error: --n-rows must be"),
        (["generate", "fit.nc", "-n", "5", "--components", ","], "--components takes names"),
        (["impute", "fit.nc", "--out", "-", "--imputations", "3"], "name one with --out"),
        (["select", "birds.csv", "-k", "a-b"], "such as 1-4,8"),
        (
            ["select", "birds.csv", "--covariances", "round"],
            "no covariance structure 'round'; choose one of ['full'",
        ),
        (["diagnose", "table.nc"], "table.nc holds a table"),
        (["report", "table.nc"], "table.nc holds a table"),
        (["select", "birds.csv", "-k", "3-1"], "such as 1-3; not '3-1'"),
        (["select", "birds.csv", *COLUMNS, "-k", "0"], "Error: --components must be"),
        (["fit", "birds.csv", *QUICK, *COLUMNS, "--order-by", "bogus"], "--order-by is weights or"),
        (["fit", "birds.csv", *QUICK, *COLUMNS, "--weights", "bird"], "--weights needs a column"),
        (["fit", "minus.csv", *QUICK, "--weights", "w"], "Error: Column 'w' of --weights is neg"),
        (
            ["fit", "birds.csv", *QUICK, *COLUMNS, "--weights", FEATURES[0]],
            "'bill_length_mm' holds the weights of rows (--weights)",
        ),
        (["fit", "nowhere.csv", *QUICK, "--out", f"{'a' * 240}.nc"], "aaa.nc cannot be written"),
        (["report", "fit.nc", "--out", f"{'a' * 240}.html"], "aaa.html cannot be written"),
        (["magic"], "No such command 'magic'"),
        (["fit", "birds.csv"], "Missing option '--components'"),
    ],
)  # fmt: skip
def test_mistakes_get_one_line_with_the_remedy(here, arguments, message):
    before = sorted(here.iterdir())
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert sorted(here.iterdir()) == before


def test_packages_that_are_missing_are_named(here, monkeypatch):
    monkeypatch.setattr(tables, "find_spec", lambda name: None)
    for arguments in (["fit", "birds.parquet", *QUICK], ["cluster", "fit.nc", "--out", "x.arrow"]):
        result = run(*arguments)
        assert result.exit_code == 2
        assert "pip install 'bayesgmm[arrow]'" in result.stderr


def test_what_the_system_refuses_and_our_own_mistakes_are_one_line(here, monkeypatch):
    for error, message in {
        OSError(28, "No space left on device", "fit_new.csv"): "free some space",
        PermissionError(13, "Permission denied", "fit_new.csv"): "change its permissions",
        MemoryError(): "use fewer rows",
        ZeroDivisionError("odd"): "BAYESGMM_TRACEBACK=1",
    }.items():

        def fail(*arguments, error=error, **options):
            raise error

        monkeypatch.setattr("bayesgmm.cli.generate.write_table", fail)
        result = run("generate", "fit.nc", "-n", 5)
        assert result.exit_code == 2
        assert message in result.stderr
        assert result.stderr.count("\n") == 1


def command(*arguments) -> list[str]:
    return [sys.executable, "-m", "bayesgmm", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="pipes of another kind")
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(here):
    line = " ".join(command("generate", "fit.nc", "-n", 100_000, "--out", "-"))
    shell = f"{line} | head -2; echo ${{PIPESTATUS[0]}}; {line} > /dev/full; echo $?"
    result = subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, env=environment(), check=True
    )
    assert result.stdout.splitlines()[2:] == ["0", "2"]
    assert "Traceback" not in result.stderr
    assert "No space left on device; free some space" in result.stderr
    assert "Exception ignored" not in result.stderr


def interrupted(arguments, when: str) -> subprocess.CompletedProcess:
    """Send SIGINT once a line with these words has come, and a little later."""
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(),
    )  # fmt: skip
    seen = ""
    while when not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, rest)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
def test_ctrl_c_keeps_finished_draws_beside_the_old_fit(here):
    old = (here / "fit.nc").read_bytes()
    arguments = ["fit", "birds.csv", "-k", 2, "--columns", ",".join(FEATURES), "--seed", 1]
    arguments += [
        "--draws",
        2_000_000,
        "--tune",
        200,
        "--chains",
        2,
        "--out",
        "fit.nc",
        "--force",
        "--json",
    ]
    result = interrupted(arguments, "iterations of 2 chains: ")
    assert result.returncode == 130, result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Interrupted: ")
    assert last.endswith("in fit.partial.nc; fit.nc was not changed.")
    assert (here / "fit.nc").read_bytes() == old
    answer = json.loads(result.stdout)
    assert answer["interrupted"] is True
    assert answer["fit"] == "fit.partial.nc"
    assert bg.load("fit.partial.nc")["posterior"].sizes["draw"] > 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
def test_ctrl_c_in_warm_up_changes_no_file(here):
    before = sorted(here.iterdir())
    old = (here / "fit.nc").read_bytes()
    arguments = ["fit", "birds.csv", "-k", 2, "--columns", ",".join(FEATURES), "--seed", 1]
    arguments += ["--tune", 2_000_000, "--chains", 2, "--out", "fit.nc", "--force"]
    result = interrupted(arguments, "iterations of 2 chains: ")
    assert result.returncode == 130, result.stderr
    line, last = result.stderr.splitlines()  # where the chains were when they were stopped
    assert line.startswith("iterations of 2 chains: ")
    assert last == "Interrupted. No file was left partly written."
    assert sorted(here.iterdir()) == before
    assert (here / "fit.nc").read_bytes() == old


def test_ctrl_c_before_anything_is_done_changes_no_file(here, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(bg, "fit", interrupt)
    before = sorted(here.iterdir())
    result = run("fit", "birds.csv", *QUICK, *COLUMNS, "--out", "fit.nc", "--force")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted. No file was left partly written.\n"
    assert sorted(here.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", "birds.csv", *QUICK, *COLUMNS, "-o"],
        ["fit", "birds.csv", *QUICK, *COLUMNS, "-o", "new.nc", "--figure"],
        ["select", "birds.csv", *COLUMNS, "-k", 1, "--covariances", "tied", "-o"],
        ["cluster", "fit.nc", "-o"],
        ["generate", "fit.nc", "-n", 5, "-o"],
        ["impute", "fit.nc", "-o"],
        ["report", "fit.nc", "-o"],
    ],
    ids=lambda arguments: " ".join(map(str, arguments[::4])),
)
def test_a_file_that_is_there_is_replaced_only_by_force(here, arguments):
    suffix = {"fit": ".png" if arguments[-1] == "--figure" else ".nc", "report": ".html"}
    out = here / f"there{suffix.get(arguments[0], '.csv')}"
    out.write_text("mine")
    result = run(*arguments, out.name)
    assert result.exit_code == 2
    assert f"{out.name} already exists. Add --force to replace it, or name" in result.stderr
    assert result.stderr.count("\n") == 1
    assert out.read_text() == "mine"
    assert not (here / "new.nc").exists()
    if arguments[0] in ("select", "cluster", "generate", "impute"):
        done(*arguments, out.name, "--force")
        assert not out.read_bytes().startswith(b"mine")


def test_an_imputation_that_is_there_stays(here):
    (here / "full_02.csv").write_text("mine")
    result = run("impute", "fit.nc", "-o", "full.csv", "--imputations", 2)
    assert "full_02.csv already exists" in result.stderr
    assert not (here / "full.csv").exists()


def test_what_is_left_of_interrupted_runs_goes_beside_each_other(tmp_path):
    for name in ("fit.partial.nc", "fit.partial-2.nc", "fit.partial-3.nc"):
        assert partial_of(tmp_path / "fit.nc").name == name
        (tmp_path / name).touch()


_NOTHING = Known()

ODD = "label;bill_length_mm;body_mass_g;no\n=1+2;39,1;3750;007\n@x;;3800;008\n-y;46,5;;9\n"
"""With text that a spreadsheet would take for formulas, and a name that ``cluster`` uses."""


def test_cluster_passes_the_columns_of_a_table_through_as_they_are(here, fitted):
    (here / "odd.csv").write_text(ODD)
    done("cluster", "fit.nc", "odd.csv", "--decimal", ",", "-o", "rows.csv")
    table = pd.read_csv("rows.csv", sep=";", decimal=",")
    text = pd.read_csv("rows.csv", sep=";", dtype=str, keep_default_na=False)
    before = pd.read_csv("odd.csv", sep=";", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(text[before.columns], before)
    assert list(table.columns[:6]) == ["obs_id", *before.columns, "cluster_label"]
    found = bg.cluster(fitted, table[FEATURES])
    np.testing.assert_array_equal(table["cluster_label"], found["label"])
    np.testing.assert_allclose(table["certainty"], found["certainty"], rtol=1e-12)
    done("cluster", "fit.nc", "odd.csv", "--decimal", ",", "-o", "rows.parquet", "--id", "label")
    rows = read("rows.parquet")
    assert list(rows.columns[:5]) == [*before.columns, "cluster_label"]
    assert rows["label"].tolist() == ["=1+2", "@x", "-y"]


@pytest.mark.filterwarnings("default:.*is used as row names")
def test_names_of_rows_that_pandas_writes_are_those_of_the_fit_and_of_tables(here, birds, fitted):
    frame = birds.set_index("bird").rename_axis(None)[["species", *FEATURES]]
    frame.to_csv("index.csv")
    result = done("fit", "index.csv", *ONE, *COLUMNS)
    assert result.stderr.startswith("Warning: The first column of index.csv has no name")
    tree = bg.load("index.nc")
    assert tree["posterior"]["feature"].values.tolist() == FEATURES
    assert tree["observed_data"]["obs_id"].values.tolist() == frame.index.tolist()
    done("cluster", "fit.nc", "index.csv", "-o", "rows.csv")
    rows = pd.read_csv("rows.csv", index_col="obs_id").rename_axis(None)
    pd.testing.assert_frame_equal(rows[frame.columns], frame, check_dtype=False)


def test_a_column_that_numbers_the_rows_is_told(tmp_path, birds):
    def features(frame, known=_NOTHING, columns=None):
        frame.to_csv(tmp_path / "t.csv", index=False)
        return list(read_rows(tmp_path / "t.csv", AS_FOUND, columns, known)[0])

    own = birds[FEATURES].reset_index(drop=True)
    for first in (0, 1):
        numbered = own.assign(row=own.index + first)
        with pytest.warns(bg.BayesGMMWarning, match=r"Column 'row' of .* numbers the rows"):
            assert features(numbered) == [*FEATURES, "row"]
        assert features(numbered, Known(names="row")) == FEATURES
        assert features(numbered, columns=["row"]) == ["row"]
    unnamed = own.assign(**{"Unnamed: 0": own.index})
    with pytest.raises(bg.DataError, match=r"called 'Unnamed: 0'.*--columns"):
        features(unnamed)
    assert features(unnamed, columns=FEATURES) == FEATURES


def test_a_table_without_names_goes_all_the_way(here, birds):
    text = birds[FEATURES].to_csv(index=False, header=False, sep=";", decimal=",")
    (here / "bare.csv").write_text(text)
    written = ["--no-header", "--separator", "semicolon", "--decimal", "comma"]
    done("fit", "bare.csv", *ONE, *written)
    tree = bg.load("bare.nc")
    np.testing.assert_array_equal(tree["observed_data"]["x"], birds[FEATURES])
    assert tree["posterior"]["feature"].values.tolist() == ["x0", "x1"]
    (here / "gap.csv").write_text("40,5;\n41;4000\n")
    done("impute", "bare.nc", "gap.csv", *written, "-o", "full.csv")
    lines = (here / "full.csv").read_text().splitlines()
    assert lines[0].startswith("40,5;")
    assert "," in lines[0].removeprefix("40,5;")
    assert lines[1] == "41;4000"
    result = run("fit", "birds.parquet", *QUICK, *COLUMNS, "--no-header")
    assert "birds.parquet is not a text table; leave out --separator" in result.stderr


def test_columns_named_by_numbers_go_all_the_way(here, birds):
    birds[FEATURES].set_axis(["0", "1"], axis=1).to_csv("numbers.csv", index=False)
    assert "add --header" in run("select", "numbers.csv", "-k", 1).stderr
    done("fit", "numbers.csv", *ONE, "--columns", "0,1")
    done("cluster", "numbers.nc", "numbers.csv")
    done("impute", "numbers.nc", "numbers.csv")


def test_text_is_written_and_read_as_it_is(tmp_path):
    """Also what a spreadsheet would take for a formula: a mark before it would be read back."""
    table = pd.DataFrame({"=a": ["=1+2", "+3", "-x", "@y"], "@b": ["'=1", "\t=1", "a,b", '"']})
    for name in ("t.csv", "t.tsv", "t.parquet", "t.arrow"):
        tables.write_table(table, tmp_path / name)
        pd.testing.assert_frame_equal(read(tmp_path / name), table, check_dtype=False)


def test_flags_are_shown_without_a_value():
    for name in ("fit", "generate"):
        text = done(name, "--help").stdout
        assert "--force" in text
        assert "--no-json" not in text
        assert "bool" not in text


def test_help_names_the_exit_codes():
    assert "130 interrupted" in " ".join(done("--help").stdout.split())


def test_a_fit_without_rows_asks_for_a_table(here, birds):
    columns = ["--columns", ",".join(FEATURES)]
    shown = done("fit", "birds.csv", *QUICK, *columns, "--no-keep-rows", "--json")
    assert json.loads(shown.stdout)["n_rows"] == len(birds)
    for command in ("cluster", "impute"):
        refused = run(command, "birds.nc", "--out", "answer.csv")
        assert refused.exit_code == 2
        assert "--no-keep-rows" in refused.stderr
        assert "Pass DATA" in refused.stderr
    done("cluster", "birds.nc", "birds.csv", "--out", "answer.csv")
    assert len(read("answer.csv")) == len(birds)
    refused = run("report", "birds.nc")
    assert "Fit again without --no-keep-rows" in " ".join(refused.stderr.split())
    refused = run("fit", "birds.csv", *QUICK, "--no-keep-rows", "--figure", "birds.png", "--force")
    assert "--figure shows the rows" in " ".join(refused.stderr.split())
