"""A fit for each verdict, built to deserve it and no other."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import xarray as xr

import bayesgmm as bg
from bayesgmm.schema import with_record
from tests.labels import shuffled

SHORT = bg.Gibbs(draws=300, tune=200)
"""Chains that are dealt out anew need not mix well."""


def cloud(n_rows: int, *center: float, seed: int = 0) -> np.ndarray:
    """Standard normal rows around a center."""
    return np.random.default_rng(seed).normal(size=(n_rows, len(center))) + center


def fitted(rows: np.ndarray, spec: bg.MixtureSpec, engine: object) -> xr.DataTree:
    """Fit; a step that diverges by chance would be a finding of its own, and is forgotten."""
    tree = bg.fit(rows, spec, engine=engine, random_seed=1, progress=False)
    if "diverging" in tree["sample_stats"]:
        tree["sample_stats"]["diverging"][:] = False
    return tree


def dealt(tree: xr.DataTree, n_chains: int = 4) -> xr.DataTree:
    """Deal all draws out to chains anew: then chains agree, whatever random numbers made them."""
    sizes = tree["posterior"].sizes
    order = np.random.default_rng(0).permutation(sizes["chain"] * sizes["draw"])
    new = tree.copy()
    for name in ("posterior", "sample_stats", "log_likelihood", "relabeling"):
        old = tree[name].to_dataset()
        variables = {
            key: (values.dims, _dealt(values, order, n_chains))
            for key, values in old.data_vars.items()
        }
        chains = {"chain": np.arange(n_chains), "draw": np.arange(order.size // n_chains)}
        others = {key: values for key, values in old.coords.items() if key not in chains}
        new[name] = xr.DataTree(xr.Dataset(variables, others | chains, old.attrs))
    return new


def _dealt(values: xr.DataArray, order: np.ndarray, n_chains: int) -> np.ndarray:
    if values.dims[:2] != ("chain", "draw"):
        return values.values
    flat = values.values.reshape(order.size, *values.shape[2:])[order]
    return flat.reshape(n_chains, -1, *values.shape[2:])


def corners() -> np.ndarray:
    """Four clouds, the same after swapping the features: two splits in two are equally good."""
    rows = np.concatenate(
        [cloud(30, *center, seed=seed) for seed, center in
         enumerate([(-5, -5), (-5, 5), (5, -5), (5, 5)])]
    )  # fmt: skip
    return np.concatenate([rows, rows[:, ::-1]])


def converged() -> xr.DataTree:
    return dealt(bg.example_fit())


def labels_switched() -> xr.DataTree:
    """Draws whose labels were shuffled at random, then relabeled as every fit is."""
    return bg.relabel(shuffled(converged(), seed=0))


def overlap() -> xr.DataTree:
    """One cloud, and two components of one width to share it."""
    spec = bg.MixtureSpec(2, covariances=bg.TiedSpherical())
    return dealt(fitted(cloud(200, 0, 0), spec, bg.NUTS(draws=400, tune=400)))


def different_modes() -> xr.DataTree:
    return fitted(corners(), bg.MixtureSpec(2), bg.NUTS(init="multi"))


def unvisited_mode() -> xr.DataTree:
    return dealt(fitted(corners(), bg.MixtureSpec(2), bg.Laplace(draws=4000)))


def empty_component() -> xr.DataTree:
    """Two clouds, and a third component that hardly wants any weight."""
    rows = np.concatenate([cloud(60, 0, 0), cloud(60, 9, 0, seed=1)])
    spec = bg.MixtureSpec(3, weights=bg.Dirichlet((50.0, 50.0, 0.1)))
    return dealt(fitted(rows, spec, SHORT))


def few_rows() -> xr.DataTree:
    """Two clouds and a single row far away from them."""
    rows = np.concatenate([cloud(100, 0, 0), cloud(100, 8, 0, seed=1), [[30.0, 30.0]]])
    # Half-t scales say nothing of the width of a single row; these do.
    spec = bg.MixtureSpec(3, covariances=bg.Full(bg.InverseGamma()))
    return dealt(fitted(rows, spec, SHORT))


def collapsed_component() -> xr.DataTree:
    """A cloud, and sixty rows that are all equal."""
    rows = np.concatenate([cloud(150, 0, 0), np.full((60, 2), 8.0)])
    return dealt(fitted(rows, bg.MixtureSpec(2, covariances=bg.Diagonal()), SHORT))


def divergences() -> xr.DataTree:
    """Divergences where component 1 is narrow in the length of bills."""
    tree = converged()
    widths = tree["posterior"]["scales"].sel(component=1, feature="bill_length_mm")
    diverging = widths < widths.quantile(0.01)
    statistics = tree["sample_stats"].to_dataset()
    tree["sample_stats"] = statistics.assign(diverging=diverging.reset_coords(drop=True))
    return tree


def chains_disagree() -> xr.DataTree:
    """Half a standard deviation between one chain and the others, in a correlation."""
    tree = converged()
    posterior = tree["posterior"].to_dataset()
    moves = posterior["correlations"].copy(data=np.zeros(posterior["correlations"].shape))
    moves[3, :, 2, 0, 1] = moves[3, :, 2, 1, 0] = 0.06
    tree["posterior"] = posterior.assign(correlations=posterior["correlations"] + moves)
    return tree


def few_draws() -> xr.DataTree:
    """Chains that agree, but whose log posterior goes up and down slowly."""
    tree = converged()
    statistics = tree["sample_stats"].to_dataset()
    wave = np.sin(2 * np.pi * np.arange(1000) / 100) * np.ones((4, 1))
    tree["sample_stats"] = statistics.assign(lp=(("chain", "draw"), wave))
    return tree


def one_chain() -> xr.DataTree:
    return fitted(cloud(100, 0), bg.MixtureSpec(1), bg.NUTS(draws=1000, chains=1))


def interrupted() -> xr.DataTree:
    return with_record(converged(), partial=True)


def better_mode() -> xr.DataTree:
    """As if EM had been stuck: the means of the estimate are two standard deviations off."""
    tree = converged()
    estimate = tree["point_estimate"].to_dataset()
    moved = estimate["means"] + 2 * estimate["scales"]
    tree["point_estimate"] = estimate.assign(means=moved)
    return tree


def approximation() -> xr.DataTree:
    return fitted(cloud(40, 0), bg.MixtureSpec(1), bg.Laplace())


VERDICTS: dict[str, tuple[Callable[[], xr.DataTree], set[str]]] = {
    case.__name__: (cache(case), kinds)
    for case, kinds in (
        (converged, set()),
        (labels_switched, {"labels switched"}),
        (overlap, {"overlap"}),
        (different_modes, {"different modes"}),
        (unvisited_mode, {"unvisited mode"}),
        (empty_component, {"empty component"}),
        (few_rows, {"few rows"}),
        (collapsed_component, {"collapsed component"}),
        (divergences, {"divergences"}),
        (chains_disagree, {"chains disagree"}),
        (few_draws, {"few draws"}),
        (one_chain, {"one chain"}),
        (interrupted, {"interrupted"}),
        (better_mode, {"better mode"}),
        (approximation, {"approximation"}),
    )
}
"""Name of the case: the fit, and the kinds of findings that it deserves."""


def tree_of(name: str) -> xr.DataTree:
    """Return the fit of a case, as a copy."""
    return VERDICTS[name][0]().copy(deep=True)
