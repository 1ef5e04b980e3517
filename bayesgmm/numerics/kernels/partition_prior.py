"""The prior probability of a partition of the rows, given the number of components or without it.

The partition C of n rows into K+ clusters of N_k rows has the probability

    p(C | K) = K! / (K - K+)! Gamma(K e) / Gamma(K e + n) prod_k Gamma(N_k + e) / Gamma(e),

with the concentration e of every weight, which is alpha / K if the prior is dynamic. Components
that labels name count as clusters, and, as no other can take their name, (K - L)! takes the place
of K! if L are named (Miller & Harrison, 2018; Fruehwirth-Schnatter, Malsiner-Walli & Gruen, 2021).

References
----------
Fruehwirth-Schnatter, S., Malsiner-Walli, G. and Gruen, B. (2021). Generalized mixtures of finite
mixtures and telescoping sampling. Bayesian Analysis 16, 1279-1307.
Miller, J. W. and Harrison, M. T. (2018). Mixture models with a prior on the number of components.
Journal of the American Statistical Association 113, 340-356.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly


class NumberOfComponents(NamedTuple):
    """The prior of K and of the weights.

    Attributes
    ----------
    log_prior : array, shape (K_max,)
        log p(K).
    n_named : int
        Number of components that labels name, L.
    is_dynamic : bool
        Whether concentrations are alpha / K, or alpha.
    infers_alpha : bool
        Whether alpha has the prior F(6, 3), or stays as it is.
    """

    log_prior: np.ndarray
    n_named: int
    is_dynamic: bool
    infers_alpha: bool


@compiled_exactly
def log_partition(counts, n_filled, n_components, alpha, number):
    """Return log p(K) p(C | K), up to a constant; see the top of this file."""
    total = 0.0
    concentration = alpha / n_components if number.is_dynamic else alpha
    value = number.log_prior[n_components - 1]
    value += math.lgamma(n_components - number.n_named + 1.0)
    value -= math.lgamma(n_components - n_filled + 1.0)
    for component in range(n_filled):
        total += counts[component]
        if counts[component] > 0.0:
            value += math.lgamma(counts[component] + concentration) - math.lgamma(concentration)
    value += math.lgamma(n_components * concentration)
    return value - math.lgamma(n_components * concentration + total)


@compiled_exactly
def cluster_probabilities(numbers, concentrations, n_rows):
    """Return p(K+ = k) for every K, (m, k), given the concentration of every weight, (m,).

    Of K components with concentration e, the next row after i others fills one that is empty with
    probability (K - k) e / (K e + i) if k are filled: Polya's urn. The distribution of k follows
    row by row.
    """
    most = int(numbers.max())
    chances = np.zeros((numbers.shape[0], most + 1))
    for place in range(numbers.shape[0]):
        number, concentration = numbers[place], concentrations[place]
        own = chances[place]
        own[0] = 1.0
        for row in range(n_rows):
            share = concentration / (concentration * number + row)
            for k in range(min(int(number), row + 1), 0, -1):
                own[k] += own[k - 1] * (number - k + 1.0) * share
                own[k - 1] -= own[k - 1] * (number - k + 1.0) * share
    return chances[:, 1:]


@compiled_exactly
def write_log_partitions(counts, n_filled, alpha, number, values):
    """Write ``log_partition`` for every K, (K_max,); return the log of the sum.

    With a static prior what depends on the sizes of clusters is the same for all, and computed
    once.
    """
    most, largest, least = number.log_prior.shape[0], -np.inf, max(n_filled, 1)
    of_sizes, total = 0.0, 0.0
    for component in range(n_filled):
        total += counts[component]
        if not number.is_dynamic and counts[component] > 0.0:
            of_sizes += math.lgamma(counts[component] + alpha) - math.lgamma(alpha)
    for n_components in range(1, most + 1):
        value = -np.inf
        if n_components >= least and number.log_prior[n_components - 1] > -np.inf:
            if number.is_dynamic:
                value = log_partition(counts, n_filled, n_components, alpha, number)
            else:
                value = number.log_prior[n_components - 1] + of_sizes
                value += math.lgamma(n_components - number.n_named + 1.0)
                value -= math.lgamma(n_components - n_filled + 1.0)
                value += math.lgamma(n_components * alpha)
                value -= math.lgamma(n_components * alpha + total)
        values[n_components - 1] = value
        largest = max(largest, value)
    if not largest > -np.inf:
        return -np.inf
    together = 0.0
    for place in range(most):
        together += math.exp(values[place] - largest)
    return largest + math.log(together)
