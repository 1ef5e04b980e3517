"""The command line: what it shows, what it writes, and how it fails."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayesgmm as bg
import bayesgmm.analysis.diagnosis.diagnose
import bayesgmm.cli.csv_file
from bayesgmm.cli.app import app
from bayesgmm.examples import PENGUIN_MEASUREMENTS
from bayesgmm.numerics.kernel_cache import cached_files

HEAVY = (
    "numpy",
    "pandas",
    "xarray",
    "numba",
    "scipy",
    "matplotlib",
    "pymc",
    "nutpie",
    "arviz_base",
)
QUICK = ["-k", "2", "--draws", "60", "--tune", "100", "--chains", "2", "--seed", "1"]
LAPLACE = ["-k", "1", "--engine", "laplace", "--draws", "50", "--seed", "1"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Run in a folder that holds two CSV files."""
    monkeypatch.chdir(tmp_path)
    penguins = bg.datasets.load("penguins")
    penguins.to_csv("penguins.csv", index=False)
    bills = penguins[["bill_length_mm", "bill_depth_mm"]].dropna().iloc[::3]
    bills.to_csv("bills.csv", index=False)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nsys.argv = ['bayesgmm', '--help']\n"
        "try:\n    import runpy; runpy.run_module('bayesgmm', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: bayesgmm" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == ""


def test_a_fit_reads_its_table_once_and_is_judged_once(here, monkeypatch):
    calls = []

    def counted(place, name):
        whole = getattr(sys.modules[place], name)
        monkeypatch.setattr(f"{place}.{name}", lambda *args: calls.append(name) or whole(*args))

    counted("bayesgmm.cli.csv_file", "read_lines")
    counted("bayesgmm.analysis.diagnosis.diagnose", "_judged")
    assert run("fit", "bills.csv", *LAPLACE, "--out", "fit.nc", "--json").exit_code == 0
    assert run("report", "fit.nc", "--out", "fit.html", "--json").exit_code == 0
    assert sorted(calls) == ["_judged", "read_lines"]


def test_version():
    assert run("--version").stdout == f"bayesgmm {bg.__version__}\n"


def test_the_cache_of_compiled_code_is_shown_and_cleared(tmp_path, monkeypatch):
    from bayesgmm.cli import cache

    shown = json.loads(run("cache", "--json").stdout)
    assert Path(shown["folder"]).is_dir()
    files = [tmp_path / "f-1.py313.nbi", tmp_path / "f-1.py313.1.nbc", tmp_path / "f.pyc"]
    for file in files:
        file.write_bytes(bytes(10**6))
    monkeypatch.setattr(cache, "cached_files", lambda folder: cached_files(tmp_path))
    result = run("cache", "--clear")
    assert result.exit_code == 0
    assert "2 files of compiled code, 2.0 MB, removed" in result.stderr
    assert [file.exists() for file in files] == [False, False, True]


