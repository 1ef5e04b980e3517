"""Where the parameters lie in a position, the one vector that samplers move.

A position holds k - 1 log-ratios of the weights, k d means, the log scales u of every free
covariance matrix, then their correlation coordinates y (see ``covariances.py``).
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly


@compiled_exactly
def parts(vector, n_components, n_features, n_matrices, n_scales):
    """Log-ratios (k - 1,), means (k, d), log scales (m, s) and coordinates (m, p).

    They are views: to write into one is to write into the vector, a position or a gradient.
    """
    first_mean = n_components - 1
    first_scale = first_mean + n_components * n_features
    first_pair = first_scale + n_matrices * n_scales
    n_pairs = (vector.shape[0] - first_pair) // n_matrices
    return (
        vector[:first_mean],
        vector[first_mean:first_scale].reshape(n_components, n_features),
        vector[first_scale:first_pair].reshape(n_matrices, n_scales),
        vector[first_pair:].reshape(n_matrices, n_pairs),
    )


@compiled_exactly
def log_weights_of(ratios):
    """Logarithms of the k weights from k - 1 log-ratios; the last ratio is minus their sum."""
    n_components = ratios.shape[0] + 1
    logits = np.empty(n_components)
    last, largest = 0.0, -np.inf
    for component in range(n_components - 1):
        logits[component] = ratios[component]
        last -= ratios[component]
        largest = max(largest, ratios[component])
    logits[n_components - 1] = last
    largest = max(largest, last)
    total = 0.0
    for component in range(n_components):
        total += math.exp(logits[component] - largest)
    return logits - (largest + math.log(total))


@compiled_exactly
def write_ratios(log_weights, ratios):
    """The inverse of ``log_weights_of``, in place."""
    mean = log_weights.mean()
    for component in range(ratios.shape[0]):
        ratios[component] = log_weights[component] - mean
