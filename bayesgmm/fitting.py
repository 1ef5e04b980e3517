"""The main functions, from a table to a posterior. Read this file first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesgmm.data.dataset import Dataset, read_table
from bayesgmm.data.standardize import Scaling
from bayesgmm.digits import counted
from bayesgmm.errors import ConvergenceWarning, SpecificationError, warn
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.point_estimate import PointEstimate, Status
from bayesgmm.estimation.problem import Problem
from bayesgmm.numerics.blocks import on_one_thread
from bayesgmm.numerics.exchangeability import any_exchangeable, exchangeable_groups
from bayesgmm.numerics.interrupts import interruptible
from bayesgmm.numerics.unconstrained import CovarianceMap
from bayesgmm.priors.spec import MixtureSpec, layout_of
from bayesgmm.seeds import RandomSeed, seed_sequence, spawn

if TYPE_CHECKING:  # heavy: imported when first used
    import pymc as pm
    import xarray as xr

    from bayesgmm.engines.catalog import Engine
    from bayesgmm.posterior.given_draws import GivenDraws
    from bayesgmm.tree.fit import Fitted


_MANY_COMPONENTS = 10
"""Few draws have more, where the number of components is unknown; for the memory that is needed."""


def fit(
    X: Any,
    spec: MixtureSpec,
    *,
    engine: Engine | str | None = None,
    random_seed: RandomSeed = None,
    sample_weight: Any | None = None,
    labels: Any | None = None,
    solver: EM | None = None,
    standardize: bool = True,
    order_by: str | Mapping[str, float] = "weights",
    keep_rows: bool = True,
    progress: bool = True,
) -> xr.DataTree:
    """Fit a Gaussian mixture and return its posterior.

    The data are validated and standardized, EM finds the posterior mode, the engine
    samples the posterior starting there, and the draws are returned in the units of the data,
    relabeled so that ``component`` has the same meaning in every draw, with a diagnosis.

    Parameters
    ----------
    X : table of n rows and d features
        Array, list of rows, pandas, polars or pyarrow table, or xarray object. NaN or null cells
        are missing and integrated out, which is valid if missingness depends on observed
        cells only (missing at random; Little & Rubin, 2019).
    spec : MixtureSpec
        Number of components and priors.
    engine : engine or str, optional
        ``NUTS()`` by default; ``Laplace()`` for a fast approximation. ``"nuts"``, ``"gibbs"``,
        ``"laplace"`` and ``"advi"`` are the engines with default settings. ``"auto"`` chooses by
        the table: ``Laplace(resample=True)`` where the posterior is nearly normal and has at most
        250 parameters, else ``Gibbs()`` from eight features on, else ``NUTS()``; the diagnosis
        says which and why.
    random_seed : int, SeedSequence or Generator, optional
        The same seed gives the same tree.
    sample_weight : array, shape (n,), optional
        How often each row counts: 2 is the same as two such rows, 0 leaves the row out, and the
        centers of bins with their counts represent binned data. A pandas Series is matched with
        the rows by name where both have names, as ``labels`` are. Weights need not be whole: the
        likelihood of a row is raised to its weight (a power likelihood; Savitsky & Toth, 2016).
        Weights of surveys should sum to the number of rows; intervals then ignore the
        survey design.
    labels : sequence of n labels, optional
        Known components of rows: for each row the number or the name of its component, a set of
        possible ones, a mapping of these to probabilities, or a missing label (None, NaN or -1);
        or a table of probabilities (n, k). Densities of the components are multiplied by
        the probabilities, that is by 1 and 0 if labels are certain (Côme et al., 2009). Names
        are given to components in alphabetical order, and components identified by labels are
        never relabeled.
    solver : EM, optional
        The solver for the starting mode; ``EM()`` by default.
    standardize : bool, default True
        Whether the engine works on the standard scale. The posterior is the same either way.
    order_by : str or mapping, default "weights"
        How components are numbered: by posterior mean weight, largest first; by the mean of the
        feature named here, smallest first; or by a weighted sum of means, such as
        ``{"height": 1.0, "width": -1.0}``.
    keep_rows : bool, default True
        Whether the tree holds the rows, their weights and labels, and the log-likelihood of each
        row under each draw. Without them it is as small as its draws, and may be passed on where
        the rows may not; it keeps their number, a checksum and the verdict. Draws, parameters and
        densities are the same. Functions of rows then take a table ``X``, :func:`cluster`,
        :func:`partition`, :func:`log_density`, :func:`impute`, :func:`relabel` and
        :func:`resample` among them. Those that ask about the rows of the fit itself, such as
        :func:`compare`, :func:`plot_clusters` and :func:`write_report`, raise a ``SchemaError``.
    progress : bool, default True
        Whether to print a line on the EM result and, after two seconds, progress with
        the remaining time: bars, or lines without a terminal or notebook.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior`` (``weights``, ``means``, ``scales``, ``covariances`` and
        ``correlations``, in the units of the data), ``sample_stats``, ``log_likelihood``,
        ``log_prior`` (of ``weights``, ``means`` and ``covariances``),
        ``observed_data``, ``constant_data``, ``point_estimate``, ``chain_starts``,
        ``relabeling`` and ``diagnosis``, the result of :func:`bayesgmm.diagnose`. An
        interrupted run returns the draws that were finished.

    Raises
    ------
    DataError
        If the table, the weights or the labels cannot be used; the message names columns, rows
        and the remedy.
    SpecificationError
        If the priors do not suit the number of features or the names of the columns, or are too
        weak for a mode to exist.

    Warns
    -----
    ConvergenceWarning
        If the draws cannot be used as they are; the message has the findings and remedies.
        There is no warning that a requested approximation is an approximation.
    BayesGMMWarning
        If rows have no observed cell; they are kept but do not affect the fit.
    ConvergenceWarning
        If EM, which finds the mode to start from, stopped at its ``max_iterations``.

    References
    ----------
    Côme, E., Oukhellou, L., Denoeux, T. and Aknin, P. (2009). Learning from partially supervised
    data using mixture models and belief functions. Pattern Recognition 42, 334-348.

    Little, R. J. A. and Rubin, D. B. (2019). Statistical analysis with missing data, 3rd edition.
    Wiley.

    Savitsky, T. D. and Toth, D. (2016). Bayesian estimation under informative sampling. Electronic
    Journal of Statistics 10, 1677-1708.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("penguins")[["bill_length_mm", "body_mass_g"]].dropna()
    >>> tree = bg.fit(
    ...     X, bg.MixtureSpec(n_components=2), engine=bg.NUTS(draws=100, tune=200, chains=2),
    ...     random_seed=1, progress=False,
    ... )
    >>> dict(tree["posterior"]["means"].sizes)
    {'chain': 2, 'draw': 100, 'component': 2, 'feature': 2}
    """
    tree = draw_posterior(
        X, spec, engine=engine, random_seed=random_seed, sample_weight=sample_weight,
        labels=labels, solver=solver, standardize=standardize, order_by=order_by,
        keep_rows=keep_rows, progress=progress,
    )  # fmt: skip
    _warn_of_problems(tree)
    return tree


@interruptible
@on_one_thread
def draw_posterior(
    X: Any,
    spec: MixtureSpec,
    *,
    engine: Engine | str | None,
    random_seed: RandomSeed,
    sample_weight: Any | None,
    labels: Any | None,
    solver: EM | None,
    progress: bool,
    standardize: bool = True,
    order_by: str | Mapping[str, float] = "weights",
    keep_rows: bool = True,
) -> xr.DataTree:
    """Fit as :func:`fit` does, without a warning on the diagnosis."""
    from bayesgmm.progress import CountProgress, announce
    from bayesgmm.tree.timing import Stopwatch, with_timing

    watch = Stopwatch()
    engine, solver = _engine(engine, spec), _solver(solver)
    seed = seed_sequence(random_seed)
    start_seed, engine_seed = spawn(seed, 2)

    problem = Problem.pose(X, spec, sample_weight, labels, uses_prior=solver.uses_prior)
    some = problem.given(spec.most_components)
    _expect_order(order_by, some.data, some.spec.of_each_component(some.data.n_features))
    _expect_room(engine, problem.given(min(spec.most_components, _MANY_COMPONENTS)))
    with CountProgress("starts of EM", solver.n_starts_for(some.spec), visible=progress) as bar:
        start = _mode(solver, problem, start_seed, lambda: bar.advance(1))
    _expect_usable(start)
    _warn_at_the_limit(start)
    point = start.restored(
        problem.given(start.parameters.n_components), uses_prior=solver.uses_prior
    )
    if progress:
        iterations = counted(start.n_iterations, "iteration")
        announce(f"EM {start.status.in_words} after {iterations}; {start.starts}")
    draw = partial(engine.run, seed=engine_seed, progress=progress)
    raw, scaling = _drawn(problem, start if standardize else point, draw, standardize)
    tree = _judged(
        raw, problem.data, problem.spec, point, scaling, order_by, seed, keep_rows=keep_rows,
        progress=progress,
    )  # fmt: skip
    return with_timing(tree, watch.read())


def resample(
    mixture: Fitted,
    *,
    X: Any | None = None,
    engine: Engine | str | None = None,
    random_seed: RandomSeed = None,
    standardize: bool = True,
    order_by: str | Mapping[str, float] = "weights",
    progress: bool = True,
) -> xr.DataTree:
    """Sample the posterior of a fit again, starting from its point estimate.

    Rows, weights, labels and priors are read from the tree, and EM does not run again. So a fast
    fit by ``Laplace()`` can be continued with ``NUTS()``, or a saved fit with more draws.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        What :func:`bayesgmm.fit` or :func:`bayesgmm.estimate` returned; never modified.
    X : table of n rows and d features, optional
        The rows of a fit made with ``keep_rows=False`` and without weights and labels.
    engine : engine or str, optional
        ``NUTS()`` by default. Chains of ``NUTS(init="multi")`` start at the mode and at the best
        alternative mode that is stored in the tree.
    random_seed : int, SeedSequence or Generator, optional
        The same seed gives the same tree.
    standardize, order_by, progress
        As for :func:`fit`.

    Returns
    -------
    xarray.DataTree
        The result of :func:`fit` with this engine, from the same point estimate: with its
        seed the same, up to rounding in chains.

    Raises
    ------
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``, holds no point estimate, or was
        fitted with ``keep_rows=False``, and there is no ``X`` or there were weights or labels.
    DataError
        If ``X`` are not the rows of the fit.
    SpecificationError
        If ``engine`` is not an engine, or ``order_by`` names no feature.

    Warns
    -----
    ConvergenceWarning
        As :func:`fit` does.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> engine = bg.Laplace(draws=500)
    >>> quick = bg.resample(bg.example_fit(), engine=engine, random_seed=1, progress=False)
    >>> dict(quick["posterior"]["weights"].sizes)
    {'chain': 1, 'draw': 500, 'component': 3}
    """
    tree = draw_again(
        mixture, X=X, engine=engine, random_seed=random_seed, standardize=standardize,
        order_by=order_by, progress=progress,
    )  # fmt: skip
    _warn_of_problems(tree)
    return tree


@interruptible
@on_one_thread
def draw_again(
    tree: Fitted,
    *,
    X: Any | None = None,
    engine: Engine | str | None,
    random_seed: RandomSeed,
    progress: bool,
    standardize: bool = True,
    order_by: str | Mapping[str, float] = "weights",
) -> xr.DataTree:
    """Draw as :func:`resample` does, without a warning on the diagnosis."""
    from bayesgmm.tree.fit import Fit
    from bayesgmm.tree.timing import Stopwatch, with_timing

    watch = Stopwatch()
    seed = seed_sequence(random_seed)
    _, engine_seed = spawn(seed, 2)

    fit = Fit.of(tree).over_its_rows(X)
    engine = _engine(engine, fit.whole_spec if fit.infers_number else None)
    problem, point, some = fit.problem, fit.point_estimate, fit.problem
    if fit.infers_number:
        problem = Problem(problem.data, fit.whole_spec)
    _expect_order(order_by, some.data, some.spec.of_each_component(some.data.n_features))
    _expect_room(engine, some)
    start = point.moved(problem.scaling.standardize_parameters) if standardize else point
    draw = partial(engine.run, seed=engine_seed, progress=progress)
    raw, scaling = _drawn(problem, start, draw, standardize)
    tree = _judged(
        raw, problem.data, problem.spec, point, scaling, order_by, seed, progress=progress
    )
    return with_timing(tree, watch.read())


@interruptible
@on_one_thread
def estimate(
    X: Any,
    spec: MixtureSpec,
    *,
    solver: EM | None = None,
    random_seed: RandomSeed = None,
    sample_weight: Any | None = None,
    labels: Any | None = None,
) -> PointEstimate:
    """Estimate a Gaussian mixture by EM: the posterior mode, or maximum likelihood.

    Parameters
    ----------
    X : table of n rows and d features
        Array, list of rows, pandas, polars or pyarrow table, or xarray object. NaN or null cells
        are missing and integrated out (Ghahramani & Jordan, 1994).
    spec : MixtureSpec
        Number of components, covariance structure and priors.
    solver : EM, optional
        ``EM()``, the posterior mode, by default; ``EM(objective="likelihood")`` for maximum
        likelihood.
    random_seed : int, SeedSequence or Generator, optional
        Seed of the starting points.
    sample_weight, labels : optional
        Weights and labels of the rows, as for
        :func:`fit`.

    Returns
    -------
    PointEstimate
        In the units of the data, components ordered by weight, largest first. It stores its rows:
        :func:`cluster`, :func:`log_density`, :func:`impute`, :func:`plot_clusters`, :func:`save`
        and all other functions of a fit that do not need draws accept it, and
        :func:`resample` samples the posterior, starting there.

    Warns
    -----
    ConvergenceWarning
        If a component collapsed from every start, which can happen with maximum likelihood and weak
        priors; the message names the components, the rows and the remedy. If EM stopped at
        ``max_iterations``.

    Raises
    ------
    DataError
        If the table cannot be used.
    SpecificationError
        If the priors do not suit the number of features or the names of the columns.

    References
    ----------
    Ghahramani, Z. and Jordan, M. I. (1994). Supervised learning from incomplete data via an EM
    approach. Advances in Neural Information Processing Systems 6, 120-127.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("penguins")[["bill_length_mm", "bill_depth_mm"]].dropna()
    >>> point = bg.estimate(X, bg.MixtureSpec(n_components=3), random_seed=1)
    >>> point.weights.round(1)
    array([0.5, 0.4, 0.2])
    >>> bg.cluster(point, [[39.0, 18.5]])["label"].values
    array([0])
    """
    solver = _solver(solver)
    seed = seed_sequence(random_seed)
    _expect_known_number(spec, "estimate")
    problem = Problem.pose(X, spec, sample_weight, labels, uses_prior=solver.uses_prior)
    point = solver.run(problem.scaled_spec, problem.scaled_data, seed=seed)
    if point.status is Status.COLLAPSED:
        warn(f"EM did not converge to a valid estimate: {point.explanation}.", ConvergenceWarning)
    _warn_at_the_limit(point)
    record = {"engine": repr(solver), "seed": str(seed.entropy)}
    point = point.restored(problem, uses_prior=solver.uses_prior)
    return replace(point, problem=problem, record=record)


def build_model(
    X: Any,
    spec: MixtureSpec,
    *,
    initial: PointEstimate | None = None,
    sample_weight: Any | None = None,
    labels: Any | None = None,
) -> pm.Model:
    """Declare the mixture as a PyMC model, in the units of the data, to extend and sample by hand.

    Parameters
    ----------
    X : table of n rows and d features
        Array, list of rows, pandas, polars or pyarrow table, or xarray object. NaN or null cells
        are missing and integrated out; ``x`` has no imputed part.
    spec : MixtureSpec
        Number of components and priors.
    initial : PointEstimate, optional
        Where samplers and optimisers start, usually what :func:`estimate` returned. Without it
        PyMC starts all components at the same point, a saddle point that ``pm.find_MAP`` cannot
        leave. With it, functions of PyMC that convert the model, ``pm.compute_log_likelihood``
        among them, refuse it.
    sample_weight : array, shape (n,), optional
        Row weights, as for :func:`fit`. The log-likelihood of a row, and what
        ``pm.compute_log_likelihood`` returns of it, is multiplied by its weight.
    labels : sequence of n labels, optional
        Known components of rows, as for :func:`fit`.

    Returns
    -------
    pymc.Model
        With the named variables ``weights``, ``means``, ``scales``, ``correlations`` and
        ``covariances``, and the rows observed as ``x``, allocations marginalized. Labels may
        switch between draws of ``pm.sample``; :func:`from_draws` relabels and diagnoses them, also
        for extended models. Predictive draws are
        complete rows without labels. The ``resolution`` is a ``pm.Potential``: PyMC warns
        that predictive draws ignore it, which is negligible, since it is one wherever
        standard deviations are above the resolution.

    Raises
    ------
    DataError
        If the table, the weights or the labels cannot be used.
    SpecificationError
        If the priors do not suit the number of features or the names of the columns.

    Warns
    -----
    BayesGMMWarning
        If rows have no observed cell; they are kept but do not affect the fit.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("penguins")[["bill_length_mm", "bill_depth_mm"]].dropna()
    >>> model = bg.build_model(X, bg.MixtureSpec(n_components=2, covariances=bg.Diagonal()))
    >>> [variable.name for variable in model.free_RVs]
    ['weights', 'means', 'scales']
    """
    from bayesgmm.models.mixture import declare_model

    _expect_known_number(spec, "build_model")
    problem = Problem.pose(X, spec, sample_weight, labels)
    _expect_suitable(initial, problem)
    start = None if initial is None else initial.parameters
    return declare_model(problem.data, problem.spec, initial=start)


def from_draws(
    draws: Any,
    X: Any,
    spec: MixtureSpec | None = None,
    *,
    names: Mapping[str, str] | None = None,
    exchangeable: bool = True,
    random_seed: RandomSeed = None,
    sample_weight: Any | None = None,
    labels: Any | None = None,
    order_by: str | Mapping[str, float] = "weights",
) -> xr.DataTree:
    """Make a tree from the draws of another program, relabeled and diagnosed.

    It accepts draws of :func:`build_model`, also of extended models, and
    of Stan, NumPyro or R: any program with weights, means and covariance matrices of a mixture
    in every draw. The values of draws are unchanged; only the order of components changes.

    Parameters
    ----------
    draws : DataTree, Dataset or mapping of arrays
        What ``pm.sample`` or ArviZ returns, or arrays by name. Needed are ``weights`` (component),
        ``means`` (component, feature), and one of ``covariances`` (component, feature, feature),
        their lower factors ``cholesky``, or ``scales`` (component, feature) with
        ``correlations`` or ``correlation_cholesky``; ``scales`` alone are standard deviations
        without correlations. Dims ``chain`` and ``draw`` come in any place. Other dims are found
        by the names above, or else by that order. Plain arrays have the axes chain and draw
        first, or draw alone; one feature needs no axis. All in the units of ``X``.
    X : table of n rows and d features
        The rows that the model was fitted to, as for :func:`fit`.
    spec : MixtureSpec, optional
        The spec, if the draws are of the posterior of exactly this model. Then EM finds the mode,
        and the log posterior of draws, prior conflicts, and masses of modes are computed, as after
        :func:`fit`. Leave it out if the model was extended: the prior then is not known.
    names : mapping, optional
        Names of the variables in ``draws``, such as ``{"weights": "theta"}``; another variable
        called ``weights`` is then kept as ``given_weights``. Arrays and datasets
        without groups may also hold ``lp``, ``diverging`` and ``log_likelihood`` (row).
    exchangeable : bool, default True
        Whether components are exchangeable a priori. If not, they are never relabeled.
    random_seed : int, SeedSequence or Generator, optional
        The same seed gives the same tree.
    sample_weight, labels, order_by : optional
        As for :func:`fit`; weights and labels as in the model.

    Returns
    -------
    xarray.DataTree
        As :func:`fit` returns it, without ``chain_starts``. All other variables of a draw are kept
        in ``posterior`` and checked by :func:`diagnose`; those with a dim ``component`` (of the
        same name as that of the weights, or ``(dims, array)`` in a mapping) are relabeled with
        the parameters. Whole numbers that name components are not translated.

        Without ``spec``, ``point_estimate`` is the draw of the highest log posterior (``lp`` in
        ``sample_stats``), or if that is not given, log-likelihood. Functions that need the prior,
        :func:`resample` and the section of a report on it, are left out or refused.

    Raises
    ------
    SpecificationError
        If a variable is missing, or has other dims or sizes; the message says what was expected.
    DataError
        If the numbers are not a mixture (weights that do not sum to one, matrices that are not
        positive definite, NaN), or lie far from the rows; or if the table cannot be used.

    Warns
    -----
    ConvergenceWarning
        As :func:`fit` does.

    Notes
    -----
    All results are for the mixture sum_k weights_k N(means_k, covariances_k). If weights
    differ from row to row, as with covariates, let ``weights`` be their mean over the rows, or
    those of one value of the covariates. Results are then for rows whose covariates are
    unknown, or have that value, :func:`cluster` included. The exact probabilities of the components
    of each row are a variable of the model (rows ``obs_id``, ``component``), and are returned
    relabeled. With such a variable, log-likelihoods of rows are in the tree only if they are given
    with the draws, as those of the mixture are not those of the model.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> fitted = bg.undo_relabeling(bg.example_fit())
    >>> X, posterior = fitted["observed_data"]["x"], fitted["posterior"]
    >>> draws = {name: posterior[name].values for name in ("weights", "means", "covariances")}
    >>> draws["ratio"] = draws["weights"].max(axis=-1) / draws["weights"].min(axis=-1)
    >>> tree = bg.from_draws(draws, X)
    >>> bg.diagnose(tree).passed
    True
    >>> list(tree["posterior"].data_vars)
    ['weights', 'means', 'scales', 'correlations', 'covariances', 'ratio']
    """
    tree = _from_draws(
        draws, X, spec, names=names, exchangeable=exchangeable, random_seed=random_seed,
        sample_weight=sample_weight, labels=labels, order_by=order_by,
    )  # fmt: skip
    _warn_of_problems(tree)
    return tree


@interruptible
@on_one_thread
def _from_draws(
    draws: Any,
    X: Any,
    spec: MixtureSpec | None,
    *,
    names: Mapping[str, str] | None,
    exchangeable: bool,
    random_seed: RandomSeed,
    sample_weight: Any | None,
    labels: Any | None,
    order_by: str | Mapping[str, float],
) -> xr.DataTree:
    from bayesgmm.engines.given import given_tree, highest_draw
    from bayesgmm.posterior.given_draws import read_draws
    from bayesgmm.tree.fit import draws_layout

    seed = seed_sequence(random_seed)
    start_seed, _ = spawn(seed, 2)  # the start is then that of a fit with this seed
    data = read_table(X, sample_weight)
    given = read_draws(draws, data, names)
    parameters = given.parameters
    data = data.labeled(labels, parameters.n_components)
    layout = draws_layout(parameters)
    if spec is None:
        scaling = Scaling.of(data, isotropic=layout.covariances.isotropic)
        hyperparameters = np.ones((parameters.n_components, 1))
    else:
        _expect_draws_of(spec, layout.covariances)
        problem = Problem.of(data, spec)
        spec, scaling = problem.spec, problem.scaling
        hyperparameters = spec.of_each_component(data.n_features)
    if not exchangeable:
        hyperparameters = np.arange(1.0, parameters.n_components + 1)[:, None]
    _expect_order(order_by, data, hyperparameters)

    scaled, scaled_data = scaling.standardize_parameters(parameters), scaling.standardize(data)
    if spec is None:
        scaled_spec = None
        start = highest_draw(scaled, scaled_data, given.heights)
        density = -scaling.log_jacobian(data.n_observed)
        objective = density if given.heights is None else 0.0  # of given ones the units are ours
        point = start.moved(scaling.restore, density=density, objective=objective)
    else:
        scaled_spec = problem.scaled_spec
        start = EM().run(scaled_spec, scaled_data, seed=start_seed)
        _expect_usable(start)
        _warn_at_the_limit(start)
        point = start.restored(problem, uses_prior=True)
    raw = given_tree(
        scaled, spec=scaled_spec, data=scaled_data, start=start, sample_stats=given.sample_stats,
        origin=given.origin, exchangeable=exchangeable,
    )  # fmt: skip
    return _judged(raw, data, spec, point, scaling, order_by, seed, progress=False, given=given)


def _mode(
    solver: EM, problem: Problem, seed: np.random.SeedSequence, report: Callable[[], None]
) -> PointEstimate:
    """Return the posterior mode; of an unknown number of components, that of the best number."""
    if not problem.spec.infers_number:
        return solver.run(problem.scaled_spec, problem.scaled_data, seed=seed, report=report)
    from bayesgmm.engines.telescoping import likely_mode

    return likely_mode(solver, problem.scaled_spec, problem.scaled_data, seed, report)


def _drawn(
    problem: Problem, start: PointEstimate, draw: Callable[..., xr.DataTree], standardize: bool
) -> tuple[xr.DataTree, Scaling]:
    """Return raw draws, and the scaling from their scale, that of ``start``, to the data."""
    if standardize:
        return draw(problem.scaled_spec, problem.scaled_data, start=start), problem.scaling
    scaling = Scaling.identity(problem.data.n_features)
    return draw(problem.spec, problem.data, start=start), scaling


def _judged(
    raw: xr.DataTree,
    data: Dataset,
    spec: MixtureSpec | None,
    point: PointEstimate,
    scaling: Scaling,
    order_by: str | Mapping[str, float],
    seed: np.random.SeedSequence,
    *,
    progress: bool,
    keep_rows: bool = True,
    given: GivenDraws | None = None,
) -> xr.DataTree:
    """Return the final tree, with a diagnosis of its draws, made while it has its rows.

    All draws exist at this point, and an interrupt loses none: components are then relabeled by
    the fast method, and log-likelihoods left out.
    """
    from bayesgmm.analysis.diagnosis.diagnose import diagnose
    from bayesgmm.analysis.diagnosis.value import with_diagnosis
    from bayesgmm.posterior.finish import finish
    from bayesgmm.progress import announce, waiting
    from bayesgmm.tree.fit import Fit

    def judged(*, quick: bool) -> xr.DataTree:
        tree = finish(
            raw, data, spec, point, scaling=scaling, order_by=order_by, quick=quick, given=given,
            seed=str(seed.entropy),
        )  # fmt: skip
        diagnosis = diagnose(tree)
        return with_diagnosis(tree if keep_rows else Fit(tree).without_rows().tree, diagnosis)

    try:
        with waiting("relabeling components and checking draws", visible=progress):
            return judged(quick=False)
    except KeyboardInterrupt:
        announce(
            "Interrupted after the last draw; all draws are kept. Components are relabeled by "
            "PRA(), which is fast; bayesgmm.relabel(tree) uses the default method"
        )
        return judged(quick=True)


def _warn_of_problems(tree: xr.DataTree) -> None:
    from bayesgmm.analysis.diagnosis.value import stored_diagnosis

    words = stored_diagnosis(tree).warning
    if words:
        warn(words, ConvergenceWarning)


def _engine(engine: Engine | str | None, spec: MixtureSpec | None) -> Engine:
    """Return the engine that is asked for, which must suit the spec where there is one.

    Raises
    ------
    SpecificationError
        If it is not an engine, or has no way with an unknown number of components.
    """
    from bayesgmm.engines.auto import Auto
    from bayesgmm.engines.catalog import read_engine
    from bayesgmm.engines.gibbs import Gibbs

    if not isinstance(spec, MixtureSpec) or not spec.infers_number:
        return read_engine(engine)
    engine = Gibbs() if engine is None else read_engine(engine)
    if isinstance(engine, Auto):
        return Gibbs()
    if not isinstance(engine, Gibbs):
        raise SpecificationError(
            f"{type(engine).__name__}() needs a known number of components: with an unknown one "
            "the posterior has no fixed number of parameters. Use Gibbs(), or give a number, such "
            "as MixtureSpec(3)."
        )
    return engine


def _expect_room(engine: Engine, problem: Problem) -> None:
    from bayesgmm.engines.catalog import expect_room

    expect_room(engine, problem.spec, problem.data)


def _expect_order(
    order_by: str | Mapping[str, float], data: Dataset, hyperparameters: np.ndarray
) -> None:
    """Raise unless the order can be asked for; components with equal ones are exchangeable."""
    from bayesgmm.posterior.relabel.order import BY_WEIGHT, expect_order

    expect_order(order_by, data.feature_names)
    groups = exchangeable_groups(hyperparameters, data.label_log_likelihoods)
    if order_by != BY_WEIGHT and groups.size > 1 and not any_exchangeable(groups):
        raise SpecificationError(
            f"order_by {order_by!r} has no effect: labels, or priors of weights or "
            "means, identify all components, and these keep their order. Leave order_by out."
        )


def _expect_draws_of(spec: MixtureSpec, found: CovarianceMap) -> None:
    """Raise unless draws, which share what ``found`` says, may be those of a spec."""
    if not isinstance(spec, MixtureSpec):
        raise SpecificationError(
            f"spec must be a MixtureSpec, or None where the model is not that of a spec, not "
            f"{spec!r}."
        )
    _expect_known_number(spec, "from_draws")
    if spec.n_components != found.n_components:
        raise SpecificationError(
            f"The draws have {found.n_components} components, and spec has {spec.n_components}."
        )
    wanted = layout_of(spec, found.n_features).covariances
    fits = found.n_matrices <= wanted.n_matrices and found.n_scales <= wanted.n_scales
    if not fits or found.correlated != wanted.correlated:
        raise SpecificationError(
            f"The draws are not of this spec: under {type(spec.covariances).__name__}() components "
            "or features share other parts of the covariance matrices. Give the spec of the "
            "model, or none."
        )
    if found.n_factors != wanted.n_factors:
        needed = counted(wanted.n_factors, "factor") if wanted.n_factors else "no factors"
        have = counted(found.n_factors, "factor") if found.n_factors else "no loadings of factors"
        raise SpecificationError(
            f"The draws are not of this spec, which has {needed}: they have {have}. Give "
            "'loadings' (component, feature, factor) and 'uniquenesses' (component, feature) of "
            "its model, or another spec."
        )


def _expect_known_number(spec: Any, who: str) -> None:
    if isinstance(spec, MixtureSpec):  # others are refused where they are read
        spec.expect_known_number(who)


def _solver(solver: EM | None) -> EM:
    solver = EM() if solver is None else solver
    if not isinstance(solver, EM):
        raise SpecificationError(f"solver must be an EM(), not {solver!r}.")
    return solver


def _expect_suitable(initial: PointEstimate | None, problem: Problem) -> None:
    if initial is None:
        return
    if not isinstance(initial, PointEstimate):
        raise SpecificationError(
            f"initial must be what bayesgmm.estimate returned, not {initial!r}."
        )
    wanted = problem.layout.covariances
    here = (wanted.n_components, wanted.n_features, wanted.correlated)
    there = initial.parameters
    if here != (there.n_components, there.n_features, there.correlations is not None):
        raise SpecificationError(
            "initial is an estimate of another model: its number of components or features, or "
            "its covariance structure, differs. Estimate it with the same spec and data."
        )


def _expect_usable(start: PointEstimate) -> None:
    if start.status is Status.COLLAPSED:
        raise SpecificationError(f"EM did not find a mode to start from: {start.explanation}.")


def _warn_at_the_limit(point: PointEstimate) -> None:
    if point.status is Status.ITERATION_LIMIT:
        warn(f"EM {point.status.in_words}.", ConvergenceWarning)
