"""Fair clocks: competitors take turns, and the best of several rounds counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

_PAUSE = 0.3  # until the threads of the one before have stopped looking for work

Clock = Callable[[], float]
"""Does its work and says how many seconds that took."""


def clocked(run: Callable[[], object]) -> Clock:
    """Turn a function into one that returns how long it took."""

    def clock() -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return clock


def best_seconds[Name: Hashable](
    contenders: dict[Name, Clock], *, rounds: int, warm_up: bool = True
) -> dict[Name, float]:
    """Run every contender once a round, in turn, and return the shortest time of each.

    With ``warm_up`` a first round is not counted: it fills caches and compiles.
    """
    best = dict.fromkeys(contenders, float("inf"))
    if warm_up:
        for clock in contenders.values():
            clock()
    for _ in range(rounds):
        for name, clock in contenders.items():
            time.sleep(_PAUSE)
            best[name] = min(best[name], clock())
    return best
