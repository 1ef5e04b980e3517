"""How long the search for a mode will take where tables are wide, said before it begins."""

from __future__ import annotations

import time

import numpy as np

from bayesgmm.digits import counted
from bayesgmm.errors import warn
from bayesgmm.estimation.objective import Objective
from bayesgmm.numerics.annotated_rows import Rows

_WIDE = 24  # features; with fewer, matrices are not what takes the time
_CALLS_A_START, _CALLS_IF_THIN = 200, 600
"""Calls of the objective: half to twice as many with enough rows, and where there are fewer than
features in a component, a quarter or three times, as it comes near a singular matrix or not."""

_LONG = 60.0  # seconds


def warn_if_long(X: Rows, objective: Objective, n_starts: int) -> None:
    """Warn if the search will take more than a minute, by the time of one call of the objective."""
    layout = objective.layout
    if not layout.correlated or layout.n_features <= _WIDE:
        return
    is_thin = X.shape[0] < layout.n_components * layout.n_features
    calls = n_starts * (_CALLS_IF_THIN if is_thin else _CALLS_A_START)
    seconds = calls * _seconds_a_call(X, objective)
    if seconds > _LONG:
        tied = "" if layout.n_matrices == 1 else " one matrix for all components (Tied()),"
        warn(
            f"The search for the mode from {counted(n_starts, 'start')} will take some "
            f"{counted(max(1, round(seconds / 60)), 'minute')}, and draws from the posterior take "
            f"longer: {counted(layout.n_features, 'feature')} have {layout.size} parameters. "
            f"Sooner are no correlations (Diagonal()),{tied} fewer columns, such as the first "
            "principal components, or fewer starts: EM(n_starts=3)."
        )


def _seconds_a_call(X: Rows, objective: Objective) -> float:
    function, position = objective.function_of(X), np.zeros(objective.layout.size)
    times = []
    for _ in range(3):  # the first loads what is compiled
        begun = time.perf_counter()
        function(position)
        times.append(time.perf_counter() - begun)
    return min(times)
