"""How a table of text is written: what separates its cells, its decimal mark, its first line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bayesgmm.errors import SpecificationError

_MARKS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "space": " ", "bar": "|"}
_DECIMALS = {"comma": ",", "point": "."}


@dataclass(frozen=True)
class TextFormat:
    """What the command line says of a text file.

    Attributes
    ----------
    separator : str, or None to find it in the first lines
    decimal : str
        The point or the comma.
    header : bool, or None to find out
        Whether the first line names the columns.
    names : tuple of str
        Columns that the command line names; a first line that holds all of them is one of names.
    """

    separator: str | None = None
    decimal: str = "."
    header: bool | None = None
    names: tuple[str, ...] = ()

    def with_names(self, names: Iterable[str]) -> TextFormat:
        """Return the same, with further columns that the command line names."""
        return replace(self, names=(*self.names, *names))

    def expect_default(self, source: str) -> None:
        """Raise if anything was said of a file that is no text."""
        if (self.separator, self.decimal, self.header) != (None, ".", None):
            raise SpecificationError(
                f"{source} is no text; leave out --separator, --decimal and --header."
            )


AS_FOUND = TextFormat()
"""Nothing is said: the file shows what it is like."""


def text_format(separator: str | None, decimal: str, header: bool | None) -> TextFormat:
    r"""Return what three options say.

    Examples
    --------
    >>> from bayesgmm.cli.text_format import text_format
    >>> text_format("tab", ",", None)
    TextFormat(separator='\t', decimal=',', header=None, names=())
    """
    mark = None if separator is None else _MARKS.get(separator, separator)
    if mark is not None and (len(mark) != 1 or mark.isalnum() or mark in "\"'\r\n.+-"):
        raise SpecificationError(
            f"--separator takes one mark, such as ';', or one of {', '.join(_words())}; not "
            f"{separator!r}."
        )
    point = _DECIMALS.get(decimal, decimal)
    if point not in _DECIMALS.values():
        raise SpecificationError(f"--decimal takes the point or the comma; not {decimal!r}.")
    return TextFormat(mark, point, header)


def _words() -> list[str]:
    return [word for word in _MARKS if word.isalpha()]
