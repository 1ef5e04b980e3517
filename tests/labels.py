"""Labels shuffled on purpose, as a sampler that visits all labelings would leave them."""

from __future__ import annotations

import numpy as np
import xarray as xr

import bayesgmm as bg
from bayesgmm.posterior.relabel.permute import Permutations, apply_permutations


def shuffled(tree: xr.DataTree, seed: int) -> xr.DataTree:
    """Permute every draw at random; what comes out passes as the raw order of an engine."""
    raw = bg.undo_relabeling(tree)
    rng, shape = np.random.default_rng(seed), tree["posterior"]["weights"].shape
    orders = rng.permuted(np.broadcast_to(np.arange(shape[-1]), shape), axis=-1)
    switched = apply_permutations(raw, Permutations(orders, np.ones(shape[:-1]), "shuffled"))
    switched["relabeling"]["permutation"][:] = np.arange(shape[-1])
    return switched
