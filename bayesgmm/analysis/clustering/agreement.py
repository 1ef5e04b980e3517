"""Agreement of the components with a known grouping of the rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Set
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from bayesgmm.analysis.clustering.partition import DEFAULT_DRAWS, each_allocation
from bayesgmm.analysis.draws import draws_to_use
from bayesgmm.data.alongside import in_order_of_rows
from bayesgmm.data.cells import first_labels
from bayesgmm.errors import DataError
from bayesgmm.numerics.partitions import (
    adjusted_rand,
    brier,
    contingency,
    normalized_mutual_information,
    variation_of_information,
)
from bayesgmm.numerics.statistics import mean_responsibilities
from bayesgmm.schema import CHAIN, COMPONENT, DRAW
from bayesgmm.seeds import RandomSeed
from bayesgmm.tree.fit import Fit, Fitted

_INDICES = {
    "adjusted_rand": adjusted_rand,
    "variation_of_information": variation_of_information,
    "normalized_mutual_information": normalized_mutual_information,
}

_SHAPE = "truth must be one label for each row: strings or numbers, in one dimension."


def agreement(
    mixture: Fitted,
    truth: Any,
    X: Any | None = None,
    *,
    max_draws: int | None = None,
    random_seed: RandomSeed = None,
) -> xr.Dataset:
    """Compare the components with a known grouping of the rows, draw by draw.

    In each draw the rows are allocated to components, z_i ~ Categorical(r_i1, ..., r_ik), and the
    resulting partition is compared with the known one. So every index has a posterior
    distribution, which includes the uncertainty of parameters and of allocations.

    The Brier score uses the responsibilities themselves. Components are matched one to one
    with groups, so that the responsibilities of the rows in the matched groups, averaged over
    max_draws, have the largest sum. With p_ig the responsibility of the component of group g (zero
    for groups left without one), p_i0 that of all components left over, and y_ig whether row i
    is in group g,

        score = mean over i of [ p_i0^2 + sum_g (p_ig - y_ig)^2 ],

    which is 0 if every row is given to its group with probability one, and 2 at worst.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`.
    truth : sequence of n labels
        The group of every row: strings or numbers, none missing. A pandas Series is
        matched by name where its index has names, see :func:`bayesgmm.fit`; anything else by
        position.
    X : table with the features of the fit, optional
        New rows; those of the fit by default.
    max_draws : int, optional
        Approximate number of draws to use, thinned evenly. By default 1000; beyond 100,000 rows
        fewer, so that rows times draws are 100 million, but no fewer than 500.
    random_seed : int, SeedSequence or Generator, optional
        By default the seed of the fit, so results are reproducible.

    Returns
    -------
    xarray.Dataset
        Dims ``chain, draw``: ``adjusted_rand`` (1 for equal partitions, 0 expected for unrelated
        ones); ``variation_of_information`` in nats, natural logarithms, 0 for equal partitions;
        divided by log 2 it is in bits; ``normalized_mutual_information``, over the mean of both
        entropies, 0 to 1; and ``brier``, 0 to 2, where 0 is perfect. These do not change if
        groups are renamed, and only ``brier`` relies on components having the same name in
        every draw. ``group`` (component) is the group that each component was matched with, as
        text, empty where there is none.

    Raises
    ------
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.
    DataError
        If ``truth`` does not have one label for each row, or some are missing; if the features
        of ``X`` are not those of the fit.
    SpecificationError
        If ``max_draws`` is not a positive whole number.

    References
    ----------
    Brier, G. W. (1950). Verification of forecasts expressed in terms of probability. Monthly
    Weather Review 78, 1-3.
    Hubert, L. and Arabie, P. (1985). Comparing partitions. Journal of Classification 2, 193-218.
    Meila, M. (2007). Comparing clusterings: an information based distance. Journal of
    Multivariate Analysis 98, 873-895.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> species = bg.datasets.load("penguins")["species"]
    >>> found = bg.agreement(bg.example_fit(), species, max_draws=100)
    >>> found["group"].values.tolist()
    ['Adelie', 'Gentoo', 'Chinstrap']
    >>> bool(found["adjusted_rand"].mean() > 0.85)
    True
    """
    fit = Fit.of(mixture)
    data = fit.rows(X)
    max_draws = draws_to_use(fit, data.n_rows, max_draws, most=DEFAULT_DRAWS)
    fit = fit.repeated(max_draws)
    groups, names = _read_groups(truth, data.row_names)
    rows, mixtures, _ = fit.on_standard_scale(data, n_draws=max_draws)
    matched = _matched(groups, names.size, mean_responsibilities(rows.rows, mixtures))
    k = mixtures.n_components
    found: dict[str, list[float]] = {name: [] for name in (*_INDICES, "brier")}
    seed = fit.seed if random_seed is None else random_seed
    for labels, resp in each_allocation(rows.rows, mixtures, seed):
        table = contingency(groups, labels, names.size, k)
        for name, index in _INDICES.items():
            found[name].append(float(index(table)))
        found["brier"].append(brier(resp, groups, matched))
    used, shape = fit.thinned(max_draws), mixtures.batch_shape
    texts = [str(names[group]) if group >= 0 else "" for group in matched]
    answer = xr.Dataset(
        {name: ((CHAIN, DRAW), np.reshape(values, shape)) for name, values in found.items()},
        coords={CHAIN: used[CHAIN].values, DRAW: used[DRAW].values},
    ).assign(group=(COMPONENT, np.array(texts)))
    answer["variation_of_information"].attrs["units"] = "nats"
    return answer.assign_coords({COMPONENT: fit.names})


def _matched(
    groups: Int[np.ndarray, " n"], n_groups: int, resp: Float[np.ndarray, "n k"]
) -> Int[np.ndarray, " k"]:
    """Return the group of each component, -1 for those left over."""
    totals = np.zeros((n_groups, resp.shape[1]))
    np.add.at(totals, groups, resp)
    chosen_groups, components = linear_sum_assignment(totals, maximize=True)
    matched = np.full(resp.shape[1], -1)
    matched[components] = chosen_groups
    return matched


def _read_groups(truth: Any, row_names: np.ndarray) -> tuple[Int[np.ndarray, " n"], np.ndarray]:
    """Return the group of each row, numbered from zero, and the names of the groups."""
    labels = _aligned(truth, row_names)
    missing = np.flatnonzero(labels.isna())
    if missing.size:
        raise DataError(
            f"truth has no label for {missing.size} of {row_names.size} rows; "
            f"{first_labels(row_names[missing])}. Leave these rows out of both truth and X."
        )
    if not all(isinstance(label, Hashable) for label in labels):
        raise DataError(_SHAPE)
    groups, names = pd.factorize(labels.to_numpy())
    return groups.astype(np.int64), np.asarray(names)


def _aligned(truth: Any, row_names: np.ndarray) -> pd.Series:
    """Return the labels in the order of the rows."""
    if isinstance(truth, pd.Series):
        labels = in_order_of_rows(truth, row_names, "truth")
    else:
        labels = _listed(truth)
    if len(labels) != row_names.size:
        raise DataError(
            f"truth has {len(labels)} labels, and there are {row_names.size} rows. Give one for "
            "each row, in their order, or a pandas Series whose index has the names of all rows."
        )
    return labels


def _listed(truth: Any) -> pd.Series:
    """Return labels that come in some order, and without names."""
    is_list = isinstance(truth, Iterable) and not isinstance(truth, str | bytes | Mapping | Set)
    if not is_list or getattr(truth, "ndim", 1) != 1:
        raise DataError(_SHAPE)
    return pd.Series(
        list(np.asarray(truth) if hasattr(truth, "__array__") else truth), dtype=object
    )
