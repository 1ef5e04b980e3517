"""Bridge sampling: the ratio of two normalizing constants, from draws of both distributions.

With q normalized and p known up to its integral Z, the identity of Meng & Wong (1996),

    Z = E_q[p h] / E_p[q h],    h = 1 / (s_1 p / Z + s_2 q),

with s_1 and s_2 the fractions of draws from p and q, is solved for Z by iteration. This h has the
smallest error of all.

References
----------
Meng, X.-L. and Wong, W. H. (1996). Simulating ratios of normalizing constants via a simple
identity: a theoretical exploration. Statistica Sinica 6, 831-860.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

_ITERATIONS, _PRECISION = 500, 1e-6


class Bridge(NamedTuple):
    """A solution of the identity.

    Attributes
    ----------
    log_integral : float
        log Z.
    of_draws : array, shape (draw,)
        Logarithms of the terms of E_p, up to a constant.
    of_proposed : array, shape (proposal,)
        Those of the terms of E_q.
    """

    log_integral: float
    of_draws: Float[np.ndarray, " draw"]
    of_proposed: Float[np.ndarray, " proposal"]


def bridge(
    of_draws: Float[np.ndarray, " draw"],
    of_proposed: Float[np.ndarray, " proposal"],
    effective: float,
) -> Bridge:
    """Solve the identity for log Z.

    Parameters
    ----------
    of_draws, of_proposed : arrays, shape (draw,), (proposal,)
        log p - log q of both; minus infinity where p is zero.
    effective : float
        How many independent draws those from p are worth.
    """
    size = of_proposed.size
    ours, theirs = np.log([effective, size]) - math.log(effective + size)
    log_z = float(np.median(of_draws))
    for _ in range(_ITERATIONS):
        # Of q: p / (s_1 p + s_2 q Z); of p: q Z / (s_1 p + s_2 q Z), and a factor Z beside it.
        upper = of_proposed - log_z - np.logaddexp(ours + of_proposed - log_z, theirs)
        lower = -np.logaddexp(ours + of_draws - log_z, theirs)
        step = logsumexp(upper) - math.log(size) - logsumexp(lower) + math.log(of_draws.size)
        log_z += step
        if abs(step) < _PRECISION:
            break
    return Bridge(log_z, lower, upper)


def relative_variance(logs: Float[np.ndarray, " draw"]) -> float:
    """Return the variance of exp(logs) over the square of its mean."""
    values = np.exp(logs - logs.max())
    return float(values.var() / values.mean() ** 2)
