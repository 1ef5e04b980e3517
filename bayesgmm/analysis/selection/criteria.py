"""What compares one fit with another: likelihood, number of parameters, and how rows are shared.

Axes: rows n, components k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import xlogy


@dataclass(frozen=True)
class Criteria:
    """The figures of one fit. Smaller criteria are better.

    Attributes
    ----------
    log_likelihood : float
        Of all rows, in the units of the data.
    n_components, n_parameters : int
        Components k and free parameters p.
    n_rows : float
        Rows n, each as often as it counts.
    entropy : float
        -sum_i sum_k r_ik log r_ik: how undecided the rows are between the components.
    hard_entropy : float
        -sum_i log max_k r_ik: the same, counting the most probable component of each row alone.
    gain : float
        How much higher the log-likelihood is than that of one component.
    """

    log_likelihood: float
    n_components: int
    n_parameters: int
    n_rows: float
    entropy: float
    hard_entropy: float
    gain: float

    @property
    def bic(self) -> float:
        """-2 log L + p log n (Schwarz, 1978)."""
        return -2 * self.log_likelihood + self.n_parameters * math.log(self.n_rows)

    @property
    def aic(self) -> float:
        """-2 log L + 2 p (Akaike, 1974)."""
        return -2 * self.log_likelihood + 2 * self.n_parameters

    @property
    def icl(self) -> float:
        """BIC + 2 times the hard entropy (Biernacki, Celeux & Govaert, 2000)."""
        return self.bic + 2 * self.hard_entropy

    @property
    def nec(self) -> float:
        """Entropy over what the likelihood gains on one component; that itself counts as 1.

        Celeux & Soromenho (1996), and Biernacki, Celeux & Govaert (1999) on one component. NaN
        where nothing is gained and the ratio says nothing.
        """
        if self.n_components == 1:
            return 1.0
        return self.entropy / self.gain if self.gain > 0 else math.nan


def entropies(
    shares: Float[np.ndarray, "n k"], row_weights: Float[np.ndarray, " n"] | None = None
) -> tuple[float, float]:
    """Return the entropy of the responsibilities of all rows, and the hard one."""
    by_component = np.ascontiguousarray(shares.T)  # of which the largest is found much sooner
    soft, hard = xlogy(by_component, by_component), np.log(by_component.max(axis=0))
    if row_weights is not None:
        soft, hard = soft * row_weights, hard * row_weights
    return -float(soft.sum()), -float(hard.sum())
