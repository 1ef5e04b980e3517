"""The data that ship with the package."""

from __future__ import annotations

import pytest

from bayesgmm.data import datasets
from bayesgmm.errors import SpecificationError


def test_penguins_are_those_of_the_source():
    penguins = datasets.load("penguins")
    assert penguins["species"].value_counts().to_dict() == {
        "Adelie": 152,
        "Gentoo": 124,
        "Chinstrap": 68,
    }
    measured = penguins.filter(regex="_mm$|_g$")
    assert measured.shape == (344, 4)
    assert measured.isna().all(axis=1).sum() == 2
    assert penguins["sex"].isna().sum() == 11


def test_each_call_returns_a_new_copy():
    first = datasets.load("penguins")
    first["year"] = 0
    assert datasets.load("penguins")["year"].min() == 2007


def test_every_name_loads():
    for name in datasets.available():
        assert len(datasets.load(name)) > 0


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(SpecificationError, match=r"'pinguins'; available: penguins"):
        datasets.load("pinguins")
