"""What a fit says while it runs: lines on standard output where ``verbose`` asks for them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Voice:
    """Tells of starts and iterations, with times from level 2 on.

    Attributes
    ----------
    level : int or bool
    interval : int
        Iterations between two lines.
    """

    level: int
    interval: int
    _begun: float = field(default_factory=time.perf_counter)
    _last: float = field(default_factory=time.perf_counter)

    def begin(self, number: int) -> None:
        """Tell that a start begins."""
        self._begun = self._last = time.perf_counter()
        self._say(f"Start {number}")

    def iteration(self, number: int, gain: float) -> None:
        """Tell of an iteration, if it is its turn."""
        if not self.level or number % self.interval:
            return
        now = time.perf_counter()
        self._say(f"  iteration {number}", f"{now - self._last:.5f} s, lower bound {gain:+.5f}")
        self._last = now

    def end(self, lower_bound: float, *, converged: bool) -> None:
        """Tell how a start ended."""
        seconds = time.perf_counter() - self._begun
        how = "converged" if converged else "did not converge"
        self._say(f"Start {how}", f"{seconds:.5f} s, lower bound {lower_bound:.5f}")

    def _say(self, text: str, details: str = "") -> None:
        if self.level:
            print(f"{text}: {details}" if self.level > 1 and details else text)
