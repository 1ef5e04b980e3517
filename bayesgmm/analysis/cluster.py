"""The component that each row comes from, and how sure that is."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.analysis.rows import asked_rows, component_names, on_standard_scale
from bayesgmm.numerics.statistics import each_mixture, responsibilities
from bayesgmm.schema import COMPONENT, ROW


def cluster(tree: xr.DataTree, X: Any | None = None) -> xr.Dataset:
    """Assign rows to components, with probabilities that include parameter uncertainty.

    r_ik = E[ pi_k N(x_i | mu_k, Sigma_k) / sum_l pi_l N(x_i | mu_l, Sigma_l) ], the expectation
    being over the posterior draws.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    X : table with the features of the fit, optional
        New rows; those of the fit by default.

    Returns
    -------
    xarray.Dataset
        ``responsibilities`` (obs_id, component), which sum to one over components; ``label``
        (obs_id), the most probable component; ``certainty`` (obs_id), its probability.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit``.
    DataError
        If the features of ``X`` are not those of the fit.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.example_fit()
    >>> clusters = bg.cluster(tree)
    >>> dict(clusters.sizes)
    {'obs_id': 342, 'component': 3}
    """
    rows, draws, _ = on_standard_scale(tree, data := asked_rows(tree, X))
    total = np.zeros((data.n_rows, draws.n_components))
    for _, mixture in each_mixture(draws):
        total += responsibilities(rows.values, mixture)
    probabilities = total / np.prod(draws.batch_shape)
    labels = probabilities.argmax(axis=1)
    names = component_names(tree)
    return xr.Dataset(
        {
            "responsibilities": ((ROW, COMPONENT), probabilities),
            "label": (ROW, names[labels]),
            "certainty": (ROW, probabilities.max(axis=1)),
        },
        coords={ROW: data.row_names, COMPONENT: names},
    )
