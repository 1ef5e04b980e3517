"""Comparisons with outside truth run without shape checks, which every other test has."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _without_shape_checks(without_shape_checks: None) -> None:
    """See the fixture of that name."""
