"""Where chains start: around the mode, each from a point of its own, all in one labelling."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bayesgmm.engines.target import Target
from bayesgmm.parameters import MixtureParameters


def dispersed(
    target: Target, centre: MixtureParameters, seeds: list[np.random.SeedSequence]
) -> Float[np.ndarray, "chain p"]:
    """Return one position per seed, about one posterior standard deviation from the centre."""
    position = target.position_of(centre)
    deviations = rough_deviations(target, centre)
    noise = [np.random.default_rng(seed).standard_normal(position.size) for seed in seeds]
    return position + deviations * np.array(noise)


def rough_deviations(target: Target, centre: MixtureParameters) -> Float[np.ndarray, " p"]:
    """Posterior standard deviations of a position if every row knew its component.

    With N rows a mean has sigma / sqrt(N), a log scale 1 / sqrt(2 N), a correlation coordinate
    and a log-ratio of weights about 1 / sqrt(N).
    """
    layout = target.layout
    counts = 1.0 + target.data.n_rows * centre.weights
    shared = counts if layout.n_matrices > 1 else counts.sum(keepdims=True)
    parts = [
        1 / np.sqrt(counts[:-1]),
        (centre.scales / np.sqrt(counts)[:, None]).ravel(),
        np.repeat(1 / np.sqrt(2 * shared), layout.n_scales),
        np.repeat(1 / np.sqrt(shared), layout.n_pairs),
    ]
    return np.concatenate(parts)
