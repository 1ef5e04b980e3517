"""Overlap of components: misclassification probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.analysis.mixtures import Uncertainty, read_mixtures
from bayesgmm.numerics.overlap import misclassification
from bayesgmm.options import expect_whole_number
from bayesgmm.schema import CHAIN, COMPONENT, COMPONENT_BIS, DRAW


def overlap(
    mixture: Any, *, uncertainty: Uncertainty = "posterior", max_draws: int = 100
) -> xr.Dataset:
    """Return how much each pair of components overlaps.

    For components i and j,

        w_ij = P( pi_j N(x | mu_j, Sigma_j) > pi_i N(x | mu_i, Sigma_i) ),  x ~ N(mu_i, Sigma_i),

    and their overlap is w_ij + w_ji: 0 for complete separation, and 1 for two components that are
    the same. It is computed numerically, not by simulation, with errors below 1e-6.

    Parameters
    ----------
    mixture : xarray.DataTree, PointEstimate or MixtureParameters
        A fit; a tree with a group ``prior``; an estimate; or parameters.
    uncertainty : {"posterior", "point"}, default "posterior"
        Use the draws of a fit, or its point estimate.
    max_draws : int, default 100
        About how many draws to use, spread evenly over all chains.

    Returns
    -------
    xarray.Dataset
        ``misclassified``, w_ij, the probability that a row of ``component`` is more probable
        under ``component_bis``, zero where both are the same; and ``overlap``, symmetric, one on
        the diagonal. Dims ``chain, draw, component, component_bis``; a single mixture has the
        last two.

    Raises
    ------
    SpecificationError
        If ``mixture`` is none of these, its parameters make no mixture, or ``max_draws`` is not a
        positive whole number.
    SchemaError
        If it is a tree of another kind.

    References
    ----------
    Maitra, R. and Melnykov, V. (2010). Simulating data to study performance of finite mixture
    modeling and clustering algorithms. Journal of Computational and Graphical Statistics 19,
    354-376.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> found = bg.overlap(bg.example_fit(), max_draws=40)["overlap"].mean(("chain", "draw"))
    >>> found.values.round()
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    expect_whole_number("max_draws", max_draws)
    mixtures = read_mixtures(mixture, uncertainty)
    n_chains, available = mixtures.parameters.batch_shape
    each = min(available, -(-max_draws // n_chains))
    chosen = np.linspace(0, available - 1, each).round().astype(int)
    wrong = misclassification(mixtures.parameters.draw((slice(None), chosen)))
    names, batch = mixtures.components, (CHAIN, DRAW)
    same = np.eye(names.size)
    answer = xr.Dataset(
        {
            "misclassified": ((*batch, COMPONENT, COMPONENT_BIS), wrong),
            "overlap": (
                (*batch, COMPONENT, COMPONENT_BIS),
                wrong + np.swapaxes(wrong, -1, -2) + same,
            ),
        },
        coords={
            CHAIN: mixtures.chains,
            DRAW: mixtures.draws[chosen],
            COMPONENT: names,
            COMPONENT_BIS: names,
        },
    )
    is_one = (n_chains, available) == (1, 1)
    return answer.isel({CHAIN: 0, DRAW: 0}, drop=True) if is_one else answer
