"""Selection of the number of components and the covariance structure by information criteria."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bayesgmm.analysis.selection.grid import Sweep
from bayesgmm.analysis.selection.table import name_of, tabulated
from bayesgmm.data.answers import Tabular
from bayesgmm.data.dataset import Dataset, read_table
from bayesgmm.digits import counted
from bayesgmm.errors import DataError, SpecificationError, warn
from bayesgmm.estimation.em import EM
from bayesgmm.options import expect_whole_number
from bayesgmm.priors.catalog import structures_by_likelihood
from bayesgmm.priors.covariances import CovarianceStructure
from bayesgmm.seeds import RandomSeed

if TYPE_CHECKING:
    import xarray as xr

STRUCTURES = tuple(structures_by_likelihood().values())
"""All structures with distinct maximum likelihood."""

_FEW_ROWS = 5  # for each component, on average

SOLVER = EM("likelihood", n_starts=5, tolerance=3e-7)
"""For dozens of fits. They end within about 1e-4 of their optima; a difference of one matters."""


def select(
    X: Any,
    n_components: Iterable[int] = range(1, 10),
    covariances: Sequence[CovarianceStructure] = STRUCTURES,
    *,
    solver: EM | None = None,
    random_seed: RandomSeed = None,
    sample_weight: Any | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Fit a grid of numbers of components and covariance structures, and compare the fits.

    Every cell of the grid is one fit by maximum likelihood, with log-likelihood log L and p free
    parameters (k - 1 weights, k d means, and the free entries of the covariance matrices). It is
    the best of several runs: one starts from the fit with one component less, whose worst component
    is split, the others from fresh points. With n rows and responsibilities r_ik, the criteria are
    (smaller is better):

    BIC = -2 log L + p log n
        Approximates -2 log of the marginal likelihood, the probability of the rows under the
        model with its parameters integrated out, up to a term that does not grow with n (Schwarz,
        1978). It selects the number of normal distributions that describe the *density* of the
        rows, not clusters: a skewed or heavy-tailed cluster takes several. If the clusters are
        not exactly normal, no number is correct, and the selected one grows without bound
        as rows are added (Cai, Campbell & Broderick, 2021). Its derivation does not hold where a
        mixture has a superfluous component; its consistency for the true number of components has
        other proofs (Keribin, 2000).
    AIC = -2 log L + 2 p
        Estimates how well the fit predicts new rows (Akaike, 1974). Superfluous components hardly
        reduce predictive performance, so AIC selects too many, whatever n is.
    ICL = BIC - 2 sum_i log max_k r_ik
        BIC with a penalty on uncertain assignments (Biernacki, Celeux & Govaert, 2000). It selects
        the number of well-separated clusters, and merges overlapping ones: too few as a
        description of the density.
    NEC = -sum_i sum_k r_ik log r_ik / (log L - log L of one component)
        The entropy of the assignments relative to the gain in log-likelihood (Celeux & Soromenho,
        1996). It does not use the number of parameters, and is undefined for a single component,
        for which it is set to 1 (Biernacki, Celeux & Govaert, 1999): more only if NEC is below 1.

    All of them use point estimates. The likelihood is unbounded where a component
    collapses to a point; such runs are discarded, but a narrow component on a few rows that
    happen to be close together is a valid optimum, and can be selected. Inspect the fit.

    Parameters
    ----------
    X : table of n rows and d features
        Array, list of rows, pandas, polars or pyarrow table, or xarray object.
    n_components : iterable of int, default 1 to 9
        Numbers of components, in any order.
    covariances : sequence of covariance structures, optional
        By default ``Full()``, ``Tied()``, ``Diagonal()``, ``Spherical()``, ``TiedDiagonal()`` and
        ``TiedSpherical()``.
    solver : EM, optional
        By default ``EM("likelihood", n_starts=5, tolerance=3e-7)``: each cell starts from five
        fresh points. More starts find better optima for many components. With ``EM()`` the
        fits are posterior modes under the priors of ``covariances`` and the default priors of
        weights and means. Then no component collapses, and the criteria use the likelihood at the
        mode, as Fraley & Raftery (2007) do for BIC. It is below its maximum, so all criteria favor
        fewer components; the derivations of AIC and NEC do not apply.
    random_seed : int, SeedSequence or Generator, optional
        Places the starting points. The same seed gives the same table on any number of cores.
    sample_weight : array, shape (n,), optional
        How often each row counts: 2 is the same as two such rows, 0 leaves the row out, and the
        middles of bins with their counts stand for binned data. The number
        of rows in all criteria is the sum of weights.
    progress : bool, default True
        Whether to show a progress bar when it takes more than two seconds.

    Returns
    -------
    xarray.Dataset
        Dims ``covariances`` and ``n_components``. Variables ``n_parameters``, ``log_likelihood``
        (natural logarithm, in the units of the data), ``BIC``, ``AIC``, ``ICL``, ``NEC``,
        ``converged``, ``starts`` and ``agreeing`` (starting points, and how many of them reached
        the best optimum), ``failure`` (why a cell has no fit, else empty) and ``best`` (true for
        the smallest BIC). The attribute ``best`` names that cell, and ``spec`` holds it as JSON
        for :meth:`MixtureSpec.from_json`; ``rows`` is a checksum of the table. An interrupted run
        returns the finished cells; the others have a ``failure``.

    Warns
    -----
    BayesGMMWarning
        If the best fit has fewer than five rows for each component.

    Raises
    ------
    DataError
        If the table cannot be used, or no cell has a fit.
    SpecificationError
        If an argument is not one of the above, or a prior does not suit the number of features.
    KeyboardInterrupt
        If the run is interrupted before any cell is finished.

    References
    ----------
    Akaike, H. (1974). A new look at the statistical model identification. IEEE Transactions on
    Automatic Control 19, 716-723.

    Biernacki, C., Celeux, G. and Govaert, G. (1999). An improvement of the NEC criterion for
    assessing the number of clusters in a mixture model. Pattern Recognition Letters 20, 267-272.

    Biernacki, C., Celeux, G. and Govaert, G. (2000). Assessing a mixture model for clustering with
    the integrated completed likelihood. IEEE Transactions on Pattern Analysis and Machine
    Intelligence 22, 719-725.

    Cai, D., Campbell, T. and Broderick, T. (2021). Finite mixture models do not reliably learn the
    number of components. Proceedings of the 38th International Conference on Machine Learning,
    1158-1169.

    Celeux, G. and Soromenho, G. (1996). An entropy criterion for assessing the number of clusters
    in a mixture model. Journal of Classification 13, 195-212.

    Fraley, C. and Raftery, A. E. (2007). Bayesian regularization for normal mixture estimation and
    model-based clustering. Journal of Classification 24, 155-181.

    Keribin, C. (2000). Consistent estimation of the order of mixture models. Sankhya A 62, 49-66.

    Schwarz, G. (1978). Estimating the dimension of a model. Annals of Statistics 6, 461-464.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("penguins")[["bill_length_mm", "bill_depth_mm"]].dropna()
    >>> table = bg.select(
    ...     X, range(1, 6), [bg.Full(), bg.Tied()], random_seed=1, progress=False
    ... )
    >>> table["BIC"].values.round(-1)
    array([[3580., 3420., 3370., 3380., 3400.],
           [3580., 3440., 3370., 3350., 3360.]])
    >>> table.attrs["best"]
    'Tied, 4 components'
    >>> point = bg.estimate(X, bg.MixtureSpec.from_json(table.attrs["spec"]), random_seed=1)
    >>> point.weights.size
    4
    """
    structures = _expected_structures(covariances)
    numbers = _expected_numbers(n_components)
    solver = _expected_solver(solver)
    data = read_table(X, sample_weight)
    sweep = Sweep(data, structures, numbers, solver)
    cells = sweep.run(random_seed, progress=progress)
    if all(cell.failure for cell in cells.values()):
        (place, number), cell = next(iter(cells.items()))
        raise DataError(
            f"No cell of the grid has a fit. {name_of(structures[place])} with "
            f"{counted(number, 'component')}: {cell.failure.rstrip('.')}."
        )
    table = tabulated(structures, numbers, cells).assign_attrs(rows=data.checksum)
    _warn_of_few_rows(table, data)
    return Tabular.of(table)


