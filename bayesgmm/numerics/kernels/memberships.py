"""Responsibilities of the same rows under many mixtures, in one call.

Axes: m mixtures, n rows, d features, k components; the rest as in ``rows.py``.
"""

from __future__ import annotations

from bayesgmm.numerics.kernels.compiling import compiled
from bayesgmm.numerics.kernels.rows import diagonal_component_table, full_component_table


@compiled
def full_responsibilities(X, plausibilities, constants, means, factors, output):
    """Write the responsibilities under mixtures with correlations, (m, n, k)."""
    for draw in range(constants.shape[0]):
        full_component_table(
            X, plausibilities, constants[draw], means[draw], factors[draw], True, output[draw]
        )


@compiled
def diagonal_responsibilities(X, plausibilities, constants, means, factors, output):
    """Write the responsibilities under mixtures without correlations, (m, n, k)."""
    for draw in range(constants.shape[0]):
        diagonal_component_table(
            X, plausibilities, constants[draw], means[draw], factors[draw], True, output[draw]
        )
