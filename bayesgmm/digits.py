"""As many digits as an uncertainty allows, and no more."""

from __future__ import annotations

import math

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
