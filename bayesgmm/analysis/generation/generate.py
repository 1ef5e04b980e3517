"""New rows from a fitted mixture, a prior, an estimate or given parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from bayesgmm.analysis.mixtures import Mixtures, Uncertainty, read_mixtures
from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.family import FAMILY
from bayesgmm.options import expect_whole_number
from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import CHAIN, COMPONENT, DATA, DRAW, FEATURE, ROW
from bayesgmm.seeds import RandomSeed, generator

_NUMBERS_AT_ONCE = 2_000_000
"""Numbers in the parameters of a block of rows, one mixture per row."""


def generate(
    mixture: Any,
    n_rows: int,
    *,
    components: Any | Sequence[Any] | None = None,
    uncertainty: Uncertainty = "posterior",
    random_seed: RandomSeed = None,
) -> xr.Dataset:
    """Draw new rows from a fitted mixture, a prior, an estimate or given parameters.

    Each row samples one posterior draw, then a component by its weights, then a point from that
    component. So rows include the posterior uncertainty, and their order has no meaning.

    Parameters
    ----------
    mixture : xarray.DataTree, PointEstimate or MixtureParameters
        Result of :func:`bayesgmm.fit`; the prior, as :func:`bayesgmm.prior_predictive`
        returned it; what :func:`bayesgmm.estimate` returned; or parameters, one mixture or, with
        one batch axis, many.
    n_rows : int
        Number of rows.
    components : name or sequence of names, optional
        Rows of these components only: in every draw their weights
        are divided by their sum. All by default.
    uncertainty : {"posterior", "point"}, default "posterior"
        Use all draws of a fit, or its point estimate.
    random_seed : int, SeedSequence or Generator, optional
        The same seed gives the same rows.

    Returns
    -------
    xarray.Dataset
        ``x`` (obs_id, feature) in the units of the data; ``component``, ``chain`` and ``draw``
        (obs_id), the origin of each row. A single mixture is draw 0 of chain 0.

    Raises
    ------
    SpecificationError
        If ``n_rows`` is not a positive whole number, ``components`` names one that does not
        exist, or the given parameters are not a valid mixture.
    SchemaError
        If ``mixture`` is a tree of another kind.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> new = bg.generate(bg.example_fit(), 500, random_seed=2)
    >>> dict(new["x"].sizes)
    {'obs_id': 500, 'feature': 4}
    >>> some = bg.generate(bg.example_fit(), 500, components=[0, 2], random_seed=2)
    >>> sorted(set(some["component"].values.tolist()))
    [0, 2]
    """
    expect_whole_number("n_rows", n_rows)
    mixtures = read_mixtures(mixture, uncertainty)
    if components is not None:
        mixtures = _restricted(mixtures, components)
    rng = generator(random_seed)
    n_chains, n_draws = mixtures.parameters.batch_shape
    chains, draws = rng.integers(n_chains, size=n_rows), rng.integers(n_draws, size=n_rows)
    rows, places = _draw_in_blocks(mixtures.parameters, chains, draws, rng)
    return xr.Dataset(
        {
            DATA: ((ROW, FEATURE), rows),
            COMPONENT: (ROW, mixtures.components[places]),
            CHAIN: (ROW, mixtures.chains[chains]),
            DRAW: (ROW, mixtures.draws[draws]),
        },
        coords={ROW: np.arange(n_rows), FEATURE: list(mixtures.features)},
    )


def draw_rows(
    parameters: MixtureParameters, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
    """Draw one row from each of n mixtures (batch axis n), and the component it came from.

    Weights need not sum to one.
    """
    cumulative = np.cumsum(parameters.weights, axis=-1)
    uniform = rng.random(cumulative.shape[0])[:, None] * cumulative[:, -1:]
    components = (uniform > cumulative).sum(axis=-1)
    index = (np.arange(components.size), components)
    noise = FAMILY.draw(rng, (components.size, parameters.n_features))
    if parameters.correlations is not None:
        roots = np.linalg.cholesky(parameters.correlations[index])
        noise = np.einsum("nij,nj->ni", roots, noise)
    return parameters.means[index] + parameters.scales[index] * noise, components


def draw_table(
    one: MixtureParameters, n_rows: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
    """Draw rows from one mixture (no batch axes), and the components they came from.

    The same as :func:`draw_rows` from as many equal mixtures, with one Cholesky factor a component.
    """
    cumulative = np.cumsum(one.weights)
    components = np.searchsorted(cumulative, rng.random(n_rows) * cumulative[-1])
    noise = FAMILY.draw(rng, (n_rows, one.n_features))
    if one.correlations is not None:
        for component, root in enumerate(np.linalg.cholesky(one.correlations)):
            own = np.flatnonzero(components == component)
            noise[own] = np.einsum("ij,nj->ni", root, noise[own])
    return one.means[components] + one.scales[components] * noise, components


def _draw_in_blocks(
    parameters: MixtureParameters,
    chains: Int[np.ndarray, " n"],
    draws: Int[np.ndarray, " n"],
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
    """Draw one row from each of the given mixtures, a few thousand rows at a time."""
    n, k, d = chains.size, parameters.n_components, parameters.n_features
    rows, places = np.empty((n, d)), np.empty(n, dtype=int)
    at_once = max(1, _NUMBERS_AT_ONCE // (k * d * (d + 2)))
    for first in range(0, n, at_once):
        block = slice(first, first + at_once)
        own = parameters.draw((chains[block], draws[block]))
        rows[block], places[block] = draw_rows(own, rng)
    return rows, places


def _restricted(mixtures: Mixtures, components: Any) -> Mixtures:
    """Return the mixtures with some of their components, in the order of the mixtures."""
    is_one = isinstance(components, str | bytes) or np.ndim(components) == 0
    wanted = [components] if is_one else list(components)
    known = mixtures.components.tolist()
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted or len(set(wanted)) < len(wanted):
        raise SpecificationError(
            f"components must name components of the mixture, each once; it has {known}, and "
            f"{components!r} was asked for."
        )
    chosen = [place for place, name in enumerate(known) if name in wanted]
    parameters = mixtures.parameters.draw((slice(None), slice(None), chosen))
    if not np.all(parameters.weights.sum(axis=-1) > 0):
        raise SpecificationError(
            f"components: the weights of {wanted} are zero, so no rows can be generated from them."
        )
    return replace(mixtures, parameters=parameters, components=mixtures.components[chosen])
