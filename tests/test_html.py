"""Elements of a page: nothing that comes from a table becomes part of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesgmm.html import Markup, element, grouped_table, listed, table
from tests.report.pages import read_page


def in_page(body: str) -> str:
    return f"<!DOCTYPE html><html>{body}</html>"


@given(st.text())
def test_any_text_comes_back_as_text(text):
    page = read_page(in_page(element("p", text, title=text)))
    (found,) = page.all("p")
    odd = {chr(code) for code in [*range(9), *range(11, 32), *range(127, 160), 0xFFFE, 0xFFFF]}
    expected = "".join("\ufffd" if character in odd else character for character in text)
    assert found.text == expected
    assert found.attributes["title"] == expected
    assert found.all("b") == []


def test_attributes():
    made = element("div", class_="a", aria_hidden="true", hidden=True, id=None, tabindex=0)
    assert made == '<div class="a" aria-hidden="true" hidden tabindex="0"></div>'


def test_markup_stays_and_text_does_not():
    assert element("p", Markup("<em>x</em>"), "<em>") == "<p><em>x</em>&lt;em&gt;</p>"
    assert listed(["<", ["a", Markup("<b>b</b>")]]) == ("<ul><li>&lt;</li><li>a<b>b</b></li></ul>")


def test_cells_stand_under_their_headings():
    made = table("Birds", ["name", "mass"], [["a_b<c", "1"], ["d", "2"]], name="birds")
    page = read_page(in_page(made))
    assert page.rows() == [["name", "mass"], ["a_b<c", "1"], ["d", "2"]]
    assert page.with_id("birds-caption").text == "Birds"


def test_groups_have_headings():
    groups = [("one", [["a", "1"]]), ("two", [["b", "2"], ["c", "3"]])]
    page = read_page(in_page(grouped_table("Birds", ["name", "mass"], groups, name="birds")))
    assert [len(body.all("tr")) for body in page.all("tbody")] == [2, 3]
    heads = [body.all("th")[0] for body in page.all("tbody")]
    assert [head.attributes["colspan"] for head in heads] == ["2", "2"]


def test_rows_of_another_length_are_mistakes():
    with pytest.raises(ValueError, match="zip"):
        table("Birds", ["name", "mass"], [["a", "1", "2"]], name="birds")
