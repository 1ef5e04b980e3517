"""The command line: what it shows, what it writes, and how it fails."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

import bayesgmm as bg
from bayesgmm.cli.app import app
from bayesgmm.examples import PENGUIN_MEASUREMENTS

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


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Run in an empty folder that holds two CSV files."""
    monkeypatch.chdir(tmp_path)
    penguins = bg.datasets.load("penguins")
    penguins.to_csv("penguins.csv", index=False)
    penguins[["bill_length_mm", "bill_depth_mm"]].dropna().to_csv("bills.csv", index=False)
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


def test_version():
    assert run("--version").stdout == f"bayesgmm {bg.__version__}\n"


def test_demo_fits_the_penguins_and_leaves_two_files(tmp_path):
    (tmp_path / "new").mkdir()
    result = run("demo", "--out-dir", tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("standard deviation") == 1
    assert "89% equal-tailed interval" in result.stdout
    assert "Converged: 4 chains" in result.stdout
    assert "of 342 birds are assigned with less than 90% certainty." in result.stdout
    assert str(tmp_path / "new" / "penguins.nc") in result.stdout
    assert (tmp_path / "new" / "penguins.png").read_bytes().startswith(b"\x89PNG")
    tree = bg.load(tmp_path / "new" / "penguins.nc")
    assert tuple(tree["posterior"]["feature"].values) == PENGUIN_MEASUREMENTS
    assert tree.identical(bg.example_fit())  # seed 1 is the default of both


def test_demo_makes_no_folders(tmp_path):
    result = run("demo", "--out-dir", tmp_path / "no" / "such")
    assert result.exit_code == 2
    assert "There is no folder" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_fit_shows_and_keeps_a_fit(here):
    result = run("fit", "bills.csv", *QUICK, "--covariance", "tied", "--figure", "bills.pdf")
    assert result.exit_code == 0, result.output
    assert "EM converged" in result.stdout
    assert "rows are assigned with less than 90% certainty." in result.stdout
    assert "\x1b" not in result.stdout
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
    result = run("fit", "bills.csv", *QUICK, "--engine", "gibbs")
    assert result.exit_code == 0, result.output
    posterior = bg.load("bills.nc")["posterior"]
    assert (posterior.sizes["chain"], posterior.sizes["draw"]) == (2, 60)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("bills.csv", ["--out", "bills.csv"], "name another file with --out"),
        ("bills.csv", ["--out", "link.csv"], "name another file with --out"),
        ("bills.png", ["--figure", "./bills.png"], "name another file with --figure"),
        ("bills.nc", [], "name another file with --out"),
        ("bills.csv", ["--out", "x.png", "--figure", "x.png"], "cannot both be x.png"),
    ],
)
def test_no_file_is_written_over_the_data_or_another(here, source, options, message):
    content = (here / "bills.csv").read_bytes()
    (here / source).write_bytes(content)
    (here / "link.csv").symlink_to(here / "bills.csv")
    result = run("fit", source, *QUICK, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert (here / source).read_bytes() == content


def test_rows_with_missing_cells_are_left_out_when_asked(here):
    wanted = ["fit", "penguins.csv", *QUICK, "--columns", "bill_length_mm, body_mass_g"]
    refused = run(*wanted)
    assert refused.exit_code == 2
    assert "2 of 344 rows have missing" in refused.stderr
    assert "--drop-missing" in refused.stderr
    accepted = run(*wanted, "--drop-missing")
    assert accepted.exit_code == 0, accepted.output
    assert "2 of 344 rows have missing cells and are left out." in accepted.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv", "-k", "2"], "There is no file nowhere.csv"),
        (["bills.csv", "-k", "2", "--columns", "wing"], "has no column 'wing'. It has 'bill_len"),
        (["penguins.csv", "-k", "2"], "--columns bill_length_mm,bill_depth_mm,flipper_length_mm"),
        ([".", "-k", "2"], ". is a folder"),
        (["bills.csv", "-k", "2", "--columns", ""], "one is empty in ''"),
        (["bills.csv", "-k", "2", "--columns", "a,"], "one is empty in 'a,'"),
        (["bills.csv", "-k", "0"], "n_components must be a whole number of at least 1, not 0"),
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


def test_names_offered_are_the_engines_and_structures_there_are():
    from bayesgmm.cli.app import CovarianceName, EngineName
    from bayesgmm.cli.fit import STRUCTURES
    from bayesgmm.engines.catalogue import ENGINES

    assert {name.value for name in EngineName} == set(ENGINES)
    assert {name.value for name in CovarianceName} == set(STRUCTURES)
