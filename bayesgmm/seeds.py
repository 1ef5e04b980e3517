"""Random seeds: seeds are converted to generators, without global state."""

from __future__ import annotations

import numpy as np

from bayesgmm.errors import SpecificationError

RandomSeed = int | np.random.SeedSequence | np.random.Generator | None


def seed_sequence(random_seed: RandomSeed) -> np.random.SeedSequence:
    """Turn what a user may pass as ``random_seed`` into a seed sequence.

    A generator is advanced by one draw, so that two calls with the same generator differ.
    """
    if isinstance(random_seed, np.random.SeedSequence):
        return random_seed
    if isinstance(random_seed, np.random.Generator):
        return np.random.SeedSequence(random_seed.integers(2**63, size=2).tolist())
    if random_seed is None:
        return np.random.SeedSequence()
    is_integer = isinstance(random_seed, int | np.integer) and not isinstance(random_seed, bool)
    if is_integer and random_seed >= 0:
        return np.random.SeedSequence(int(random_seed))
    raise SpecificationError(
        f"random_seed must be a non-negative integer, a SeedSequence, a Generator or None, "
        f"not {random_seed!r}."
    )


def spawn(random_seed: RandomSeed, n_children: int) -> list[np.random.SeedSequence]:
    """Split a seed into independent ones; the same seed always splits the same way."""
    parent = seed_sequence(random_seed)
    # A copy, because SeedSequence.spawn remembers how many children it has had.
    fresh = np.random.SeedSequence(parent.entropy, spawn_key=parent.spawn_key)
    return fresh.spawn(n_children)


def generator(random_seed: RandomSeed) -> np.random.Generator:
    """Return a generator of its own for this seed."""
    return np.random.default_rng(seed_sequence(random_seed))


def integer_seed(seed: np.random.SeedSequence) -> int:
    """Return 31 bits of a seed sequence, for libraries that take an integer only."""
    return int(seed.generate_state(1, np.uint32)[0] >> 1)
