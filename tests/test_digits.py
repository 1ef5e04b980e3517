"""Digits follow the uncertainty."""

from __future__ import annotations

import pytest

from bayesgmm.digits import decimals, interval, number


@pytest.mark.parametrize(
    ("uncertainty", "expected"),
    [(0.28, 2), (0.028, 3), (1.4, 1), (14.0, 0), (1400.0, 0), (0.0, 2), (float("nan"), 2)],
)
def test_two_digits_of_the_uncertainty_are_shown(uncertainty, expected):
    assert decimals(uncertainty) == expected


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (38.828, 2, "38.83"),
        (-0.5, 1, "-0.5"),
        (3688.4, 0, "3688"),
        (3.21e-14, 15, "3.2e-14"),
        (123_456_789.0, 0, "123456789"),
        (1_000_000.000_123, 6, "1000000.000123"),
        (1e20, 0, "1.000000000000000e+20"),
        (0.0, 20, "0.0e+00"),
    ],
)
def test_numbers_are_plain_unless_they_are_too_long(value, digits, expected):
    assert number(value, digits) == expected


def test_an_interval_has_the_digits_asked_for():
    assert interval(-1.25, 3.0, 2) == "[-1.25, 3.00]"
