"""The report: what it says, that it says it of every kind of fit, and what it refuses."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.examples import PENGUIN_MEASUREMENTS
from bayesgmm.html import element, listed
from bayesgmm.plots.figure import EmbeddedImage
from bayesgmm.report.material import Material
from bayesgmm.report.sections.fitted import fitted
from bayesgmm.report.sections.rows import rows
from bayesgmm.report.sections.verdict import banner
from bayesgmm.report.write import in_short
from bayesgmm.schema import with_record
from bayesgmm.tree.fit import Fit
from bayesgmm.tree.timing import Timing, with_timing
from tests.report.pages import Element, expect_sound, read_page

MOST_BYTES = 2_000_000
EVIL = ["<b>x</b> & 'y'", '$a_1$"><script>alert(1)</script>']


def quick_fit(X: object, n_components: int, **options: object) -> xr.DataTree:
    spec = options.pop("spec", bg.MixtureSpec(n_components))
    engine, solver = bg.Laplace(draws=200), bg.EM(n_starts=2)
    return bg.fit(X, spec, engine=engine, solver=solver, random_seed=1, progress=False, **options)


def written(folder, tree: xr.DataTree, **options: object) -> Element:
    """Write a report, check what holds for all, and read it."""
    return sound(bg.write_report(tree, folder / "report.html", **options))


def sound(path: Path) -> Element:
    """Read a report, and check what holds for all."""
    assert path.stat().st_size < MOST_BYTES
    page = read_page(path.read_text(encoding="utf-8"))
    expect_sound(page)
    return page


def sections(page: Element) -> list[str]:
    return [section.attributes["id"] for section in page.all("section")]


@pytest.fixture(scope="module")
def birds() -> pd.DataFrame:
    return bg.datasets.load("penguins")[list(PENGUIN_MEASUREMENTS)].dropna()


@pytest.fixture(scope="module")
def selection(birds) -> xr.Dataset:
    structures = [bg.Full(), bg.Diagonal()]
    return bg.select(birds, range(1, 4), structures, random_seed=1, progress=False)


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    """One in four draws: enough to converge, and a page of them takes seconds less."""
    thinned = bg.example_fit().isel(draw=slice(None, None, 4))
    return with_timing(thinned, Timing("2026-11-21T18:30:00+00:00", 2.54, "birds.csv"))


@pytest.fixture(scope="module")
def penguins(tmp_path_factory, tree, selection) -> Element:
    folder = tmp_path_factory.mktemp("penguins")
    return written(folder, tree, selection=selection, title="Palmer penguins")


def test_all_sections_are_there_and_in_the_contents(penguins):
    names = [
        "fitted", "prior", "verdict", "components", "rows", "density", "checks", "number",
        "provenance",
    ]  # fmt: skip
    assert sections(penguins) == names
    (contents,) = penguins.all("nav")
    assert [link.attributes["href"] for link in contents.all("a")] == [f"#{n}" for n in names]


def test_the_title_is_that_asked_for(penguins):
    assert penguins.all("title")[0].text == "Palmer penguins"
    assert penguins.all("h1")[0].text == "Palmer penguins"


def test_the_head_says_the_verdict_and_how_many_rows_are_unsure(penguins, tree):
    (header,) = penguins.all("header")
    assert "Converged: 4 chains of 250 draws agree" in header.text
    assert "3 components describe 342 rows of 4 features." in header.text
    assert penguins.text.count("The result is reliable.") == 1
    assert "birds.csv" in penguins.with_id("fitted").text
    assert not penguins.all("pre")
    unsure = int(bg.cluster(tree)["unsure"].sum())
    assert f"{unsure} of 342 rows are placed with less than 90% certainty." in header.text


def test_estimates_are_those_of_summarize(penguins, tree):
    lines = [row for row in penguins.with_id("components").rows() if row[0] == "body_mass_g"]
    means = bg.summarize(tree)["means"].sel(feature="body_mass_g")
    assert len(lines) == 3
    for line, component in zip(lines, (0, 1, 2), strict=True):
        mean, low, high = map(float, re.findall(r"[\d.]+", line[1]))
        own = means.sel(component=component)
        for number, name in zip((mean, low, high), ("mean", "lower", "upper"), strict=True):
            assert number == pytest.approx(float(own.sel(statistic=name)), abs=0.5)


def test_the_least_sure_rows_are_named_with_their_probabilities(penguins, tree):
    clusters = bg.cluster(tree)
    least = clusters.isel(obs_id=int(clusters["certainty"].argmin("obs_id")))
    rows = penguins.with_id("rows").rows()
    first = rows[rows.index(["row", "most probable", "probability", "89% interval", "second",
                             "probability"]) + 1]  # fmt: skip
    assert first[0] == str(least["obs_id"].item())
    assert first[1] == f"component {least['label'].item()}"
    assert first[2] == f"{float(least['certainty']):.0%}"
    (everything,) = (row for row in rows if row[0] == "All")
    assert everything[1] == "342"
    assert sum(map(int, everything[2:])) == 342


def test_the_prior_is_told_in_the_units_of_the_data(penguins, birds):
    rows = {row[0]: row[1] for row in penguins.with_id("prior").rows()}
    low, high = map(float, rows["body_mass_g"].split(" to "))
    # Normal around the mean of the column, its deviation twice that of the column.
    mass = birds["body_mass_g"]
    reach = 1.598 * 2 * mass.std(ddof=0)
    assert [low, high] == pytest.approx([mass.mean() - reach, mass.mean() + reach], abs=50)
    text = penguins.with_id("prior").text
    assert "a uniform prior over all weights" in text
    assert "each component has between 2% and 77% of the rows" in text


def test_selection_says_where_this_fit_stands(penguins, selection):
    text = penguins.with_id("number").text
    bic = selection["BIC"]
    above = float(bic.sel(covariances="Full", n_components=3) - bic.min())
    told = "is the best by BIC" if above == 0 else f"has a BIC {above:.1f} above the best"
    assert told in text
    assert f"BIC: {selection.attrs['best']}." in text


def test_provenance(penguins):
    text = penguins.with_id("provenance").text
    assert "21 November 2026, 18:30 UTC, in 2.5 seconds" in text
    assert f"bayesgmm {bg.__version__}" in text
    assert "NUTS, draws 1000, tune 500, chains 4" in text
    assert re.search(r"[0-9a-f]{64}", text)
    (moment,) = penguins.all("time")
    assert moment.attributes["datetime"] == "2026-11-21T18:30:00+00:00"


def test_a_failed_verdict_stands_at_the_top(tree):
    material = Material.of(Fit(with_record(tree, partial=True)), None)
    assert "The result is not reliable." in banner(material)
    short = element("div", listed(in_short(material)))
    assert '<a href="#verdict">Read the findings</a> before you use any result below' in short
    assert "The run was stopped before its end" in fitted(material).markup()


@pytest.fixture
def no_pictures(monkeypatch):
    """Draw figures, and leave them out of the page: most of its time goes there."""
    blank = EmbeddedImage("data:image/png;base64,", 1, 1)
    monkeypatch.setattr("bayesgmm.report.sections.section.embedded", lambda figure: blank)


def test_rows_without_a_cell_are_told_once_and_counted_nowhere(tree, no_pictures):
    values = tree["observed_data"]["x"].copy()
    values[[3, 271]] = np.nan
    blank = tree.isel(draw=slice(10))
    blank["observed_data"] = tree["observed_data"].assign(x=values)
    material = Material.of(Fit(blank), None)
    unsure = int(np.delete(bg.cluster(blank)["unsure"].values, [3, 271]).sum())
    page = read_page(f"<!DOCTYPE html>{rows(material).markup()}")
    assert page.text.count("2 rows have no measured cell, so nothing is known about") == 1
    (everything,) = (row for row in page.rows() if row[0] == "All")
    assert [everything[1], everything[-1]] == ["340", str(unsure)]
    assert f"{unsure} of 340 rows" in page.text
    assert not {"3", "271"} & {row[0] for row in page.rows()}
    assert "Rows that are unsure are circled." in page.text
    short = element("div", listed(in_short(material)))
    assert f"{unsure} of 340 rows with a measured cell are placed with less than" in short


@pytest.fixture(scope="module")
def evil(birds) -> xr.DataTree:
    """A fit with gaps, weights, labels and names that are markup, by an approximation."""
    table = birds.iloc[::4, :2].set_axis(EVIL, axis="columns")
    table.index = [f"<i>bird</i> {number} & $" for number in table.index]
    rng = np.random.default_rng(1)
    table = table.mask(rng.random(table.shape) < 0.05)
    labels = [{0: "A<&>$x$", 5: "<hr>"}.get(place % 10) for place in range(len(table))]
    weights = rng.choice([0.5, 2.0], len(table))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bg.BayesGMMWarning)
        return quick_fit(table, 3, labels=labels, sample_weight=weights)


@pytest.fixture(scope="module")
def evil_page(tmp_path_factory, evil) -> Element:
    return written(tmp_path_factory.mktemp("evil"), evil, title="<script>alert(2)</script>")


def test_names_are_text_whatever_they_hold(evil_page):
    page = evil_page
    assert page.all("h1")[0].text == "<script>alert(2)</script>"
    assert not page.all("script", "b", "hr")
    names = [row[0] for row in page.with_id("fitted").rows()]
    assert names[1:] == EVIL
    for name in ("A<&>$x$", "<hr>", "component 2"):
        assert name in page.with_id("rows").text.replace("Component", "component")
    assert "<i>bird</i>" in page.with_id("rows").text


def test_what_was_known_of_rows_is_told(evil_page):
    text = evil_page.with_id("fitted").text
    assert re.search(r"\d+ of 172 cells \(\d+%\), in \d+ rows", text)
    assert "rows count 0.5 to 2 times" in text
    assert "for 18 of 86 rows the component was known" in text


def test_approximations_say_so(evil_page):
    page = evil_page
    assert "The result is approximate. An approximation" in page.all("header")[0].text
    assert "Laplace approximation" in page.with_id("fitted").text
    assert "Intervals of an approximation are often too narrow" in page.with_id("verdict").text


@pytest.fixture(scope="module")
def plain(birds) -> xr.DataTree:
    return quick_fit(birds[["bill_length_mm"]], 1)


@pytest.fixture(scope="module")
def plain_page(tmp_path_factory, plain) -> Path:
    return bg.write_report(plain, tmp_path_factory.mktemp("plain") / "report.html")


@pytest.fixture(scope="module")
def halves(birds) -> xr.DataTree:
    """Three components of one feature, two of them named, one in small letters."""
    values = birds["bill_length_mm"]
    labels = np.where(values < 38, "mcDonald", np.where(values > 52, "O'Hara", ""))
    return quick_fit(birds[["bill_length_mm"]], 3, labels=labels.tolist())


def test_names_of_components_stay_as_they_are(tmp_path, halves, no_pictures):
    page = written(tmp_path, halves)
    drawn = Material.of(Fit(halves), None).drawn["posterior"]["component"].values.tolist()
    assert drawn == ["O'Hara", "mcDonald", "component 2"]
    names = [row[0] for row in page.with_id("rows").rows()]
    assert {"mcDonald", "O'Hara", "Component 2"} <= set(names)
    for text in (page.text, *(image.attributes["alt"] for image in page.all("img"))):
        assert "McDonald" not in text
    assert not re.search(r"(?<!omponent )\b2 (in|of|and)\b", page.with_id("components").text)
    assert "no analysis" not in page.with_id("rows").text


def test_one_component_of_one_feature(plain_page):
    page = sound(plain_page)
    assert page.all("h1")[0].text == "1 component in 342 rows, 1 feature"
    assert "number" not in sections(page)
    assert page.with_id("rows-title").text == "The rows"
    assert "unsure" not in page.with_id("rows").text
    assert "Correlations" not in page.with_id("prior").text
    for name in ("prior", "components"):
        assert "omponents" not in page.with_id(name).text


@pytest.mark.slow
def test_twelve_components_of_nine_features(tmp_path):
    rng = np.random.default_rng(1)
    centers = rng.uniform(-20, 20, (12, 9))
    rows = np.repeat(centers, 20, axis=0) + rng.normal(size=(240, 9))
    page = written(tmp_path, quick_fit(rows, 12, spec=bg.MixtureSpec(12, covariances=bg.Tied())))
    assert "Of 9 features 8 are shown" in page.with_id("density").text
    assert "Component 11" in page.with_id("rows").text


@pytest.mark.slow
def test_many_rows_are_cut_and_said_to_be(tmp_path):
    rng = np.random.default_rng(1)
    rows = np.concatenate([rng.normal(0, 1, (10_000, 2)), rng.normal(3, 1, (10_000, 2))])
    page = written(tmp_path, quick_fit(rows, 2))
    text = page.with_id("rows").text
    assert "The 20 least certain are listed; bayesgmm.cluster(tree) has all rows." in text
    assert "20\N{NO-BREAK SPACE}000 rows" in page.all("header")[0].text


def test_many_features_are_cut_and_said_to_be(tree, monkeypatch):
    monkeypatch.setattr("bayesgmm.report.sections.fitted.MOST_FEATURES", 3)
    page = read_page(f"<!DOCTYPE html>{fitted(Material.of(Fit(tree), None)).markup()}")
    assert "The first 3 of 4 features are shown; all are in the table that was fitted." in page.text
    assert len(page.rows()) == 1 + 3


def test_the_same_tree_gives_the_same_page_and_replaces_the_old(tmp_path, plain, plain_page):
    path = tmp_path / "report.html"
    path.write_text("old")
    assert bg.write_report(plain, str(path)) == path
    assert path.read_bytes() == plain_page.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("report.nc", bg.SpecificationError, r"must end in \.html or \.htm, not 'report.nc'"),
        ("no/such/report.html", bg.DataError, "There is no folder"),
        ("", bg.DataError, "is a folder"),
    ],
)
def test_places_that_will_not_do(tmp_path, name, error, message):
    with pytest.raises(error, match=message):
        bg.write_report(bg.example_fit(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_other_things_are_refused_in_words(tmp_path, birds):
    path, tree = tmp_path / "report.html", bg.example_fit()
    with pytest.raises(bg.DataError, match="path of a file"):
        bg.write_report(tree, 3)
    with pytest.raises(bg.SchemaError, match=r"bayesgmm\.fit"):
        bg.write_report(birds, path)
    with pytest.raises(bg.SchemaError, match="conditional or marginal"):
        bg.write_report(bg.marginalize(tree, ["bill_length_mm"]), path)
    with pytest.raises(bg.SpecificationError, match=r"bayesgmm\.select"):
        bg.write_report(tree, path, selection=bg.summarize(tree))
    of_others = bg.select(birds[:40], [1], [bg.Tied()], random_seed=1, progress=False)
    with pytest.raises(bg.SpecificationError, match="fits of a different table"):
        bg.write_report(tree, path, selection=of_others)
    with pytest.raises(bg.SpecificationError, match="title must be a text"):
        bg.write_report(tree, path, title=" ")
    assert not path.exists()


def test_an_interrupted_write_leaves_the_old_file(tmp_path, plain, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def full_disk(self, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full_disk)
    monkeypatch.setattr("bayesgmm.report.write.page", lambda *_: "new")
    with pytest.raises(bg.DataError, match="cannot be written: No space left on device"):
        bg.write_report(plain, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
