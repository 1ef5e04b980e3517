"""Numbers as people read them: counts, and as many digits as an uncertainty allows."""

from __future__ import annotations

import math
from collections.abc import Iterable

_LONGEST = 14  # characters; what is longer is written with a power of ten


def decimals(uncertainty: float) -> int:
    """Return the decimals that show two digits of a standard deviation.

    Examples
    --------
    >>> from bayesgmm.digits import decimals
    >>> decimals(0.28), decimals(41.0)
    (2, 0)
    """
    if not math.isfinite(uncertainty) or uncertainty <= 0:
        return 2
    return max(0, 1 - math.floor(math.log10(uncertainty)))


def number(value: float, n_decimals: int) -> str:
    """Write a number with so many decimals; with a power of ten where that is too long.

    Examples
    --------
    >>> from bayesgmm.digits import number
    >>> number(38.8284, 2), number(3.21e-14, 15)
    ('38.83', '3.2e-14')
    """
    plain = f"{value:.{n_decimals}f}"
    if len(plain) <= _LONGEST:
        return plain
    leading = math.floor(math.log10(abs(value))) if value else -n_decimals
    return f"{value:.{min(max(leading + n_decimals, 1), 15)}e}"


def interval(lower: float, upper: float, n_decimals: int) -> str:
    """Write an interval in brackets.

    Examples
    --------
    >>> from bayesgmm.digits import interval
    >>> interval(38.38, 39.3, 1)
    '[38.4, 39.3]'
    """
    return f"[{number(lower, n_decimals)}, {number(upper, n_decimals)}]"


def counted(count: float, one: str, many: str | None = None) -> str:
    """Write a count and what is counted.

    Examples
    --------
    >>> from bayesgmm.digits import counted
    >>> counted(1, "row"), counted(342, "row"), counted(2, "entry", "entries")
    ('1 row', '342 rows', '2 entries')
    """
    return f"{whole(count)} {plural(count, one, many)}"


def plural(count: float, one: str, many: str | None = None) -> str:
    """Return the word that goes with a count.

    Examples
    --------
    >>> from bayesgmm.digits import plural
    >>> plural(1, "row"), plural(2, "row"), plural(2, "is", "are")
    ('row', 'rows', 'are')
    """
    return one if count == 1 else many or f"{one}s"


def listed(items: Iterable[object], most: int | None = None, *, between: str = ", ") -> str:
    """Write items in a row, no more than so many.

    Examples
    --------
    >>> from bayesgmm.digits import listed
    >>> listed("abc"), listed("abcde", 3), listed("abcde", 3, between="; ")
    ('a, b, c', 'a, b, c and 2 more', 'a; b; c; and 2 more')
    """
    texts = [str(item) for item in items]
    shown = between.join(texts[:most])
    if most is None or len(texts) <= most:
        return shown
    return f"{shown}{between.replace(',', '')}and {len(texts) - most} more"


def whole(count: float) -> str:
    """Write a whole number; the thousands of a long one stand apart.

    Examples
    --------
    >>> from bayesgmm.digits import whole
    >>> whole(344), whole(1234567).split()
    ('344', ['1', '234', '567'])
    """
    if count < 10_000:
        return f"{count:g}"
    return f"{int(count):_}".replace("_", "\N{NO-BREAK SPACE}")  # where no line is broken
