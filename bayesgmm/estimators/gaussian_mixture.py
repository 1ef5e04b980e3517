"""Gaussian mixture estimator with the interface of scikit-learn: point estimates by EM."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_random_state

from bayesgmm.data.cells import expect_observed, warn_of_empty_rows
from bayesgmm.data.dataset import Dataset, default_names
from bayesgmm.data.suitability import expect_counting_rows
from bayesgmm.digits import counted
from bayesgmm.errors import DataError, SpecificationError, warn
from bayesgmm.estimation.regularized import EMRun, FactoredMixture, precision_form
from bayesgmm.estimators.conventions import (
    SKLEARN,
    EstimatorConvergenceWarning,
    Reporter,
    TakesMissingCells,
    dataset_of,
    expect_estimator_fitted,
    read_rows,
    read_sample_weight,
    row_names,
)
from bayesgmm.estimators.em_runs import (
    LikelihoodRuns,
    PosteriorRuns,
    at_least,
    distinct_rows,
    is_table_of_counts,
)
from bayesgmm.estimators.html_representation import Summary, WithSummary
from bayesgmm.estimators.spec_from_parameters import (
    STRUCTURES,
    from_sklearn,
    n_parameters,
    to_sklearn,
)
from bayesgmm.estimators.starts import PICKED, SHARED, InitialParameters
from bayesgmm.numerics.blocks import one_thread_for_small_algebra
from bayesgmm.numerics.rows import RowsInMemory, complete_rows
from bayesgmm.numerics.statistics import (
    PrecisionForm,
    component_log_densities,
    log_densities,
    responsibilities,
)
from bayesgmm.options import expect_at_least, expect_one_of, expect_whole
from bayesgmm.priors.covariances import CovarianceStructure
from bayesgmm.priors.spec import MixtureSpec

_METHODS = (*SHARED, *PICKED)


class GaussianMixture(WithSummary, TakesMissingCells, DensityMixin, BaseEstimator):
    """Gaussian mixture fitted by EM, a replacement of :class:`sklearn.mixture.GaussianMixture`.

    The density of a row is sum_k pi_k N(x | mu_k, Sigma_k). Without a prior the likelihood is
    maximized by the steps of scikit-learn, from its starts, with the same results but faster.
    In addition it supports missing cells, row weights, two more covariance types, and priors.

    Parameters
    ----------
    n_components : int, default 1
        Number of components, k.
    covariance_type : str, default "full"
        ``"full"``, ``"tied"`` (one matrix for all components), ``"diag"`` (no correlations; also
        ``"diagonal"``), ``"spherical"`` (one variance for all features), ``"tied-diagonal"`` or
        ``"tied-spherical"``.
    tol : float, default 1e-3
        EM stops when the mean log-likelihood of a row moves by less than this. With a prior the
        steps are longer, and convergence is tighter: they stop when one raises the log
        posterior by less than ``1e-6 * tol``, relative to its absolute value.
    reg_covar : float, default 1e-6
        Added to every variance in every step, so that no component collapses. Not used with a
        prior, which prevents collapse itself.
    max_iter : int, default 100
        Steps from each start; 0 leaves the start as it is.
    n_init : int, default 1
        Number of starts, of which the best result is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default "kmeans"
        Whether a start is made from clusters of k-means, from k rows that lie far apart, from
        random responsibilities, or from k random rows.
    weights_init : array, shape (k,), optional
        Weights to start from.
    means_init : array, shape (k, d), optional
        Means to start from.
    precisions_init : array, optional
        Inverse covariance matrices to start from, of the shape of ``precisions_``.
    random_state : int, RandomState or None, default None
        Seed of the starts, and of :meth:`sample`.
    warm_start : bool, default False
        Whether a further ``fit`` continues from the last one. With another
        ``covariance_type`` or other numbers of components or features it starts again.
    verbose : int, default 0
        1 prints starts and iterations to standard output, 2 gains and times as well.
    verbose_interval : int, default 10
        Iterations between two lines.
    prior : None, "default", covariance structure or MixtureSpec, default None
        ``None`` is maximum likelihood. ``"default"`` finds the posterior mode under the default
        priors of :class:`bayesgmm.MixtureSpec`; a covariance structure such as
        ``bayesgmm.InverseWishart()``, or a whole ``MixtureSpec``, under those that it holds. Its
        structure must be that of ``covariance_type``.

    Attributes
    ----------
    weights_ : array, shape (k,)
    means_ : array, shape (k, d)
    covariances_ : array
        Of shape (k, d, d) for ``"full"``, (d, d) for ``"tied"``, (k, d) for ``"diag"``, (k,) for
        ``"spherical"``, (d,) for ``"tied-diagonal"`` and () for ``"tied-spherical"``.
    precisions_, precisions_cholesky_ : arrays, of the same shape
        Inverses of these, and upper triangular factors of the inverses, U with U U'; or one over
        the standard deviations. Predictions use the factors.
    converged_ : bool
        Whether the best start converged within ``max_iter`` steps.
    n_iter_ : int
        Steps from the best start.
    lower_bound_ : float
        The mean log-likelihood of a row before the last step; with a prior, that plus the log
        prior density over the number of rows.
    lower_bounds_ : list of float
        The same at every step.
    n_features_in_ : int
    feature_names_in_ : array, shape (d,)
        Where the columns carry names.

    Raises
    ------
    SpecificationError
        By ``fit``, if a parameter is none of the above.
    DataError
        By ``fit``, if there are too few rows, or a component has no spread.

    Warns
    -----
    ConvergenceWarning
        By ``fit``, if the best start did not converge. It is both scikit-learn's and ours.
    BayesGMMWarning
        By ``fit``, if rows have no observed cell; they do not affect the fit.

    See Also
    --------
    bayesgmm.estimate : The same kind of estimate from many starts.
    bayesgmm.fit : The whole posterior distribution.

    Notes
    -----
    Differences from scikit-learn:

    - All computations use float64, and arrays of other libraries are converted:
      float32 and the array API are not supported.
    - Scatter is summed about the current means, so that tables far from zero lose no digits.
      There, and if a component has hardly any rows, results differ.
    - NaN is a missing cell, which is integrated out (Ghahramani & Jordan, 1994), not an error.
    - Rows with weights or missing cells, and any rows under a prior, are first brought into a
    canonical
      order, equal rows as one row with their total weight. So a weight is
      the same as repeated rows, and zero as no row, whatever the order; and ``random_state`` draws
      other starts than scikit-learn would. The same holds for a complete table of which at least
      half the rows repeat others. For all other tables the start is scikit-learn's, which depends
      on the order of the rows.
    - Arrays that are passed as parameters are not changed, and error messages differ.
    - Private methods of scikit-learn's class do not exist.

    References
    ----------
    Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete data
    via the EM algorithm. Journal of the Royal Statistical Society B 39, 1-38.

    Ghahramani, Z. and Jordan, M. I. (1994). Supervised learning from incomplete data via an EM
    approach. Advances in Neural Information Processing Systems 6, 120-127.

    Pedregosa, F. et al. (2011). Scikit-learn: machine learning in Python. Journal of Machine
    Learning Research 12, 2825-2830.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("penguins")[["bill_length_mm", "bill_depth_mm"]].dropna()
    >>> mixture = bg.GaussianMixture(n_components=3, random_state=0).fit(X)
    >>> mixture.means_.round(1)
    array([[47. , 14.7],
           [49.2, 17.9],
           [38.8, 18.3]])
    >>> mixture.predict(X[:2])
    array([2, 2])
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: Any | None = None,
        means_init: Any | None = None,
        precisions_init: Any | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        prior: str | CovarianceStructure | MixtureSpec | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.prior = prior

    def fit(self, X: Any, y: Any = None, sample_weight: Any | None = None) -> GaussianMixture:
        """Fit the mixture to a table.

        Parameters
        ----------
        X : array or data frame, shape (n, d)
            Rows; NaN is a missing cell.
        y : ignored
        sample_weight : array, shape (n,), optional
            How often each row counts: 2 is the same as two such rows, 0 leaves the row out.

        Returns
        -------
        self
        """
        self._expect_options()
        values = read_rows(self, X, fitting=True)
        warn_of_empty_rows(values, row_names(X, values.shape[0]))
        weights = read_sample_weight(sample_weight, values.shape[0])
        if values.shape[0] < self.n_components:
            raise DataError(
                f"Expected n_samples >= n_components: X has {values.shape[0]} rows, too few for "
                f"{self.n_components} components. Ask for fewer components or give more rows."
            )
        given = InitialParameters.read(
            self._structure, (self.n_components, values.shape[1]), weights=self.weights_init,
            means=self.means_init, precisions=self.precisions_init,
        )  # fmt: skip
        runs = self._runs(self._rows_to_fit(values, weights))
        # scikit-learn's k-means limits BLAS on its own, which concurrent fits would leave so.
        with one_thread_for_small_algebra():
            self._keep(self._best_run(runs, given))
        return self

    def fit_predict(
        self, X: Any, y: Any = None, sample_weight: Any | None = None
    ) -> Int[np.ndarray, " n"]:
        """Fit the mixture, and return the most probable component of every row.

        Parameters
        ----------
        X, y, sample_weight
            As for :meth:`fit`.

        Returns
        -------
        integer array, shape (n,)
        """
        return self.fit(X, y, sample_weight=sample_weight).predict(X)

    def predict(self, X: Any) -> Int[np.ndarray, " n"]:
        """Return the most probable component of every row, given what is observed of it."""
        return np.argmax(component_log_densities(*self._asked(X)), axis=1)

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n k"]:
        """Return the probability of every component for every row."""
        return responsibilities(*self._asked(X))

    def score_samples(self, X: Any) -> Float[np.ndarray, " n"]:
        """Return the log density of every row, of what is observed of it."""
        return log_densities(*self._asked(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any | None = None) -> float:
        """Return the mean log density of the rows.

        Parameters
        ----------
        X : array or data frame, shape (n, d)
        y : ignored
        sample_weight : array, shape (n,), optional
            How often each row counts in the mean.
        """
        densities = self.score_samples(X)
        weights = read_sample_weight(sample_weight, densities.size)
        return float(np.average(densities, weights=weights if weights.size else None))

    def bic(self, X: Any, sample_weight: Any | None = None) -> float:
        """Return Schwarz's criterion on some rows; the lower, the better.

        Rows without any observed cell do not count, nor do those of weight zero.
        """
        log_likelihood, n_rows = self._log_likelihood(X, sample_weight)
        return -2 * log_likelihood + self._n_parameters() * math.log(n_rows)

    def aic(self, X: Any, sample_weight: Any | None = None) -> float:
        """Return Akaike's criterion on some rows; the lower, the better."""
        return -2 * self._log_likelihood(X, sample_weight)[0] + 2 * self._n_parameters()

    def sample(self, n_samples: int = 1) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
        """Draw new rows from the mixture.

        Parameters
        ----------
        n_samples : int, default 1
            Number of rows.

        Returns
        -------
        X : array, shape (n_samples, d)
            The rows, component by component.
        y : integer array, shape (n_samples,)
            Their components.
        """
        expect_estimator_fitted(self, "weights_")
        expect_at_least("Invalid value for 'n_samples': it", n_samples, 1, whole=True)
        rng, (k, d) = check_random_state(self.random_state), self.means_.shape
        counts = rng.multinomial(n_samples, self.weights_)
        matrices = from_sklearn(self._fitted_structure, np.asarray(self.covariances_))
        matrices = np.broadcast_to(matrices, (k, *matrices.shape[1:]))
        each = zip(self.means_, matrices, counts.tolist(), strict=True)
        # In the order and by the calls of scikit-learn, so that the same rows come out.
        if self._fitted_structure.correlated:
            parts = [rng.multivariate_normal(*component) for component in each]
        else:
            parts = [
                mean + rng.standard_normal(size=(count, d)) * np.sqrt(variances)
                for mean, variances, count in each
            ]
        return np.vstack(parts), np.repeat(np.arange(k), counts)

    @property
    def _structure(self) -> CovarianceStructure:
        return STRUCTURES[self.covariance_type]

    @property
    def _fitted_structure(self) -> CovarianceStructure:
        """The structure of the attributes, which a later ``covariance_type`` does not change."""
        return self._structure_of_fit if hasattr(self, "_structure_of_fit") else self._structure

    def _n_parameters(self) -> int:
        return n_parameters(self._fitted_structure, *self.means_.shape)

    def _log_likelihood(self, X: Any, sample_weight: Any | None) -> tuple[float, float]:
        """Return the log-likelihood of the rows that count, and how many there are."""
        densities = self.score_samples(X)
        weights = read_sample_weight(sample_weight, densities.size)
        rows = read_rows(self, X)
        table = Dataset(rows, default_names(rows.shape[1]), np.arange(len(rows)), weights)
        expect_counting_rows(table)
        counts = np.where(table.is_fitted, weights if weights.size else 1.0, 0.0)
        return float(counts @ densities), table.fitted.total_weight

    def _asked(self, X: Any) -> tuple[RowsInMemory, PrecisionForm]:
        """Return new rows, and the mixture that the attributes are."""
        expect_estimator_fitted(self, "weights_")
        rows = read_rows(self, X)
        return RowsInMemory(rows), self._form()

    def _form(self) -> PrecisionForm:
        factors = from_sklearn(self._fitted_structure, np.asarray(self.precisions_cholesky_))
        return precision_form(np.asarray(self.weights_), np.asarray(self.means_), factors)

    def _expect_options(self) -> None:
        name = type(self).__name__
        expect_whole(self, "n_components")
        expect_one_of(f"{name}: covariance_type", self.covariance_type, list(STRUCTURES))
        expect_one_of(f"{name}: init_params", self.init_params, _METHODS)
        for option in ("tol", "reg_covar"):
            expect_at_least(f"{name}: {option}", getattr(self, option), 0)
        for option, least in (("max_iter", 0), ("n_init", 1), ("verbose_interval", 1)):
            expect_at_least(f"{name}: {option}", getattr(self, option), least, whole=True)
        if not isinstance(self.warm_start, bool | np.bool_):
            raise SpecificationError(
                f"{name}: warm_start must be True or False, not {self.warm_start!r}."
            )

    def _rows_to_fit(
        self, values: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " _"]
    ) -> RowsInMemory:
        """Return the rows unchanged, as in scikit-learn, or the distinct rows."""
        annotated = weights.size or self.prior is not None or np.isnan(values).any()
        if not annotated and not is_table_of_counts(values, self.n_components):
            return complete_rows(values)
        rows = distinct_rows(values, weights)
        names = getattr(self, "feature_names_in_", default_names(values.shape[1]))
        expect_observed(rows.values, tuple(names))
        return at_least(rows, self.n_components)

    def _runs(self, rows: RowsInMemory) -> LikelihoodRuns | PosteriorRuns:
        if self.prior is None:
            return LikelihoodRuns(rows, self._structure, self.n_components, float(self.reg_covar))
        return PosteriorRuns.of(dataset_of(self, rows.values, rows.weights), self._spec())

    def _spec(self) -> MixtureSpec:
        """Return the prior as a spec of this number of components and this structure."""
        prior = self.prior
        if isinstance(prior, str) and prior == "default":
            prior = self._structure
        if isinstance(prior, CovarianceStructure):
            prior = MixtureSpec(int(self.n_components), covariances=prior)
        if not isinstance(prior, MixtureSpec):
            raise SpecificationError(
                'GaussianMixture: prior must be None, "default", a covariance structure such as '
                f"InverseWishart(), or a MixtureSpec, not {self.prior!r}."
            )
        if prior.n_components != self.n_components:
            raise SpecificationError(
                f"GaussianMixture: prior is for {prior.n_components} components, and n_components "
                f"is {self.n_components}. Give both the same number."
            )
        if prior.covariances.covariance_map(1, 1) != self._structure.covariance_map(1, 1):
            raise SpecificationError(
                f"GaussianMixture: prior has the structure {type(prior.covariances).__name__}, "
                f"and covariance_type is {self.covariance_type!r}. Give both the same."
            )
        return prior

    def _best_run(self, runs: LikelihoodRuns | PosteriorRuns, given: InitialParameters) -> EMRun:
        """Run EM from every start, or from the last fit, and return the best run."""
        goes_on = bool(self.warm_start) and self._has_fitted()
        random_state = check_random_state(self.random_state)
        reporter, best = Reporter(int(self.verbose), self.verbose_interval), None
        for number in range(1 if goes_on else self.n_init):
            reporter.begin(number)
            run = runs.optimize(
                self._last() if goes_on else self._start(runs, given, random_state),
                tolerance=float(self.tol), max_iterations=int(self.max_iter),
                lower_bound=self.lower_bound_ if goes_on else -math.inf, note=reporter.iteration,
            )  # fmt: skip
            reporter.end(run.lower_bound, converged=run.converged)
            if best is None or run.lower_bound > best.lower_bound:
                best = run
        assert best is not None
        return best

    def _start(
        self,
        runs: LikelihoodRuns | PosteriorRuns,
        given: InitialParameters,
        random_state: np.random.RandomState,
    ) -> FactoredMixture:
        if given.is_whole:
            return given.alone(self._structure)
        return given.instead_of(runs.start(self.init_params, random_state))

    def _summary(self) -> Summary | None:
        from bayesgmm.estimators.html_representation import summary_of_estimate

        return summary_of_estimate(self) if hasattr(self, "converged_") else None

    def _has_fitted(self) -> bool:
        """Whether there is an earlier fit of this structure and these numbers."""
        shape = (self.n_components, self.n_features_in_)
        same = self._fitted_structure == self._structure
        return hasattr(self, "converged_") and same and self.means_.shape == shape

    def _last(self) -> FactoredMixture:
        """Return the mixture of the last fit."""
        matrices = (
            from_sklearn(self._structure, np.asarray(matrices))
            for matrices in (self.covariances_, self.precisions_cholesky_)
        )
        return FactoredMixture(self._structure, self.weights_, self.means_, *matrices)

    def _keep(self, run: EMRun) -> None:
        mixture, structure = run.mixture, self._structure
        factors = np.ascontiguousarray(mixture.factors)
        correlated = factors.ndim == 3
        precisions = factors @ np.swapaxes(factors, 1, 2) if correlated else factors**2
        self._structure_of_fit = structure
        self.weights_, self.means_ = mixture.weights, mixture.means
        self.covariances_ = to_sklearn(structure, mixture.covariances)
        self.precisions_ = to_sklearn(structure, precisions)
        self.precisions_cholesky_ = to_sklearn(structure, factors)
        self.converged_, self.n_iter_ = run.converged, len(run.lower_bounds)
        self.lower_bound_, self.lower_bounds_ = run.lower_bound, run.lower_bounds
        if not run.converged and self.max_iter > 0:
            warn(
                f"EM did not converge in {counted(self.max_iter, 'iteration')} from its best "
                "start. Raise max_iter or tol, try other starts, or give a prior if components are "
                "nearly singular.",
                EstimatorConvergenceWarning,
                beyond=SKLEARN,
            )
