"""Reading a page as a browser does, and what must hold for every page."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

VOID = ("meta", "img", "wbr")
HEADINGS = ("h1", "h2", "h3")


@dataclass
class Element:
    tag: str
    attributes: dict
    children: list = field(default_factory=list)

    @property
    def text(self) -> str:
        parts = (part if isinstance(part, str) else part.text for part in self.children)
        return "".join(parts)

    def all(self, *tags: str) -> list[Element]:
        """Return the elements of these kinds inside, in their order."""
        found = []
        for part in self.children:
            if isinstance(part, Element):
                found += [part] if part.tag in tags else []
                found += part.all(*tags)
        return found

    def everything(self) -> list[Element]:
        inner = [part for part in self.children if isinstance(part, Element)]
        return [self, *(each for part in inner for each in part.everything())]

    def with_id(self, name: str) -> Element:
        (found,) = (each for each in self.everything() if each.attributes.get("id") == name)
        return found

    def rows(self) -> list[list[str]]:
        """Return the cells of a table, or of all tables inside."""
        return [[cell.text for cell in row.all("th", "td")] for row in self.all("tr")]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("document", {})
        self.open = [self.root]
        self.declarations = []

    def handle_decl(self, decl):
        self.declarations.append(decl)

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> has an attribute twice: {names}"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].children.append(data)


def read_page(text: str) -> Element:
    """Return the page as a tree of elements; every element must be closed where it should be."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.declarations == ["DOCTYPE html"]
    assert reader.open == [reader.root], f"<{reader.open[-1].tag}> is never closed"
    (page,) = (part for part in reader.root.children if isinstance(part, Element))
    return page


def expect_sound(page: Element) -> None:
    """Check what holds for every page: offline, without scripts, and fit for screen readers."""
    everything = page.everything()
    assert page.tag == "html"
    assert page.attributes["lang"] == "en"
    tags = {each.tag for each in everything}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    _expect_offline(page)
    names = [each.attributes["id"] for each in everything if "id" in each.attributes]
    assert len(set(names)) == len(names)
    for each in everything:
        assert not [name for name in each.attributes if name.startswith("on")]
        if each.tag == "a":
            assert each.attributes["href"].removeprefix("#") in names
        if "aria-labelledby" in each.attributes:
            assert each.attributes["aria-labelledby"] in names
    _expect_accessible(page)


def _expect_offline(page: Element) -> None:
    (style,) = page.all("style")
    assert "url(" not in style.text
    assert "@import" not in style.text
    for each in page.everything():
        for name in ("src", "srcset", "href", "data", "action", "poster"):
            address = each.attributes.get(name, "#")
            assert address.startswith(("#", "data:image/")), f"<{each.tag} {name}>: {address[:60]}"


def _expect_accessible(page: Element) -> None:
    levels = [int(heading.tag[1]) for heading in page.all(*HEADINGS)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(heading.text.strip() for heading in page.all(*HEADINGS))
    assert len(page.all("main")) == len(page.all("nav")) == len(page.all("title")) == 1
    assert all(len(image.attributes["alt"]) > 20 for image in page.all("img"))
    for table in page.all("table"):
        assert table.all("caption")[0].text
        heads = table.all("thead")[0].all("th")
        assert all(head.attributes["scope"] == "col" and head.text for head in heads)
        for row in table.all("tbody")[0].all("tr"):
            first = row.all("th")[0]
            assert first.attributes["scope"] in ("row", "rowgroup")
            if first.attributes["scope"] == "row":
                assert len(row.all("th", "td")) == len(heads)
