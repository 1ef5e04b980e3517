"""Responsibilities of the same rows under many mixtures, in one call.

Axes: m mixtures, n rows, d features, k components; the rest as in ``rows.py``.
"""

from __future__ import annotations

from bayesgmm.numerics.kernels.compiling import compiled
from bayesgmm.numerics.kernels.rows import component_table


@compiled
def component_tables(X, plausibilities, constants, means, factors, output):
    """Write the responsibilities under every mixture, (m, n, k)."""
    for draw in range(constants.shape[0]):
        component_table(
            X, plausibilities, constants[draw], means[draw], factors[draw], True, output[draw]
        )