def _warn_of_few_rows(table: xr.Dataset, data: Dataset) -> None:
    """Warn if the best fit has few rows per component, where the criteria are not valid."""
    number = table["n_components"].values[table["best"].values.any(axis=0)].item()
    each = data.fitted.total_weight / number
    if number > 1 and each < _FEW_ROWS:
        warn(
            f"The smallest BIC is that of {table.attrs['best']}, {each:.1f} rows for each: "
            f"the criteria are asymptotic, and below {_FEW_ROWS} rows per component they favor "
            "components of single rows. Use fewer components."
        )


def _expected_structures(covariances: Any) -> tuple[CovarianceStructure, ...]:
    if isinstance(covariances, str) or not isinstance(covariances, Iterable):
        raise SpecificationError(
            f"covariances must be a list of covariance structures such as [Full(), Tied()], "
            f"not {covariances!r}."
        )
    structures = tuple(covariances)
    if not structures:
        raise SpecificationError("covariances must hold at least one structure, such as Full().")
    for structure in structures:
        if not isinstance(structure, CovarianceStructure):
            raise SpecificationError(
                f"covariances must hold covariance structures such as Full() or Tied(), "
                f"not {structure!r}."
            )
    names = [name_of(structure) for structure in structures]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpecificationError(
            f"covariances must hold each kind of structure once; repeated: {twice}."
        )
    return structures


def _expected_numbers(n_components: Any) -> tuple[int, ...]:
    if isinstance(n_components, str) or not isinstance(n_components, Iterable):
        raise SpecificationError(
            f"n_components must be a list or range of whole numbers, such as range(1, 10), "
            f"not {n_components!r}."
        )
    numbers = list(n_components)
    if not numbers:
        raise SpecificationError(
            "n_components must hold at least one number, such as range(1, 10)."
        )
    for number in numbers:
        expect_whole_number("n_components", number)
    return tuple(sorted({int(number) for number in numbers}))


def _expected_solver(solver: EM | None) -> EM:
    solver = SOLVER if solver is None else solver
    if not isinstance(solver, EM):
        raise SpecificationError(f"solver must be an EM(), not {solver!r}.")
    return solver
