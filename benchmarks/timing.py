"""Fair clocks: competitors take turns, and the best of several rounds counts."""

from __future__ import annotations

import time
from collections.abc import Callable


def best_seconds(contenders: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Run every contender once a round, in turn, and return the shortest time of each.

    A first round that is not counted warms caches and compiles.
    """
    best = dict.fromkeys(contenders, float("inf"))
    for number in range(rounds + 1):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            if number:
                best[name] = min(best[name], time.perf_counter() - started)
    return best