@pytest.mark.slow
@pytest.mark.filterwarnings("default:.*no observed cell")
def test_demo_fits_the_penguins_and_leaves_two_files(tmp_path):
    (tmp_path / "new").mkdir()
    result = run("demo", "--out-dir", tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert result.stderr.count("standard deviation") == 1
    assert "89% equal-tailed interval" in result.stderr
    assert "Converged: 4 chains" in result.stderr
    assert "with a measured cell are assigned with less than 90% certainty." in result.stderr
    assert str(tmp_path / "new" / "penguins.nc") in result.stderr
    assert (tmp_path / "new" / "penguins.png").read_bytes().startswith(b"\x89PNG")
    tree = bg.load(tmp_path / "new" / "penguins.nc")
    assert tuple(tree["posterior"]["feature"].values) == PENGUIN_MEASUREMENTS
    assert "rows 3, 271" in result.stderr
    # The two birds that the example lacks say nothing: means agree within simulation error.
    means = [
        each["posterior"]["means"].mean(("chain", "draw")) for each in (tree, bg.example_fit())
    ]
    np.testing.assert_allclose(*means, rtol=5e-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("default:.*no observed cell")
def test_demo_replaces_what_it_left_and_nothing_else(tmp_path, monkeypatch):
    birds = bg.datasets.load("penguins")[list(PENGUIN_MEASUREMENTS)]
    options = {"engine": bg.Laplace(draws=20), "random_seed": 1, "progress": False}
    tree = bg.fit(birds, bg.MixtureSpec(3), **options)
    monkeypatch.setattr(bg, "fit", lambda *arguments, **options: tree)
    monkeypatch.setattr(
        "bayesgmm.cli.demo.keep", lambda tree, out, *_, **options: bg.save(tree, out)
    )
    for _ in range(2):
        assert run("demo", "--out-dir", tmp_path).exit_code == 0
    refused = [run("demo", "--out-dir", tmp_path, "--seed", "2")]
    (tmp_path / "penguins.nc").write_text("mine")
    refused.append(run("demo", "--out-dir", tmp_path))
    for result in refused:
        assert result.exit_code == 2
        assert "penguins.nc already exists. Add --force to replace it" in result.stderr
    assert (tmp_path / "penguins.nc").read_text() == "mine"
    assert run("demo", "--out-dir", tmp_path, "--force").exit_code == 0


def test_demo_makes_no_folders(tmp_path):
    result = run("demo", "--out-dir", tmp_path / "no" / "such")
    assert result.exit_code == 2
    assert "There is no folder" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_fit_shows_and_keeps_a_fit(here):
    result = run("fit", "bills.csv", *QUICK, "--covariance", "tied", "--figure", "bills.pdf")
    assert result.exit_code == 0, result.output
    assert "EM converged" in result.stderr
    assert "rows are assigned with less than 90% certainty." in result.stderr
    assert "\x1b" not in result.stderr
    assert result.stdout == ""
    tree = bg.load(here / "bills.nc")
    assert tree["posterior"].sizes["component"] == 2
    assert '"Tied"' in tree.attrs["bayesgmm"]
    assert (here / "bills.pdf").read_bytes().startswith(b"%PDF")


def test_fit_is_what_python_gives(here):
    assert run("fit", "bills.csv", *QUICK, "--out", "cli.nc").exit_code == 0
    tree = bg.fit(
        pd.read_csv("bills.csv"),
        bg.MixtureSpec(n_components=2),
        engine=bg.NUTS(draws=60, tune=100, chains=2),
        random_seed=1,
        progress=False,
    )
    assert bg.load("cli.nc").identical(tree)


def test_gibbs_takes_the_options_of_chains(here):
    result = run("fit", "bills.csv", *QUICK, "--engine", "gibbs", "-k", "1")
    assert result.exit_code == 0, result.output
    posterior = bg.load("bills.nc")["posterior"]
    assert (posterior.sizes["chain"], posterior.sizes["draw"]) == (2, 60)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("bills.nc", ["--out", "bills.nc"], "name another file with --out"),
        ("bills.csv", ["--out", "link.nc"], "name another file with --out"),
        ("bills.png", ["--figure", "./bills.png"], "name another file with --figure"),
        ("bills.nc", [], "name another file with --out"),
        ("bills.csv", ["--out", "x.csv"], "ends in .nc (netCDF, one file) or .zarr"),
    ],
)
def test_no_file_is_written_over_the_data_or_another(here, source, options, message):
    content = (here / "bills.csv").read_bytes()
    (here / source).write_bytes(content)
    (here / "link.nc").symlink_to(here / "bills.csv")
    result = run("fit", source, *QUICK, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert (here / source).read_bytes() == content


def test_rows_with_missing_cells_count_unless_they_are_left_out(here):
    birds = pd.read_csv("bills.csv")
    birds.iloc[[4, 7], 1] = None
    birds.to_csv("gaps.csv", index=False)
    kept = run("fit", "gaps.csv", *LAPLACE)
    assert kept.exit_code == 0, kept.output
    assert "2 of 114 rows have missing cells; they enter the fit" in kept.stderr
    assert bg.load("gaps.nc")["observed_data"].sizes["obs_id"] == 114
    assert "--drop-missing drops them. 2 of 228 cells are missing." in kept.stderr
    dropped = run("fit", "gaps.csv", *LAPLACE, "--drop-missing", "--force")
    assert dropped.exit_code == 0, dropped.output
    assert "2 of 114 rows have missing cells and are left out." in dropped.stderr
    assert bg.load("gaps.nc")["observed_data"].sizes["obs_id"] == 112


@pytest.mark.filterwarnings("default:.*no observed cell")
def test_a_warning_is_one_clean_line(here):
    result = run("fit", "penguins.csv", *LAPLACE, "--columns", "bill_length_mm,body_mass_g")
    assert result.exit_code == 0, result.output
    assert "Warning: 2 of 344 rows have no observed cell: rows 3, 271." in result.stderr
    assert "BayesGMMWarning" not in result.output


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Save a fit of two columns."""
    birds = bg.datasets.load("penguins")[["bill_length_mm", "body_mass_g"]].dropna().iloc[::3]
    options = {"engine": bg.Laplace(draws=50), "random_seed": 1, "progress": False}
    tree = bg.fit(birds, bg.MixtureSpec(2), **options)
    return bg.save(tree, tmp_path_factory.mktemp("fitted") / "fit.nc")


@pytest.fixture
def gaps(here, fitted):
    """Write a fit of two columns, and a table with gaps in them and other columns."""
    shutil.copy(fitted, "fit.nc")
    text = "body_mass_g; id ;bill_length_mm\n3750.0;007;39.10\n;008;40.3\n3450;;\n"
    (here / "gaps.csv").write_text(text)
    return here


def test_impute_writes_the_file_with_its_gaps_filled_and_nothing_else_changed(gaps):
    result = run("impute", "fit.nc", "gaps.csv", "--out", "full.csv")
    assert result.exit_code == 0, result.output
    assert "2 cells in 2 of 3 rows are missing." in result.stderr
    assert "body_mass_g" in result.stderr
    assert "full.csv" in result.stderr
    assert result.stdout == ""
    assert {file.name for file in gaps.glob("full*")} == {"full.csv"}
    done = bg.impute(bg.load("fit.nc"), pd.read_csv("gaps.csv", sep=";"))
    mass, length = done.cells["mean"].values.tolist()
    assert (gaps / "full.csv").read_text() == (
        f"body_mass_g;id;bill_length_mm\n3750.0;007;39.10\n{mass!r};008;40.3\n3450;;{length!r}\n"
    )


def test_imputations_are_written_when_asked(gaps):
    wanted = ["impute", "fit.nc", "gaps.csv", "--out", "full.csv", "--imputations", "3"]
    assert run(*wanted, "--seed", "5").exit_code == 0
    names = ["full_01.csv", "full_02.csv", "full_03.csv"]
    assert sorted(file.name for file in gaps.glob("full_*")) == names
    table = pd.read_csv("gaps.csv", sep=";")
    done = bg.impute(bg.load("fit.nc"), table, 3, random_seed=5)
    for name, frame in zip(names, done.frames, strict=True):
        written = pd.read_csv(name, sep=";", dtype=str)
        for feature in ("body_mass_g", "bill_length_mm"):
            assert written[feature].map(float).tolist() == frame[feature].tolist()


def test_impute_fills_in_the_rows_of_the_fit(here):
    birds = pd.read_csv("bills.csv")
    birds.iloc[3, 0] = None
    birds.index = [f"bird {number}" for number in range(len(birds))]
    options = {"engine": bg.Laplace(draws=50), "random_seed": 1, "progress": False}
    tree = bg.fit(birds, bg.MixtureSpec(1), **options)
    bg.save(tree, "fit.nc")
    assert run("impute", "fit.nc", "--out", "full.csv").exit_code == 0
    written = pd.read_csv("full.csv", index_col="obs_id", dtype=str).map(float)
    completed = bg.impute(tree).completed.to_pandas()
    pd.testing.assert_frame_equal(written, completed, check_names=False, check_exact=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no.nc", "gaps.csv", "--out", "x.csv"], "There is no file no.nc"),
        (["fit.nc", "no.csv", "--out", "x.csv"], "There is no file no.csv"),
        (["gaps.csv", "gaps.csv", "--out", "x.csv"], "not a netCDF file"),
        (["fit.nc", "bills.csv", "--out", "x.csv"], "Missing: ['body_mass_g']"),
        (["fit.nc", "gaps.csv", "--out", "gaps.csv"], "name another file with --out"),
        (["fit.nc", "gaps.csv", "--out", "fit.nc"], "ends in .csv"),
        (["fit.nc", "gaps.csv", "--out", "no/x.csv"], "There is no folder no"),
    ],
)
def test_mistakes_of_impute_get_one_clean_message(gaps, arguments, message):
    before = sorted(path.name for path in gaps.iterdir())
    result = run("impute", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert sorted(path.name for path in gaps.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv", "-k", "2"], "There is no file nowhere.csv"),
        (["bills.csv", "-k", "2", "--columns", "wing"], "has no column 'wing'. It has 'bill_len"),
        (["penguins.csv", "-k", "2"], "--columns bill_length_mm,bill_depth_mm,flipper_length_mm"),
        ([".", "-k", "2"], ". is a folder"),
        (["bills.csv", "-k", "2", "--columns", ""], "one is empty in ''"),
        (["bills.csv", "-k", "2", "--columns", "a,"], "one is empty in 'a,'"),
        (["bills.csv", "-k", "0"], "--components must be a whole number of at least 1, not 0"),
        (["bills.csv", "-k", "2.5"], "--components must be a whole number, or auto to infer it"),
        (["bills.csv", "-k", "2", "--magic"], "No such option: --magic See bayesgmm fit --help"),
        (["bills.csv", "-k", "x"], "must be a whole number, or auto to infer it, not 'x'"),
        (["bills.csv", "-k", "2", "--seed", "-1"], "'--seed': at least 0 is needed."),
        (
            ["bills.csv", "-k", "2", "--engine", "x"],
            "There is no engine 'x'; choose one of ['advi'",
        ),
        (["bills.csv", "-k", "2", "--decimal", "x"], "--decimal takes the point or the comma"),
        (["bills.csv", "-k", "2", "--separator", "||"], "--separator takes one character"),
        (["bills.csv", "-k", "2", "--draws", "0"], "draws must be a whole number"),
        (["bills.csv", "-k", "2", "--engine", "advi", "--chains", "2"], "advi has no --chains"),
        (["bills.csv", "-k", "2", "--out", "no/x.nc"], "There is no folder no"),
        (["bills.csv", "-k", "2", "--out", "."], "is a folder"),
        (["bills.csv", "-k", "2", "--figure", "x.bmp"], "must end in .png, .pdf, .svg"),
    ],
)
def test_mistakes_get_one_clean_message(here, arguments, message):
    result = run("fit", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output
    assert sorted(path.name for path in here.iterdir()) == ["bills.csv", "penguins.csv"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,b\n1,2\n1,2,3,4\n"])
def test_a_file_that_is_no_csv_gets_a_clean_message(here, content):
    (here / "odd.csv").write_bytes(content)
    result = run("fit", "odd.csv", "-k", "2")
    assert result.exit_code == 2
    assert "cannot be read as CSV" in result.stderr


@pytest.mark.parametrize("option", ["--engine", "--covariance"])
def test_unknown_names_are_refused_with_the_known_ones(here, option):
    result = run("fit", "bills.csv", "-k", "2", option, "magic")
    assert result.exit_code == 2
    assert "nuts" in result.stderr or "spherical" in result.stderr


def test_names_offered_are_those_there_are():
    from bayesgmm.analysis.mixtures import Uncertainty
    from bayesgmm.cli import app as commands
    from bayesgmm.engines.catalog import ENGINES
    from bayesgmm.engines.starts import InitChoice

    options = {name: get_args(own)[1] for name, own in _hints(commands.fit).items()}
    of_new_rows = get_args(_hints(commands.generate)["uncertainty"])[1]
    assert set(re.findall(r"\w+", options["engine"].help)) >= set(ENGINES)
    assert options["init"].metavar.split("|") == list(get_args(InitChoice))
    assert of_new_rows.metavar.split("|") == list(get_args(Uncertainty))


def test_defaults_are_those_of_python():
    """Options that say so in words only are left at None, which takes Python's default."""
    from bayesgmm.cli import app as commands
    from bayesgmm.cli.select import numbers_in

    def defaults(function):
        return {name: own.default for name, own in signature(function).parameters.items()}

    fit, python = defaults(commands.fit), defaults(bg.fit)
    assert fit["order_by"] == python["order_by"]
    assert fit["seed"] is python["random_seed"] is None
    assert fit["weights"] is fit["labels"] is None
    assert type(bg.MixtureSpec(1).covariances) is bg.Full
    assert fit["covariance"] == "full"
    assert fit["engine"] is None  # NUTS(), or Gibbs() for an unknown number, as in Python
    assert {fit[name] for name in ("draws", "tune", "chains", "init")} == {None}
    helps = {name: get_args(own)[1].help for name, own in _hints(commands.fit).items()}
    for engine in (bg.NUTS(), bg.Gibbs(), bg.Laplace(), bg.ADVI()):
        kind = "(nuts)" if isinstance(engine, bg.NUTS) else "(others)"
        assert f"{engine.draws} {kind}" in helps["draws"]
        assert f"by default {getattr(engine, 'tune', 500)}." in helps["tune"]
        assert f"by default {getattr(engine, 'chains', 4)}." in helps["chains"]
        assert getattr(engine, "init", "mode") == "mode"
    select, python = defaults(commands.select), defaults(bg.select)
    assert numbers_in(select["components"]) == list(python["n_components"])
    assert select["covariances"] is None
    cluster, python = defaults(commands.cluster), defaults(bg.cluster)
    assert {name: cluster[name] for name in ("certainty", "ci_prob")} == {
        name: python[name] for name in ("certainty", "ci_prob")
    }
    generate, python = defaults(commands.generate), defaults(bg.generate)
    assert generate["uncertainty"] == python["uncertainty"]
    assert generate["components"] is python["components"] is None


def _hints(command):
    hints = get_type_hints(command, include_extras=True)
    return {name: own for name, own in hints.items() if get_origin(own) is Annotated}
