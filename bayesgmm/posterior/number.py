"""The posterior of the number of components and of clusters, with its Monte Carlo error."""

from __future__ import annotations

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from bayesgmm.digits import counted
from bayesgmm.priors.number import probabilities_of_clusters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import N_CLUSTERS, N_COMPONENTS, NUMBER

_MOST_ROWS = 20_000  # for which the prior of the number of clusters is in the tree: a second


def table_of_number(
    posterior: xr.DataTree | xr.Dataset, spec: MixtureSpec, n_rows: int
) -> xr.Dataset:
    """Return prior and posterior of both numbers, dim ``number``, from 1 to the largest drawn."""
    numbers = {
        "components": posterior[N_COMPONENTS].values,
        "clusters": posterior[N_CLUSTERS].values,
    }
    most = int(numbers["components"].max())
    found: dict[str, np.ndarray] = {}
    for name, values in numbers.items():
        found[name], found[f"{name}_error"] = _probabilities(values, most)
    prior = prior_of_number(spec, n_rows if n_rows <= _MOST_ROWS else 0, most)
    return xr.Dataset(
        {name: (NUMBER, values) for name, values in found.items()},
        coords={NUMBER: np.arange(1, most + 1)},
    ).assign({f"prior_{name}": prior[name] for name in numbers})


def prior_of_number(spec: MixtureSpec, n_rows: int, most: int | None = None) -> xr.Dataset:
    """Return p(K) and p(K+ | n), up to a number; the latter is NaN where there are no rows."""
    number, weights = spec.n_components, spec.weights
    components = np.exp(number.log_probabilities())
    clusters = np.full(components.size, np.nan)
    if n_rows:
        clusters = probabilities_of_clusters(number, weights, n_rows)
    size = components.size if most is None else most
    return xr.Dataset(
        {"components": (NUMBER, components[:size]), "clusters": (NUMBER, clusters[:size])},
        coords={NUMBER: np.arange(1, size + 1)},
    )


def most_likely_in_words(probabilities: Float[np.ndarray, " m"], at_least: float = 0.8) -> str:
    """Return the shortest range of numbers with this probability, as part of a sentence."""
    totals = np.concatenate([[0.0], np.cumsum(probabilities)])
    for length in range(1, probabilities.size + 1):
        masses = totals[length:] - totals[:-length]
        first = int(masses.argmax())
        if masses[first] >= at_least or length == probabilities.size:
            break
    low, high = first + 1, first + length
    between = "or" if high == low + 1 else "to"
    many = counted(high, "cluster") if low == high else f"{low} {between} {high} clusters"
    verb = "has" if low == high == 1 else "have"
    return f"{many} {verb} probability {masses[first]:.2f}"


def _probabilities(
    numbers: Int[np.ndarray, "chain draw"], most: int
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Return how often each number was drawn, and the standard error of that."""
    from arviz_stats.base import array_stats

    shares, errors = np.zeros(most), np.zeros(most)
    for place in range(most):
        hits = (numbers == place + 1).astype(float)
        share = shares[place] = hits.mean()
        if 0 < share < 1:
            effective = array_stats.ess(hits, method="mean", chain_axis=0, draw_axis=1)
            errors[place] = np.sqrt(share * (1 - share) / max(effective, 1.0))
    return shares, errors
