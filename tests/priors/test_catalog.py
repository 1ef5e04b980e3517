"""Structures by name: every name that either package uses, and no other."""

from __future__ import annotations

import pytest

import bayesgmm as bg
from bayesgmm.priors.catalog import structure_named, structure_names
from tests import cases


def test_the_catalog_lists_every_structure():
    known = {name: type(structure_named(name)) for name in structure_names()}
    assert known == cases.STRUCTURES


@pytest.mark.parametrize(
    ("name", "structure"),
    [("full", bg.Full()), ("tied", bg.Tied()), ("diag", bg.Diagonal()),
     ("spherical", bg.Spherical())],
)  # fmt: skip
def test_the_names_of_scikit_learn_are_known(name, structure):
    assert structure_named(name) == structure


def test_unknown_names_are_refused_in_words():
    with pytest.raises(bg.SpecificationError, match=r"no covariance structure 'round'.*'full'"):
        structure_named("round")
