"""The check of shapes itself: without it, annotations would be mere words."""

from __future__ import annotations

import os

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from bayesgmm.numerics.partitions import adjusted_rand, contingency
from bayesgmm.parameters import MixtureParameters
from tests.shape_checks import MOST_CALLS, begin_anew

pytestmark = pytest.mark.skipif(
    os.environ.get("BAYESGMM_SHAPE_CHECKS") == "0", reason="shape checks are switched off"
)

LABELS = np.array([0, 1, 1])


def test_sizes_must_agree_between_arguments():
    with pytest.raises(TypeCheckError, match="labels"):
        contingency(LABELS, LABELS[:2], 2, 2)


def test_kinds_of_numbers_and_ranks_are_checked():
    with pytest.raises(TypeCheckError, match="groups"):
        contingency(LABELS.astype(float), LABELS, 2, 2)
    with pytest.raises(TypeCheckError, match="tables"):
        adjusted_rand(np.ones(3))


def test_fields_of_values_are_checked():
    with pytest.raises(TypeCheckError):
        MixtureParameters(np.ones(2), np.ones((2, 3)), np.ones((2, 4)))


def test_only_the_first_calls_of_a_test_are_checked():
    for _ in range(MOST_CALLS):
        contingency(LABELS, LABELS, 2, 2)
    contingency(LABELS, LABELS[:1], 2, 2)  # which NumPy can do
    begin_anew()  # as the next test does
    with pytest.raises(TypeCheckError):
        contingency(LABELS, LABELS[:1], 2, 2)
