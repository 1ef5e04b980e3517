"""The exponential function of numbers up to zero, in a form that compilers vectorize.

The library function is called once for every number, and took half the time of a pass over rows.
This one is branch-free. With x = n log 2 + r and |r| <= log(2) / 2 (argument reduction of Cody &
Waite, 1980), exp(x) = 2^n exp(r), where exp(r) is a Taylor polynomial and 2^n is written into the
exponent bits. It agrees with the library function to two units in the last place.

References
----------
Cody, W. J. and Waite, W. (1980). Software manual for the elementary functions. Prentice-Hall.
"""

from __future__ import annotations

import math

from numba import types
from numba.extending import intrinsic

from bayesgmm.numerics.kernels.compiling import compiled_in_order

_ONE_OVER_LOG_2 = 1.0 / math.log(2.0)
# log(2) in two parts; the first has so few digits that its product with n is exact.
_LOG_2_HIGH = float.fromhex("0x1.62e42fefa0000p-1")
_LOG_2_LOW = float.fromhex("0x1.cf79abc9e3b39p-40")
# Adding this leaves no bits for a fraction: the low bits are the nearest integer.
_ROUNDER = 1.5 * 2.0**52
_EXPONENT_BIAS, _FRACTION_BITS = 1023, 52
_LOWEST = -708.0  # exp of less is subnormal, and negligible beside exp(0) in the same sum

# 1 / i! up to i = 13: the first term left out is below 1e-17 for |r| <= log(2) / 2.
_T2, _T3, _T4, _T5, _T6, _T7, _T8, _T9, _T10, _T11, _T12, _T13 = (
    1.0 / math.factorial(i) for i in range(2, 14)
)


@intrinsic
def _bits(_context, _value):
    """Return the bits of a float64 as an int64."""

    def generate(context, builder, _signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), generate


@intrinsic
def _float(_context, _value):
    """Return the float64 with given bits."""

    def generate(context, builder, _signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


@compiled_in_order
def exponential(x):
    """Return exp(x) for x <= 0; zero below -708, and for NaN."""
    rounded = x * _ONE_OVER_LOG_2 + _ROUNDER
    n = rounded - _ROUNDER
    r = (x - n * _LOG_2_HIGH) - n * _LOG_2_LOW
    series = _T13
    series = series * r + _T12
    series = series * r + _T11
    series = series * r + _T10
    series = series * r + _T9
    series = series * r + _T8
    series = series * r + _T7
    series = series * r + _T6
    series = series * r + _T5
    series = series * r + _T4
    series = series * r + _T3
    series = series * r + _T2
    series = series * r + 1.0
    series = series * r + 1.0
    power = _float((_bits(rounded) + _EXPONENT_BIAS) << _FRACTION_BITS)
    return series * power if x > _LOWEST else 0.0
