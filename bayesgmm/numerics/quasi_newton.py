"""Quasi-Newton steps to the mode of a function of a vector that returns its value and gradient.

A limited-memory BFGS method (Byrd, Lu, Nocedal & Zhu, 1995), in units in which the function is
about equally curved in every direction.

References
----------
Byrd, R. H., Lu, P., Nocedal, J. and Zhu, C. (1995). A limited memory algorithm for bound
constrained optimization. SIAM Journal on Scientific Computing 16, 1190-1208.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.optimize import Bounds, OptimizeResult, minimize

from bayesgmm.numerics.blocks import on_one_thread

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]

_UNUSABLE = 1e30  # stands for a value that is no number, so that the line search turns back


@on_one_thread
def highest_point(
    function: Function,
    start: Float[np.ndarray, " p"],
    units: Float[np.ndarray, " p"],
    *,
    lowest: Float[np.ndarray, " p"] | float = -np.inf,
    memory: int = 10,
    gradient: float = 1e-5,
    gain: float = 0.0,
    max_steps: int = 1000,
    max_calls: int = 5000,
    finished: Callable[[float], bool] = lambda value: False,
) -> tuple[Float[np.ndarray, " p"], int]:
    """Return the mode, or the highest point so far, and the number of calls of the function.

    Parameters
    ----------
    function : callable
        Returns value and gradient at a position.
    start, units : array, shape (p,)
        Where steps begin, and what they are measured in.
    lowest : array, shape (p,), or float
        Lower bounds of the steps, in units.
    memory : int
        Number of corrections that stand for the curvature.
    gradient : float
        Steps end where no coordinate of the gradient, per unit, is larger,
    gain : float
        or where a step raises the value by less, relative to the value,
    max_steps, max_calls : int
        or after so many steps or calls,
    finished : callable
        or where this says so of the value after a step.
    """

    def fall(steps: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = function(start + units * steps)
        if not (math.isfinite(value) and np.all(np.isfinite(slope))):
            return _UNUSABLE, np.zeros(steps.size)
        return -value, -units * slope

    def callback(intermediate_result: OptimizeResult) -> None:
        if finished(-intermediate_result.fun):
            raise StopIteration

    found = minimize(
        fall, np.zeros(start.size), jac=True, method="L-BFGS-B", callback=callback,
        bounds=Bounds(lowest, np.inf),
        options={
            "maxcor": memory, "ftol": gain, "gtol": gradient,
            "maxiter": max_steps, "maxfun": max_calls,
        },
    )  # fmt: skip
    return start + units * found.x, found.nfev
