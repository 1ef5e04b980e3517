"""Replicated tables: what the model would have expected to see."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesgmm.analysis.generate import draw_rows, repeated
from bayesgmm.errors import SpecificationError
from bayesgmm.options import is_whole
from bayesgmm.posterior.fit import Fit, Fitted, read_parameters
from bayesgmm.schema import CHAIN, DATA, DRAW, FEATURE, ROW
from bayesgmm.seeds import RandomSeed, generator


def posterior_predictive(
    tree: Fitted, *, draws: int = 100, random_seed: RandomSeed = None
) -> xr.DataTree:
    """Return the tree with a group of replicated tables, as ArviZ's predictive checks take them.

    Parameters
    ----------
    tree : xarray.DataTree or PointEstimate
        What :func:`bayesgmm.fit` or :func:`bayesgmm.estimate` returned.
    draws : int, default 100
        Replications from each chain, spread evenly over its draws; of a point estimate, as many
        as are asked for.
    random_seed : int, SeedSequence or Generator, optional
        The same seed gives the same tables.

    Returns
    -------
    xarray.DataTree
        A copy with the group ``posterior_predictive``: ``x`` (chain, draw, obs_id, feature), in
        the units of the data.

    Raises
    ------
    SpecificationError
        If ``draws`` is not between 1 and the number of draws in a chain.
    SchemaError
        If ``tree`` is not a result of ``fit`` or ``estimate``.
    DataError
        If it is a conditional mixture, which has no rows.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.posterior_predictive(bg.example_fit(), draws=10, random_seed=1)
    >>> tree["posterior_predictive"]["x"].dims
    ('chain', 'draw', 'obs_id', 'feature')
    """
    fit = Fit.of(tree)
    data = fit.rows(None)
    available = np.inf if fit.is_point else fit.posterior.sizes[DRAW]
    if not is_whole(draws) or not 1 <= draws <= available:
        raise SpecificationError(f"draws must lie between 1 and {available}, not {draws!r}.")
    rng = generator(random_seed)
    fit = fit.repeated(draws)
    posterior = fit.posterior
    chosen = fit.thinned(draws * posterior.sizes[CHAIN])
    parameters = read_parameters(chosen)
    tables = np.empty((*parameters.batch_shape, *data.values.shape))
    for index in np.ndindex(*parameters.batch_shape):
        tables[index] = draw_rows(repeated(parameters.draw(index), data.n_rows), rng)[0]
    replicated = xr.Dataset(
        {DATA: ((CHAIN, DRAW, ROW, FEATURE), tables)},
        coords={
            CHAIN: chosen[CHAIN].values,
            DRAW: chosen[DRAW].values,
            ROW: data.row_names,
            FEATURE: list(data.feature_names),
        },
    )
    result = fit.tree.copy()
    result["posterior_predictive"] = xr.DataTree(replicated)
    return result
