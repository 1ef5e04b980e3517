"""Draws of the component that every row comes from: partitions of the rows, from the posterior."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int32, Int64

from bayesgmm.numerics.annotated_rows import Rows
from bayesgmm.numerics.statistics import each_mixture, responsibilities
from bayesgmm.options import expect_whole_number
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior.fit import Fit, Fitted
from bayesgmm.seeds import RandomSeed, generator

DEFAULT_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Allocations:
    """Partitions of some rows, one for each of some draws.

    Attributes
    ----------
    labels : integer array, shape (draws, n)
        The component of every row; labels of one draw say nothing of those of another.
    row_names : array, shape (n,)
    """

    labels: Int32[np.ndarray, "draws n"]
    row_names: np.ndarray


def draw_allocations(
    tree: Fitted,
    X: Any | None = None,
    *,
    draws: int = DEFAULT_DRAWS,
    random_seed: RandomSeed = None,
) -> Allocations:
    """Draw the component of every row, z_i ~ Categorical(r_i1, ..., r_ik), once in each draw.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    X : table with the features of the fit, optional
        New rows; those of the fit by default.
    draws : int, default 1000
        About how many draws to use, spread evenly over all chains.
    random_seed : int, SeedSequence or Generator, optional
        By default the seed of the fit, so that one fit always gives the same allocations.
    """
    fit = Fit.of(tree)
    expect_whole_number("draws", draws)
    fit = fit.repeated(draws)
    rows, mixtures, _ = fit.on_standard_scale(data := fit.rows(X), n_draws=draws)
    labels = np.empty((int(np.prod(mixtures.batch_shape)), data.n_rows), np.int32)
    seed = fit.seed if random_seed is None else random_seed
    for number, (found, _) in enumerate(each_allocation(rows.rows, mixtures, seed)):
        labels[number] = found
    return Allocations(labels, data.row_names)


def each_allocation(
    X: Rows, mixtures: MixtureParameters, seed: RandomSeed
) -> Iterator[tuple[Int64[np.ndarray, " n"], Float[np.ndarray, "n k"]]]:
    """Yield, for one mixture after another, drawn components and what they are drawn with."""
    rng = generator(seed)
    for _, mixture in each_mixture(mixtures):
        shares = responsibilities(X, mixture)
        below = np.cumsum(shares[:, :-1], axis=1)
        yield (below <= rng.random((X.shape[0], 1))).sum(axis=1), shares
