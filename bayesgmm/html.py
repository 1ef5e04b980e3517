"""HTML elements, with escaped text.

Text is escaped unless it is :class:`Markup`, so that no name of a feature or a row can become a
part of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

_WITHOUT_CONTENT = ("meta", "img")
# No page may hold these, whatever way they are written.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """Text that is a piece of a page already."""

    __slots__ = ()


Content = str | Iterable[str]
"""What an element holds: text, markup, or several of these."""


def element(tag: str, *content: Content, **attributes: str | int | bool | None) -> Markup:
    """Return an element of a page.

    Parameters
    ----------
    tag : str
    *content : str, Markup, or an iterable of these
        Plain strings are escaped.
    **attributes
        An underscore at the end of a name is dropped and others become hyphens; ``None`` and
        ``False`` leave an attribute out, ``True`` writes its name alone.

    Examples
    --------
    >>> from bayesgmm.html import element
    >>> element("p", "x < y ", element("em", "always"), class_="note")
    '<p class="note">x &lt; y <em>always</em></p>'
    """
    opening = f"<{tag}{''.join(_attribute(*pair) for pair in attributes.items())}>"
    if tag in _WITHOUT_CONTENT:
        return Markup(opening)
    return Markup(f"{opening}{joined(content)}</{tag}>")


def joined(content: Iterable[Content]) -> Markup:
    """Return several pieces as one, strings escaped."""
    parts: list[str] = []
    for part in content:
        parts.append(escaped(part) if isinstance(part, str) else joined(part))
    return Markup("".join(parts))


def escaped(text: str) -> str:
    """Return text as it is written in a page; markup stays as it is.

    Examples
    --------
    >>> from bayesgmm.html import escaped
    >>> escaped('a<b & "c"')
    'a&lt;b &amp; &quot;c&quot;'
    """
    return text if isinstance(text, Markup) else escape(_FORBIDDEN.sub("\ufffd", text))


def paragraph(*content: Content) -> Markup:
    """Return a paragraph."""
    return element("p", *content)


def listed(items: Iterable[Content]) -> Markup:
    """Return a list of items in no order."""
    return element("ul", *(element("li", item) for item in items))


def facts(pairs: Iterable[tuple[str, Content]]) -> Markup:
    """Return names and what is known under them."""
    parts = (element("div", element("dt", name), element("dd", value)) for name, value in pairs)
    return element("dl", *parts)


def table(
    caption: Content,
    headings: Sequence[str],
    rows: Iterable[Sequence[Content]],
    *,
    name: str,
    words: Sequence[int] = (),
) -> Markup:
    """Return a table that scrolls by itself where the page is too narrow for it.

    Parameters
    ----------
    caption : str or Markup
    headings : sequence of str
        One for each column; the first cell of a row is its heading.
    rows : iterable of sequences
        The cells, row by row.
    name : str
        Of the table in links, unique in the page.
    words : sequence of int
        Columns of words, aligned left as the first one is; others hold numbers.
    """
    kinds = _kinds(len(headings), words)
    lines = [_line(row, kinds) for row in rows]
    return _scrolling(caption, headings, kinds, [element("tbody", *lines)], name)


def grouped_table(
    caption: Content,
    headings: Sequence[str],
    groups: Iterable[tuple[Content, Iterable[Sequence[Content]]]],
    *,
    name: str,
) -> Markup:
    """Return a table whose rows stand in groups, each under a heading of its own."""
    kinds = _kinds(len(headings), ())
    bodies = []
    for title, rows in groups:
        head = element("th", title, scope="rowgroup", colspan=len(headings), class_="group")
        bodies.append(element("tbody", _row([head]), *(_line(row, kinds) for row in rows)))
    return _scrolling(caption, headings, kinds, bodies, name)


def _kinds(n_columns: int, words: Sequence[int]) -> list[str]:
    return ["word" if place in (0, *words) else "number" for place in range(n_columns)]


def _scrolling(
    caption: Content,
    headings: Sequence[str],
    kinds: Sequence[str],
    bodies: Sequence[Markup],
    name: str,
) -> Markup:
    head = [
        element("th", text, scope="col", class_=kind)
        for text, kind in zip(headings, kinds, strict=True)
    ]
    title = element("caption", caption, id=f"{name}-caption")
    body = element("table", title, element("thead", _row(head)), *bodies)
    return element(
        "div", body, class_="scroll", role="group", tabindex=0, aria_labelledby=f"{name}-caption"
    )


def _row(cells: Iterable[Markup]) -> Markup:
    return Markup(f"{element('tr', *cells)}\n")


def _line(cells: Sequence[Content], kinds: Sequence[str]) -> Markup:
    first, *others = cells
    head = element("th", _breakable(first), scope="row", class_=kinds[0])
    rest = (element("td", cell, class_=kind) for cell, kind in zip(others, kinds[1:], strict=True))
    return _row([head, *rest])


def _breakable(name: Content) -> Content:
    """Return a name that a narrow page may break after its underscores."""
    if not isinstance(name, str) or isinstance(name, Markup):
        return name
    return Markup(escaped(name).replace("_", "_<wbr>"))


def _attribute(name: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    written = name.removesuffix("_").replace("_", "-")
    return f" {written}" if value is True else f' {written}="{escaped(str(value))}"'
