"""The command ``report``: where the page goes, what it is told, and how it fails."""

from __future__ import annotations

import pytest
import xarray as xr
from typer.testing import CliRunner

import bayesgmm as bg
from bayesgmm.cli.app import app


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Return a folder with a fit and a selection."""
    folder = tmp_path_factory.mktemp("stored")
    rows = bg.datasets.load("faithful")[["waiting"]]
    engine = bg.Laplace(draws=50)
    tree = bg.fit(rows, bg.MixtureSpec(1), engine=engine, random_seed=1, progress=False)
    bg.save(tree, folder / "geyser.nc")
    table = bg.select(rows, [1, 2], [bg.Tied()], random_seed=1, progress=False)
    bg.save(table, folder / "grid.nc")
    return folder


@pytest.fixture
def here(stored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return stored


def run(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


@pytest.mark.slow
def test_the_page_is_that_of_python_and_has_the_name_of_the_fit(here):
    result = run(here / "geyser.nc")
    assert result.exit_code == 0, result.output
    assert "The report is in geyser.html" in result.stderr
    path = bg.write_report(bg.load(here / "geyser.nc"), "python.html")
    with open("geyser.html", "rb") as ours:
        assert ours.read() == path.read_bytes()


def test_selection_and_title(here, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(bg, "write_report", lambda *arguments, **options: asked.append(options))
    result = run(
        here / "geyser.nc", "-o", "page.html", "--selection", here / "grid.nc", "--title", "Geyser"
    )
    assert result.exit_code == 0, result.output
    assert "The report is in page.html" in result.stderr
    (options,) = asked
    assert options["title"] == "Geyser"
    xr.testing.assert_identical(options["selection"], bg.load(here / "grid.nc"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.nc"], "There is no file nowhere.nc"),
        (["{}/geyser.nc", "-o", "page.txt"], "must end in .html or .htm"),
        (["{}/geyser.nc", "-o", "no/page.html"], "There is no folder no"),
        (["{}/geyser.nc", "-o", "{}/geyser.nc"], "would be overwritten"),
        (["{}/geyser.nc", "--selection", "nowhere.nc"], "There is no file nowhere.nc"),
        (["{}/geyser.nc", "--selection", "{}/geyser.nc"], "bayesgmm.select"),
    ],
)
def test_what_cannot_be_done_is_said(here, tmp_path, arguments, message):
    result = run(*(argument.format(here) for argument in arguments))
    assert result.exit_code == 2
    assert message in result.output.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []
