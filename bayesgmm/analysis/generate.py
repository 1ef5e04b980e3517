"""New rows from what has been learnt."""

from __future__ import annotations

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from bayesgmm.analysis.rows import component_names
from bayesgmm.options import expect_whole_number
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior.parameters import read_parameters
from bayesgmm.schema import CHAIN, COMPONENT, DATA, DRAW, FEATURE, ROW, validate
from bayesgmm.seeds import RandomSeed, generator


def generate(tree: xr.DataTree, n_rows: int, *, random_seed: RandomSeed = None) -> xr.Dataset:
    """Draw new rows from the posterior predictive distribution.

    Each row takes one posterior draw at random, then a component by its weights, then a point
    from that component, so that rows differ as much as the uncertainty says.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    n_rows : int
        How many rows.
    random_seed : int, SeedSequence or Generator, optional
        The same seed gives the same rows.

    Returns
    -------
    xarray.Dataset
        ``x`` (obs_id, feature) in the units of the data; ``component``, ``chain`` and ``draw``
        (obs_id), where each row came from.

    Raises
    ------
    SpecificationError
        If ``n_rows`` is not a positive whole number.
    SchemaError
        If ``tree`` is not a result of ``fit``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> new = bg.generate(bg.example_fit(), 500, random_seed=2)
    >>> dict(new["x"].sizes)
    {'obs_id': 500, 'feature': 4}
    """
    expect_whole_number("n_rows", n_rows)
    validate(tree)
    rng = generator(random_seed)
    draws = read_parameters(tree["posterior"])
    n_chains, n_draws = draws.batch_shape
    chains, numbers = rng.integers(n_chains, size=n_rows), rng.integers(n_draws, size=n_rows)
    rows, components = draw_rows(draws.draw((chains, numbers)), rng)
    posterior = tree["posterior"]
    return xr.Dataset(
        {
            DATA: ((ROW, FEATURE), rows),
            COMPONENT: (ROW, component_names(tree)[components]),
            CHAIN: (ROW, posterior[CHAIN].values[chains]),
            DRAW: (ROW, posterior[DRAW].values[numbers]),
        },
        coords={ROW: np.arange(n_rows), FEATURE: posterior[FEATURE].values},
    )


def draw_rows(
    parameters: MixtureParameters, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
    """Draw one row from each of n mixtures (batch axis n), and the component it came from."""
    cumulative = np.cumsum(parameters.weights, axis=-1)
    uniform = rng.random(cumulative.shape[0])[:, None] * cumulative[:, -1:]
    components = (uniform > cumulative).sum(axis=-1)
    index = (np.arange(components.size), components)
    noise = rng.standard_normal((components.size, parameters.n_features))
    if parameters.correlations is not None:
        roots = np.linalg.cholesky(parameters.correlations[index])
        noise = np.einsum("nij,nj->ni", roots, noise)
    return parameters.means[index] + parameters.scales[index] * noise, components
