"""Co-clustering probabilities: the posterior similarity matrix of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int64

from bayesgmm.analysis.clustering.partition import DEFAULT_DRAWS, each_allocation
from bayesgmm.analysis.draws import draws_to_use
from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.rows import Rows
from bayesgmm.numerics.statistics import each_mixture, responsibilities
from bayesgmm.options import expect_one_of, is_number
from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import ROW, ROW_BIS
from bayesgmm.seeds import RandomSeed
from bayesgmm.tree.fit import Fit, Fitted

METHODS = ("responsibilities", "allocations")

_BYTES_EACH = 24
"""Bytes per probability: the running sum, the contribution of some draws, and half a number of
their tables, which exist twice. More draws per product mean fewer additions to the sum."""

_FEWEST_NUMBERS = 4_000_000  # in the tables of draws that are multiplied at once, 32 MB


def co_clustering(
    mixture: Fitted,
    X: Any | None = None,
    *,
    method: str = "responsibilities",
    max_draws: int | None = None,
    rows: Sequence[int] | None = None,
    max_memory: float = 2e9,
    random_seed: RandomSeed = None,
) -> xr.DataArray:
    """Return the probability that two rows come from one component: the similarity matrix.

    c_ij = E[ sum_k r_ik r_jk ] for different rows, the expectation being over the posterior
    draws, and c_ii = 1. It is invariant to labels: it is the same under label switching,
    and without relabeling.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`.
    X : table with the features of the fit, optional
        New rows; those of the fit by default.
    method : {"responsibilities", "allocations"}, default "responsibilities"
        From the responsibilities of every draw; or as the fraction of draws in which the
        allocations z_i and z_j, drawn once in each, are equal. Both have the same expectation;
        the first has no Monte Carlo noise of allocations.
    max_draws : int, optional
        Approximate number of draws to use, thinned evenly. By default 1000; beyond 100,000 rows
        fewer, so that rows times draws are 100 million, but no fewer than 500.
    rows : sequence of positions, optional
        The rows of the matrix to return, all by default. For tables whose full matrix is too
        large: its memory and time grow with the square of the number of rows.
    max_memory : float, default 2e9
        Bytes that the computation may take; a larger matrix is refused.
    random_seed : int, SeedSequence or Generator, optional
        Of the allocations; by default the seed of the fit. Blocks computed with one seed belong to
        the same matrix. Responsibilities need none.

    Returns
    -------
    xarray.DataArray
        Probabilities, dims ``obs_id`` (the rows asked for) and ``obs_id_bis`` (all rows).

    Raises
    ------
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.
    DataError
        If the features of ``X`` are not those of the fit.
    SpecificationError
        If the matrix would take more than ``max_memory``, if ``rows`` are not positions of rows,
        or if ``method`` or ``max_draws`` is not one of those above.

    References
    ----------
    Binder, D. A. (1978). Bayesian cluster analysis. Biometrika 65, 31-38.
    Fritsch, A. and Ickstadt, K. (2009). Improved criteria for clustering based on the posterior
    similarity matrix. Bayesian Analysis 4, 367-391.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> together = bg.co_clustering(bg.example_fit())
    >>> dict(together.sizes)
    {'obs_id': 342, 'obs_id_bis': 342}
    >>> bg.co_clustering(bg.example_fit(), rows=[0, 1], max_draws=100).shape
    (2, 342)
    """
    expect_one_of("method", method, METHODS)
    fit = Fit.of(mixture)
    data = fit.rows(X)
    max_draws = draws_to_use(fit, data.n_rows, max_draws, most=DEFAULT_DRAWS)
    if method == "allocations":
        fit = fit.repeated(max_draws)
    chosen = _positions(rows, data.n_rows)
    _expect_room(data.n_rows if chosen is None else chosen.size, data.n_rows, max_memory)
    scaled, mixtures, _ = fit.on_standard_scale(data, n_draws=max_draws)
    if method == "responsibilities":
        tables: Iterator[np.ndarray] = (
            responsibilities(scaled.rows, one) for _, one in each_mixture(mixtures)
        )
    else:
        seed = fit.seed if random_seed is None else random_seed
        tables = _as_tables(scaled.rows, mixtures, seed)
    lines = data.row_names if chosen is None else data.row_names[chosen]
    numbers = max(_FEWEST_NUMBERS, lines.size * data.n_rows // 2)
    at_once = max(1, numbers // (data.n_rows * mixtures.n_components))
    return xr.DataArray(
        _mean_product(tables, at_once, chosen),
        coords={ROW: lines, ROW_BIS: data.row_names},
        dims=(ROW, ROW_BIS),
        name="co_clustering",
        attrs={"method": method, "n_draws": int(np.prod(mixtures.batch_shape))},
    )


def _as_tables(
    X: Rows, mixtures: MixtureParameters, seed: RandomSeed
) -> Iterator[Float[np.ndarray, "n k"]]:
    """Yield drawn allocations, a one in the column of the component."""
    ones = np.eye(mixtures.n_components)
    return (ones[labels] for labels, _ in each_allocation(X, mixtures, seed))


def _mean_product(
    tables: Iterator[np.ndarray], at_once: int, chosen: Int64[np.ndarray, " m"] | None
) -> Float[np.ndarray, "m n"]:
    """Return some rows of the mean of R R' over tables R (n, k), with ones on the diagonal.

    The product of horizontally stacked tables with itself is the sum of their products.
    """
    total: Any = 0.0  # until the first tables
    count = 0
    while side_by_side := list(islice(tables, at_once)):
        count += len(side_by_side)
        columns = np.concatenate(side_by_side, axis=1)
        # Written like this, NumPy sees that the product is symmetric, and computes half of it.
        total += columns @ columns.T if chosen is None else columns[chosen] @ columns.T
    total /= count
    np.minimum(total, 1.0, out=total)  # rounding
    own = np.arange(total.shape[1]) if chosen is None else chosen
    total[np.arange(own.size), own] = 1.0
    return total


def _positions(rows: Any, n_rows: int) -> Int64[np.ndarray, " m"] | None:
    if rows is None:
        return None
    positions = np.asarray(rows)
    if positions.ndim != 1 or positions.size == 0 or positions.dtype.kind not in "iu":
        raise SpecificationError(
            "rows must be positions of rows, such as range(100) or numpy.flatnonzero(mask), "
            f"not {rows!r}."
        )
    outside = positions[(positions < 0) | (positions >= n_rows)]
    if outside.size:
        raise SpecificationError(
            f"rows must lie between 0 and {n_rows - 1}, the positions of the {n_rows} rows; "
            f"{outside[0]} does not."
        )
    return positions.astype(np.int64)


def _expect_room(n_lines: int, n_rows: int, max_memory: Any) -> None:
    if not is_number(max_memory) or not max_memory > 0:
        raise SpecificationError(
            f"max_memory must be a positive number of bytes, not {max_memory!r}."
        )
    needed, lines = _BYTES_EACH * n_lines * n_rows, int(max_memory / (_BYTES_EACH * n_rows))
    if needed > max_memory:
        some = f"ask for fewer rows at once, such as rows=range({lines}), " if lines else ""
        raise SpecificationError(
            f"The matrix of {n_lines} by {n_rows} rows would need {needed / 1e9:.3g} GB, more "
            f"than max_memory={max_memory:g} bytes: {some}pass a sample of the rows as X, or "
            "allow more memory."
        )
