"""Posterior predictive tables, and predictive checks of each feature."""

from __future__ import annotations

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.analysis.generation.generate import draw_table
from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, equal_tails, interval_name
from bayesgmm.errors import SpecificationError
from bayesgmm.options import is_whole
from bayesgmm.schema import CHAIN, DATA, DRAW, FEATURE, ROW
from bayesgmm.seeds import RandomSeed, generator
from bayesgmm.tree.fit import Fit, Fitted, read_parameters


def posterior_predictive(
    mixture: Fitted, *, n_draws: int = 100, random_seed: RandomSeed = None
) -> xr.DataTree:
    """Return the tree with a group of replicated tables, as ArviZ's predictive checks take them.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`.
    n_draws : int, default 100
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
        If ``n_draws`` is not between 1 and the number of draws in a chain.
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.
    DataError
        If it is a conditional mixture, which has no rows.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.posterior_predictive(bg.example_fit(), n_draws=10, random_seed=1)
    >>> tree["posterior_predictive"]["x"].dims
    ('chain', 'draw', 'obs_id', 'feature')
    """
    fit = Fit.of(mixture)
    data = fit.data
    available = np.inf if fit.is_point else fit.posterior.sizes[DRAW]
    if not is_whole(n_draws) or not 1 <= n_draws <= available:
        raise SpecificationError(f"n_draws must lie between 1 and {available}, not {n_draws!r}.")
    rng = generator(random_seed)
    fit = fit.repeated(n_draws)
    posterior = fit.posterior
    chosen = fit.thinned(n_draws * posterior.sizes[CHAIN])
    parameters = read_parameters(chosen)
    tables = np.empty((*parameters.batch_shape, *data.values.shape))
    for index in np.ndindex(*parameters.batch_shape):
        tables[index] = draw_table(parameters.draw(index), data.n_rows, rng)[0]
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


CHECK = "check"
CHECKS: tuple[str, ...] = ("inside 50%", "inside 90%", "smallest", "largest")
"""Fractions of cells inside central predictive intervals, and the extremes."""

_TABLES, _MOST_NUMBERS = 400, 8_000_000  # replicated tables, and cells of them all together


def predictive_checks(tree: Fitted) -> xr.Dataset:
    """Compare each feature with replicated tables from the posterior.

    Four statistics are computed for the table and for every replicated one: the fractions of cells
    inside the central 50 % and 90 % of the predictive distribution, and the smallest and the
    largest cell. Replicated tables have the missing cells and weights of the table. A fraction far
    from those of replicated tables means that the model is too wide or too narrow in the center or
    in the tails (Gelman, Meng & Stern, 1996). There are about 400 of them, or fewer if they are
    long, drawn with the seed of the fit.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.

    Returns
    -------
    xarray.Dataset
        ``observed``; ``lower`` and ``upper``, the range of the replicated tables; and
        ``p_value``, the fraction of these with a larger statistic, ties counting half; dims
        check, feature. Attributes ``interval`` and ``tables``.

    References
    ----------
    Gelman, A., Meng, X.-L. and Stern, H. (1996). Posterior predictive assessment of model fitness
    via realized discrepancies. Statistica Sinica 6, 733-760.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.analysis.generation.posterior_predictive import predictive_checks
    >>> checks = predictive_checks(bg.example_fit())
    >>> dict(checks["p_value"].sizes)
    {'check': 4, 'feature': 4}
    """
    fit = Fit.of(tree)
    tails, data = equal_tails(DEFAULT_PROBABILITY), fit.data
    made = _replicated(fit, min(_TABLES, _MOST_NUMBERS // data.values.size))
    weights = data.counts
    counts = np.where(np.isnan(data.values), 0.0, weights[:, None])
    limits = np.quantile(made, [0.25, 0.75, 0.05, 0.95], axis=(0, 1))
    observed = _figures(data.values, counts, limits)
    figures = np.stack([_figures(table, counts, limits) for table in made])
    lower, upper = np.quantile(figures, tails, axis=0)
    larger = (figures > observed).mean(axis=0) + 0.5 * (figures == observed).mean(axis=0)
    found = {"observed": observed, "lower": lower, "upper": upper, "p_value": larger}
    return xr.Dataset(
        {name: ((CHECK, FEATURE), values) for name, values in found.items()},
        coords={CHECK: list(CHECKS), FEATURE: list(data.feature_names)},
        attrs={"interval": interval_name(DEFAULT_PROBABILITY), "tables": len(made)},
    )


def _replicated(fit: Fit, tables: int) -> Float[np.ndarray, "tables n d"]:
    """Return about so many tables from draws spread evenly over the chains."""
    chains, draws = (fit.posterior.sizes[dim] for dim in (CHAIN, DRAW))
    per_chain = min(draws, max(1, -(-tables // chains)))
    made = posterior_predictive(fit, n_draws=per_chain, random_seed=fit.seed)
    values = made["posterior_predictive"][DATA].values
    return values.reshape(-1, *values.shape[2:])


def _figures(
    values: Float[np.ndarray, "n d"],
    counts: Float[np.ndarray, "n d"],
    limits: Float[np.ndarray, "4 d"],
) -> Float[np.ndarray, "4 d"]:
    """Return the statistics of one table; ``counts`` are the weights of cells, zero if missing."""
    total, counting = counts.sum(axis=0), counts > 0
    shares = [
        np.where((values >= low) & (values <= high), counts, 0.0).sum(axis=0) / total
        for low, high in (limits[:2], limits[2:])
    ]
    smallest = np.where(counting, values, np.inf).min(axis=0)
    largest = np.where(counting, values, -np.inf).max(axis=0)
    return np.stack([*shares, smallest, largest])
