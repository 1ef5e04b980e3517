"""What scikit-learn takes for randomness, as a seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesgmm.seeds import RandomSeed


def seed_of(random_state: Any) -> RandomSeed:
    """Return a seed for what scikit-learn calls ``random_state``.

    A ``RandomState`` is advanced, so that two calls with one differ; all else is what the
    functions of this package take, and ``None`` means another seed in every call.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesgmm.estimators.randomness import seed_of
    >>> seed_of(7)
    7
    >>> seed_of(np.random.RandomState(0)).entropy == seed_of(np.random.RandomState(0)).entropy
    True
    """
    if isinstance(random_state, np.random.RandomState):
        return np.random.SeedSequence(random_state.randint(2**31, size=4).tolist())
    return random_state
