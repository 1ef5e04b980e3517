"""Which hyperparameters still wait for data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from bayesgmm.priors.scales import Columns
from bayesgmm.priors.spec import MixtureSpec

_NO_FLOOR = 1e-150
"""The resolution of what no data have: so fine that no standard deviation is below it."""


def without_data(spec: MixtureSpec, n_features: int) -> tuple[MixtureSpec, list[str]]:
    """Fill what does not depend on data, and name the hyperparameters that do.

    They are found by filling the spec from two different summaries of columns: what differs
    comes from the data.
    """
    names = tuple(f"x{place}" for place in range(n_features))  # as in tables without names
    zero, one, two, no_floor = np.full((n_features, 4), [0.0, 1.0, 2.0, _NO_FLOOR]).T
    first = spec.resolved(Columns(zero, one, one, no_floor, names))
    second = spec.resolved(Columns(one, two, two, no_floor, names))
    return first, list(_differences(first, second))


def _differences(first: Any, second: Any) -> Iterator[str]:
    for item in fields(first):
        ours, theirs = getattr(first, item.name), getattr(second, item.name)
        if is_dataclass(ours):
            yield from _differences(ours, theirs)
        elif ours != theirs:
            yield f"{item.name} of {type(first).__name__}"
