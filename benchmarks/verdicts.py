"""How often the verdict is wrong: on fits that are well behaved, and on runs that are not."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable

import numpy as np
import xarray as xr
from settings import Settings
from tables import Record, Table

import bayesgmm as bg

GOOD_NOTE = (
    "Tables from mixtures whose components are at least six Mahalanobis distances apart, with 50 "
    "rows or more for each, up to 10 features and 10 components, fitted with default settings. "
    "failed: those that do not pass, of which 2 % are allowed; kinds: what was found."
)
BAD_NOTE = (
    "Runs that did not converge, or not to all of the posterior: good ones, spoilt (by one "
    "posterior standard deviation where it is by a distance), and chains that start at one of two "
    "mirror images of a mode, or at both. found: those that do not pass, of which 95 % are asked."
)


def measure(settings: Settings) -> list[Table]:
    """Return both tables."""
    n_good, n_each = (6, 2) if settings.quick else (200, 12)
    largest = 5 if settings.quick else 10
    warnings.filterwarnings("ignore", category=bg.ConvergenceWarning)
    trees = []
    good = Table("Verdicts on good fits", GOOD_NOTE, _well_behaved(n_good, largest, trees))
    return [good, Table("Verdicts on bad runs", BAD_NOTE, _spoilt(trees[-n_each:], n_each))]


def _well_behaved(n_fits: int, largest: int, trees: list[xr.DataTree]) -> list[Record]:
    """Fit, count, and keep the trees of small tables."""
    counts: dict[str, Counter] = {}
    for seed in range(n_fits):
        rng = np.random.default_rng(seed)
        d, k = int(rng.integers(1, largest + 1)), int(rng.integers(1, largest + 1))
        X = separated(int(k * max(50, 12 * d)), d, k, rng)
        tree = bg.fit(X, bg.MixtureSpec(k), random_seed=seed, progress=False)
        found = bg.diagnose(tree)
        size = "d up to 3" if d <= 3 else "d from 4 to 10"
        counts.setdefault(size, Counter()).update(
            ["fits", *([] if found.passed else ["failed"])]
            + [f"kind: {one.kind}" for one in found.findings if one.serious]
        )
        if found.passed and k > 1 and d <= 4:
            trees.append(tree)
    return [
        {"tables": size, "fits": count["fits"], "failed": count["failed"],
         "kinds": ", ".join(f"{name[6:]} {n}" for name, n in count.items() if name[:4] == "kind")}
        for size, count in sorted(counts.items())
    ]  # fmt: skip


def separated(n_rows: int, d: int, k: int, rng: np.random.Generator) -> np.ndarray:
    """Draw rows of components that are six Mahalanobis distances apart, or more."""
    covariances = []
    for _ in range(k):
        root = rng.standard_normal((d, d + 6))
        matrix = root @ root.T
        scales = np.exp(0.25 * rng.standard_normal(d)) / np.sqrt(np.diagonal(matrix))
        covariances.append(matrix * np.outer(scales, scales))
    spread = 3.0
    while True:
        means = rng.standard_normal((k, d)) * spread
        apart = [
            np.sqrt(away @ np.linalg.solve((covariances[i] + covariances[j]) / 2, away))
            for i in range(k) for j in range(i) for away in [means[i] - means[j]]
        ]  # fmt: skip
        if min(apart, default=6.0) >= 6.0:
            break
        spread *= 1.05
    rows = np.repeat(np.arange(k), -(-n_rows // k))[:n_rows]
    return np.array([rng.multivariate_normal(means[z], covariances[z]) for z in rows])


def _spoilt(trees: list[xr.DataTree], n_each: int) -> list[Record]:
    records = []
    for name, spoil in SPOILT.items():
        spoilt = [spoil(tree.copy(deep=True)) for tree in trees]
        records.append(_counted(name, spoilt))
    for name, start in (("one of two modes", "mode"), ("both of two modes", "multi")):
        fits = [
            bg.fit(mirrored(seed), bg.MixtureSpec(2), engine=bg.NUTS(init=start),
                   random_seed=seed, progress=False)
            for seed in range(n_each)
        ]  # fmt: skip
        records.append(_counted(name, fits))
    return records


def _counted(name: str, trees: list[xr.DataTree]) -> Record:
    return {"what": name, "runs": len(trees),
            "found": sum(not bg.diagnose(tree).passed for tree in trees)}  # fmt: skip


def mirrored(seed: int) -> np.ndarray:
    """Draw four clouds at the corners of a square, and swap the features: two modes."""
    rng = np.random.default_rng(seed)
    corners = np.array([(-5, -5), (-5, 5), (5, -5), (5, 5)])
    rows = np.repeat(corners, 30, axis=0) + rng.standard_normal((120, 2))
    return np.concatenate([rows, rows[:, ::-1]])


def _moved(tree: xr.DataTree, change: Callable[[np.ndarray], np.ndarray]) -> xr.DataTree:
    """Change the draws of one mean, axes chain, draw, in units of its standard deviation."""
    posterior = tree["posterior"].to_dataset()
    means = posterior["means"].values.copy()
    values = means[..., 0, 0]
    center, width = values.mean(), values.std()
    means[..., 0, 0] = center + width * change((values - center) / width)
    tree["posterior"] = posterior.assign(means=(posterior["means"].dims, means))
    return tree


def _each_held(tree: xr.DataTree, n_draws: int) -> xr.DataTree:
    """Repeat each of a few draws, as chains do that hardly move."""
    places = np.arange(tree["posterior"].sizes["draw"]) // n_draws * n_draws
    for name in ("posterior", "sample_stats", "log_likelihood"):
        group = tree[name].to_dataset()
        tree[name] = group.isel(draw=places).assign_coords(draw=group["draw"])
    return tree


def _of_chain(values: np.ndarray, chain: int) -> np.ndarray:
    return (np.arange(values.shape[0]) == chain)[:, None] * np.ones(values.shape)


SPOILT: dict[str, Callable[[xr.DataTree], xr.DataTree]] = {
    "one chain apart": lambda tree: _moved(tree, lambda z: z + _of_chain(z, 1)),
    "two chains apart by half": lambda tree: _moved(
        tree, lambda z: z + 0.5 * (_of_chain(z, 0) + _of_chain(z, 3))
    ),
    "all chains drift": lambda tree: _moved(tree, lambda z: z + np.linspace(-0.5, 0.5, z.shape[1])),
    "one chain too narrow": lambda tree: _moved(tree, lambda z: z * (1 - 0.5 * _of_chain(z, 2))),
    "moves every 50th draw": lambda tree: _each_held(tree, 50),
    "too few draws": lambda tree: tree.isel(draw=slice(0, 60)),
}
"""What is done to a run that is good."""
