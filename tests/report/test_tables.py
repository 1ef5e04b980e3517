"""The table of a fit: complete, true to the summary, and narrow enough."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

import bayesgmm as bg
from bayesgmm.report.tables import summary_table


def text_of(table, width=80):
    file = io.StringIO()
    Console(file=file, width=width).print(table)
    return file.getvalue()


def test_four_features_fit_an_ordinary_terminal_uncut(tree):
    lines = text_of(summary_table(tree)).splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    for name in tree["posterior"]["feature"].values:
        assert sum(name in line for line in lines) == 3


def test_names_the_kind_of_interval(tree):
    assert "89% equal-tailed interval" in text_of(summary_table(tree))


def test_holds_the_numbers_of_the_summary_in_its_order(tree):
    summary = bg.summarize(tree)
    shown = re.findall(
        r"([-\d.]+) \[([-\d.]+), ([-\d.]+)\]", text_of(summary_table(tree))
    )  # fmt: skip
    numbers = [tuple(map(float, triple)) for triple in shown]
    statistics = ["mean", "lower", "upper"]
    expected = []
    for component in summary["component"].values:
        one = summary.sel(component=component, statistic=statistics)
        expected.append(one["weights"].values)
        for feature in summary["feature"].values:
            expected += [one[name].sel(feature=feature).values for name in ("means", "scales")]
    assert len(numbers) == len(expected)
    for got, wanted in zip(numbers, expected, strict=True):
        assert got == pytest.approx(wanted, rel=0.02)


def test_brackets_in_a_name_are_no_markup(tree):
    renamed = tree.copy(deep=True)
    names = ["[red]length", "depth", "flipper", "mass"]
    for group in ("posterior", "observed_data"):
        dataset = renamed[group].to_dataset().assign_coords(feature=names)
        renamed[group] = type(renamed)(dataset)
    assert "[red]length" in text_of(summary_table(renamed))
