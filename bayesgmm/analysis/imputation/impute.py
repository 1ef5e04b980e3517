"""Imputation of missing cells: predictions with intervals, and multiple imputations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from bayesgmm.analysis.clustering.partition import DEFAULT_DRAWS
from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, equal_tails, interval_name
from bayesgmm.data.completed import filled
from bayesgmm.data.dataset import Dataset, read_among
from bayesgmm.digits import counted
from bayesgmm.numerics.imputation import imputed_cells, predicted_cells
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.options import expect_whole_number
from bayesgmm.progress import CountProgress
from bayesgmm.schema import DATA, FEATURE, ROW
from bayesgmm.seeds import RandomSeed, spawn
from bayesgmm.tree.fit import Fit, Fitted

CELL = "cell"
"""The dim of missing cells, in the order of rows and, within a row, of features."""

_Gaps = tuple[Int[np.ndarray, " c"], Int[np.ndarray, " c"]]
"""Rows and features of the missing cells."""


@dataclass(frozen=True, eq=False, repr=False)
class Imputation:
    """A table whose missing cells were imputed.

    Attributes
    ----------
    frames : tuple of tables
        The imputations: complete tables of the type of the input, each with different values in
        the missing cells, drawn from the posterior. Analyze each, and combine the results with
        :func:`bayesgmm.pool_imputations`.
    completed : table
        Posterior means in the missing cells: the best single imputation. Do not use it for
        standard errors, because it treats imputed cells as observed.
    cells : xarray.Dataset
        One line for every missing cell: ``mean``, ``sd``, ``lower`` and ``upper`` (cell) of its
        posterior predictive distribution, in the units of the data, and its place, ``row``, the
        position of its row. Coordinates ``obs_id`` and ``feature`` name the place. The attribute
        ``interval`` names the kind of interval.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> birds = bg.datasets.load("penguins")
    >>> bg.impute(bg.example_fit(), birds, 5, random_seed=1)
    Imputation of 8 missing cells in 2 rows: 5 frames, completed, cells
    """

    frames: tuple[Any, ...]
    completed: Any
    cells: xr.Dataset

    def __repr__(self) -> str:
        n_cells, n_rows = self.cells.sizes[CELL], np.unique(self.cells["row"]).size
        return (
            f"Imputation of {counted(n_cells, 'missing cell')} in {counted(n_rows, 'row')}: "
            f"{len(self.frames)} frames, completed, cells"
        )


def impute(
    mixture: Fitted,
    X: Any | None = None,
    n_imputations: int = 20,
    *,
    ci_prob: float = DEFAULT_PROBABILITY,
    max_draws: int = DEFAULT_DRAWS,
    random_seed: RandomSeed = None,
    progress: bool = True,
) -> Imputation:
    """Impute missing cells: predictions with intervals, and multiple imputations (Rubin, 1987).

    Given the observed cells o of a row, its missing cells m have the posterior predictive density
    E[ sum_k r_ik N(x_m | mu_km + B_k (x_o - mu_ko), C_k) ], with r_ik the responsibilities given
    x_o, B_k = S_mo S_oo^-1 and C_k = S_mm - B_k S_om of the covariance matrix S of component k;
    the expectation is over the posterior draws. An imputation takes one draw, for every row a
    component, and then all its missing cells together. A row with no observed cell is drawn from
    the whole mixture.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`; it need not have seen rows
        with missing cells.
    X : table, optional
        Rows to impute; those of the fit by default, as an xarray ``DataArray``. Columns that are
        not features of the fit are passed through. If the features equal those of the fit, cell
        by cell, the labels of the fit are used as well.
    n_imputations : int, default 20
        Number of completed tables to draw. Each uses its own posterior draw, spread evenly
        over all chains.
    ci_prob : float, default 0.89
        Posterior predictive probability of the equal-tailed intervals.
    max_draws : int, default 1000
        Approximate number of posterior draws for means and intervals, thinned evenly. Given the
        draws they are exact.
    random_seed : int, SeedSequence or Generator, optional
        By default the seed of the fit, so that one tree always gives the same imputations.
    progress : bool, default True
        Whether to show progress if it takes more than two seconds.

    Returns
    -------
    Imputation
        ``frames``, ``completed`` and ``cells``. Tables have the type of ``X``, with
        observed cells unchanged, bit for bit. A column with missing cells that held no floats,
        whole numbers with nulls for example, holds floats.

    Raises
    ------
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.
    DataError
        If features of the fit are missing in ``X``, or cells are infinite or no numbers.
    SpecificationError
        If an option is out of range.

    Notes
    -----
    Under a point estimate, parameters are taken as known: intervals are too narrow, and so are
    those of analyses that are combined from its imputations, unless there are many rows.

    As for the fit, missingness may depend on observed cells, but not on the missing values
    themselves (missing at random). Otherwise imputations are biased, and the data cannot reveal it.

    References
    ----------
    Rubin, D. B. (1987). Multiple imputation for nonresponse in surveys. Wiley.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> birds = bg.datasets.load("penguins").iloc[[0]]
    >>> birds.loc[0, "body_mass_g"] = None
    >>> done = bg.impute(bg.example_fit(), birds, n_imputations=5)
    >>> done
    Imputation of 1 missing cell in 1 row: 5 frames, completed, cells
    >>> done.cells[["mean", "lower", "upper"]].to_dataframe().iloc[0, :3].round(-2).tolist()
    [3600.0, 3100.0, 4100.0]
    """
    expect_whole_number("n_imputations", n_imputations)
    expect_whole_number("max_draws", max_draws)
    tails = equal_tails(ci_prob)
    fit = Fit.of(mixture)
    table, data, columns = _asked(fit, X)
    missing, features = np.nonzero(np.isnan(data.values))
    gaps = missing, features
    seed = fit.seed if random_seed is None else random_seed

    def with_cells(values: Float[np.ndarray, " c"]) -> Any:
        return filled(table, gaps[0], columns[gaps[1]], values)

    with CountProgress("missing cells", gaps[0].size, visible=progress) as bar:
        cells = _predictions(fit, data, gaps, tails, max_draws, bar)
    given = ", conditional on the estimate" if fit.is_point else ""
    cells.attrs["interval"] = interval_name(ci_prob) + given
    frames = tuple(with_cells(one) for one in _imputations(fit, data, gaps, n_imputations, seed))
    return Imputation(frames, with_cells(cells["mean"].values), cells)


def _asked(fit: Fit, X: Any | None) -> tuple[Any, Dataset, Int[np.ndarray, " d"]]:
    """Return the table to impute, its dataset, and the columns of the features."""
    if X is None:
        known = fit.rows(None)
        return fit.tree["observed_data"][DATA], known, np.arange(known.n_features)
    data, columns = read_among(X, fit.feature_names)
    known = fit.data if fit.has_rows else data
    if np.array_equal(data.values, known.values, equal_nan=True):
        data = Dataset(
            data.values,
            data.feature_names,
            data.row_names,
            label_log_likelihoods=known.label_log_likelihoods,
        )
    return X, data, columns


def _predictions(
    fit: Fit,
    data: Dataset,
    gaps: _Gaps,
    tails: tuple[float, float],
    n_draws: int,
    bar: CountProgress,
) -> xr.Dataset:
    """Return statistics of the posterior predictive distribution of every missing cell."""
    rows, features = gaps
    scaling = fit.scaling
    standard, mixtures, _ = fit.on_standard_scale(data, n_draws=n_draws)
    found = predicted_cells(_annotated(standard), mixtures, tails, report=bar.advance)
    shift = scaling.shift[features]
    mean, sd, lower, upper = found.T * scaling.factor[features]
    return xr.Dataset(
        {
            "mean": (CELL, mean + shift),
            "sd": (CELL, sd),
            "lower": (CELL, lower + shift),
            "upper": (CELL, upper + shift),
            "row": (CELL, rows),
        },
        coords={
            ROW: (CELL, data.row_names[rows]),
            FEATURE: (CELL, np.array(data.feature_names)[features]),
        },
    )


def _imputations(
    fit: Fit, data: Dataset, gaps: _Gaps, n_imputations: int, seed: RandomSeed
) -> Float[np.ndarray, "m c"]:
    """Draw all missing cells, each time under a different posterior draw."""
    chooser, *seeds = spawn(seed, n_imputations + 1)
    scaling, parameters = fit.scaling, fit.draws
    chosen = _spread(int(np.prod(parameters.batch_shape)), n_imputations, chooser)
    mixtures = parameters.draw(np.unravel_index(chosen, parameters.batch_shape))
    standard = _annotated(scaling.standardize(data))
    drawn = imputed_cells(standard, scaling.standardize_parameters(mixtures), seeds)
    return drawn * scaling.factor[gaps[1]] + scaling.shift[gaps[1]]


def _annotated(data: Dataset) -> RowsInMemory:
    return RowsInMemory(data.values, label_log_likelihoods=data.label_log_likelihoods)


def _spread(
    n_draws: int, n_chosen: int, seed: np.random.SeedSequence
) -> Int[np.ndarray, " n_chosen"]:
    """Choose evenly spaced draws from a random first one, in random order."""
    rng = np.random.default_rng(seed)
    places = (np.arange(n_chosen) + rng.random()) * n_draws / n_chosen
    return rng.permutation(places.astype(int))
