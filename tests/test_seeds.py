"""Seeds come in many shapes, and split the same way every time."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.errors import SpecificationError
from bayesgmm.seeds import generator, integer_seed, seed_sequence, spawn


@pytest.mark.parametrize("seed", [7, np.int64(7), np.random.SeedSequence(7)])
def test_the_same_seed_in_other_clothes(seed):
    assert generator(seed).random() == np.random.default_rng(7).random()


def test_spawning_does_not_depend_on_what_was_spawned_before():
    parent = np.random.SeedSequence(3)
    first = [child.generate_state(2).tolist() for child in spawn(parent, 3)]
    assert first == [child.generate_state(2).tolist() for child in spawn(parent, 3)]
    assert len({tuple(state) for state in first}) == 3


def test_a_generator_moves_on():
    rng = np.random.default_rng(1)
    assert seed_sequence(rng).entropy != seed_sequence(rng).entropy


def test_no_seed_is_another_seed_every_time():
    assert seed_sequence(None).entropy != seed_sequence(None).entropy


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True])
def test_refuses_what_is_no_seed(seed):
    with pytest.raises(SpecificationError, match="random_seed"):
        seed_sequence(seed)


def test_integers_fit_into_31_bits():
    numbers = [integer_seed(child) for child in spawn(0, 100)]
    assert all(0 <= number < 2**31 for number in numbers)
    assert len(set(numbers)) == 100


def test_nothing_global_is_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    generator(5).random(10)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
