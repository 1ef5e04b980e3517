"""The posterior of a mixture with the scikit-learn interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    DensityMixin,
    TransformerMixin,
)

from bayesgmm.data.dataset import default_names
from bayesgmm.errors import warn
from bayesgmm.estimators.conventions import (
    SKLEARN,
    EstimatorConvergenceWarning,
    TakesMissingCells,
    expect_estimator_fitted,
    read_rows,
    read_sample_weight,
    seed_of,
)
from bayesgmm.estimators.html_representation import Summary, WithSummary
from bayesgmm.estimators.spec_from_parameters import compact, spec_of

if TYPE_CHECKING:  # heavy: imported when first used
    import pandas as pd
    import xarray as xr

    from bayesgmm.analysis.diagnosis.value import Diagnosis
    from bayesgmm.analysis.selection.criteria import Criteria
    from bayesgmm.engines.catalog import Engine
    from bayesgmm.estimation.em import EM
    from bayesgmm.plots.accessor import Plots
    from bayesgmm.priors.covariances import CovarianceStructure
    from bayesgmm.priors.spec import MixtureSpec

_CHAIN_DRAW = ("chain", "draw")


class BayesianGaussianMixture(
    WithSummary,
    TakesMissingCells,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    DensityMixin,
    BaseEstimator,
):
    """Bayesian Gaussian mixture; predictions are averaged over the posterior.

    The scikit-learn interface of :func:`bayesgmm.fit`. The posterior is the attribute
    ``idata_``, a tree that every function of this package accepts.

    Parameters
    ----------
    n_components : int, prior of it, or "auto", default 1
        Number of components. ``"auto"`` infers it, with the priors ``BetaNegativeBinomial()`` and
        ``DynamicDirichlet()``, and, where neither ``covariance_type`` nor ``priors`` is given,
        ``InverseWishart(scale_matrix=Wishart())``; so does another prior, such as
        ``UniformCount(1, 30)``. Attributes and predictions of components are then those of the
        draws with the most probable number of clusters; densities use all draws.
    covariance_type : str or covariance structure, default "full"
        ``"full"``, ``"tied"``, ``"diag"`` or ``"diagonal"``, ``"spherical"``,
        ``"tied-diagonal"``, ``"tied-spherical"``, ``"inverse-wishart"`` or
        ``"tied-inverse-wishart"``; or an object such as ``Full(correlations=LKJ(4.0))``.
    priors : mapping or MixtureSpec, optional
        Priors of some parts, by name: ``"weights"``, ``"means"`` and the parts of the covariance
        structure, ``"scales"`` and ``"correlations"`` for most. Or a whole spec: its number of
        components must be ``n_components``, and its covariance structure is taken; other values
        of ``covariance_type`` than ``"full"`` must name it. Without, the defaults of
        :class:`bayesgmm.MixtureSpec`.
    engine : str or engine, default "auto"
        ``"auto"`` chooses by the table: importance resampling of the Laplace approximation where
        the posterior is nearly normal, else Gibbs sampling from eight features on, else NUTS.
        ``"nuts"``, ``"gibbs"``, ``"laplace"`` and ``"advi"`` are engines with default settings;
        or give one, such as ``NUTS(draws=500)``.
    solver : EM, optional
        How the mode is found that the engine starts from; ``EM()`` by default.
    random_state : int, RandomState, Generator, SeedSequence or None, optional
        The same number gives the same posterior. ``None`` gives another in every fit.
    progress : bool, default False
        Whether ``fit`` and ``resample`` show progress.

    Attributes
    ----------
    idata_ : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    weights_ : array, shape (n_components,)
        Posterior means of the weights.
    means_ : array, shape (n_components, n_features)
        Posterior means of the means.
    covariances_ : array
        Posterior means of the covariance matrices, without what the structure repeats: for full
        ones (n_components, n_features, n_features), tied (n_features, n_features), diagonal
        (n_components, n_features), spherical (n_components,), tied diagonal (n_features,), tied
        spherical ().
    diagnosis_ : Diagnosis
        The convergence diagnosis, with findings and remedies.
    converged_ : bool
        Whether the draws passed; never those of an approximation, ``"laplace"`` or ``"advi"``.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : array of str
        Their names, where the table of the fit had any.

    See Also
    --------
    bayesgmm.fit : The same as a function, for every kind of table.
    bayesgmm.GaussianMixture : Point estimates.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("penguins")[["bill_length_mm", "flipper_length_mm"]].dropna()
    >>> model = bg.BayesianGaussianMixture(2, engine="laplace", random_state=1).fit(X)
    >>> model.weights_.round(2)
    array([0.63, 0.37])
    >>> model.predict(X[:3])
    array([0, 0, 0])
    """

    def __init__(
        self,
        n_components: Any = 1,
        *,
        covariance_type: str | CovarianceStructure = "full",
        priors: Any | None = None,
        engine: str | Engine = "auto",
        solver: EM | None = None,
        random_state: Any | None = None,
        progress: bool = False,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.priors = priors
        self.engine = engine
        self.solver = solver
        self.random_state = random_state
        self.progress = progress

    def fit(
        self,
        X: Any,
        y: Any | None = None,
        *,
        sample_weight: Any | None = None,
        labels: Any | None = None,
    ) -> BayesianGaussianMixture:
        """Draw from the posterior given these rows.

        Parameters
        ----------
        X : table of n rows and d features
            NaN is a missing cell, and integrated out.
        y : ignored
        sample_weight : array, shape (n,), optional
            How often each row counts; the likelihood of a row is raised to its weight.
        labels : sequence of n labels, optional
            What is known of the component that each row comes from, as for :func:`bayesgmm.fit`.

        Returns
        -------
        BayesianGaussianMixture
            This estimator.

        Raises
        ------
        ValueError
            Of scikit-learn's, and :class:`bayesgmm.DataError` where rows, weights or labels cannot
            be used, or :class:`bayesgmm.SpecificationError` if parameters are invalid.

        Warns
        -----
        ConvergenceWarning
            If the draws have not converged; see ``diagnosis_``.

        Examples
        --------
        >>> import bayesgmm as bg
        >>> X = bg.datasets.load("penguins")[["flipper_length_mm"]].dropna()
        >>> model = bg.BayesianGaussianMixture(2, engine="laplace", random_state=1).fit(X)
        >>> model.idata_["posterior"].sizes["component"]
        2
        """
        from bayesgmm.fitting import draw_posterior

        rows = read_rows(self, X, fitting=True)
        weights = read_sample_weight(sample_weight, len(rows))
        self.idata_ = draw_posterior(
            self._named(rows, X),
            self._spec(),
            engine=self.engine,
            random_seed=seed_of(self.random_state),
            sample_weight=weights if weights.size else None,
            labels=labels,
            solver=self.solver,
            progress=self.progress,
        )
        self._name_components()
        self._warn_of_draws()
        return self

    def resample(self, engine: str | Engine = "nuts") -> BayesianGaussianMixture:
        """Draw again with another engine, from the point estimate that the fit holds.

        EM does not run again: fit with ``"laplace"``, inspect the result, and continue with
        ``"nuts"``. The parameters of the estimator are unchanged.

        Parameters
        ----------
        engine : str or engine, default "nuts"

        Returns
        -------
        BayesianGaussianMixture
            This estimator, with a new ``idata_``.

        Raises
        ------
        NotFittedError
            If ``fit`` was not called before.
        SpecificationError
            If there is no such engine.

        Warns
        -----
        ConvergenceWarning
            If the draws have not converged; see ``diagnosis_``.

        Examples
        --------
        >>> import bayesgmm as bg
        >>> X = bg.datasets.load("penguins")[["flipper_length_mm"]].dropna()
        >>> model = bg.BayesianGaussianMixture(2, engine="laplace", random_state=1).fit(X)
        >>> model.resample("nuts").converged_
        True
        """
        from bayesgmm.fitting import draw_again

        tree = self._tree()
        self.idata_ = draw_again(
            tree,
            engine=engine,
            random_seed=seed_of(self.random_state),
            progress=self.progress,
        )
        self._name_components()
        self._warn_of_draws()
        return self

    def fit_predict(self, X: Any, y: Any | None = None, **fit_params: Any) -> Int[np.ndarray, " n"]:
        """Fit, and return the most probable component of every row.

        Labels are used here, but not in :meth:`predict`; ``fit_params`` are those
        of :meth:`fit`.
        """
        from bayesgmm.analysis.clustering.cluster import expected_responsibilities

        tree = self.fit(X, y, **fit_params)._named_tree()
        return expected_responsibilities(tree).values.argmax(axis=1)

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n k"]:
        """Return the probability of every component for every row, over the posterior.

        That is E[pi_k N(x_i | mu_k, Sigma_k) / sum_l pi_l N(x_i | mu_l, Sigma_l)].
        """
        from bayesgmm.analysis.clustering.cluster import expected_responsibilities

        tree = self._named_tree()
        return expected_responsibilities(tree, read_rows(self, X)).values

    def predict(self, X: Any) -> Int[np.ndarray, " n"]:
        """Return the most probable component of every row."""
        return self.predict_proba(X).argmax(axis=1)

    def transform(self, X: Any) -> Float[np.ndarray, "n k"]:
        """Return the probability of every component for every row, as :meth:`predict_proba`."""
        return self.predict_proba(X)

    def score_samples(self, X: Any) -> Float[np.ndarray, " n"]:
        """Return the posterior predictive log density of every row.

        That is log E[sum_k pi_k N(x_i | mu_k, Sigma_k)], of what is observed of the row.
        """
        from bayesgmm.analysis.density.log_density import log_density

        tree = self._tree()
        return log_density(tree, read_rows(self, X)).values

    def score(self, X: Any, y: Any | None = None, sample_weight: Any | None = None) -> float:
        """Return the mean posterior predictive log density of rows, each as often as it counts."""
        values = self.score_samples(X)
        weights = read_sample_weight(sample_weight, values.size)
        return float(np.average(values, weights=weights if weights.size else None))

    def sample(self, n_samples: int = 1) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
        """Draw rows from the posterior predictive distribution.

        Each row samples its own posterior draw, so rows include the posterior
        uncertainty. Their order has no meaning.

        Parameters
        ----------
        n_samples : int, default 1

        Returns
        -------
        X : array, shape (n_samples, d)
            Rows in the units of the data.
        y : array, shape (n_samples,)
            The component that each came from.

        Raises
        ------
        SpecificationError
            If ``n_samples`` is not a positive whole number.
        """
        from bayesgmm.analysis.generation.generate import generate

        tree = self._tree()
        rows = generate(tree, n_samples, random_seed=seed_of(self.random_state))
        names = tree["posterior"]["component"].values.tolist()
        components = [names.index(name) for name in rows["component"].values.tolist()]
        return rows["x"].values, np.array(components)

    def bic(self, X: Any, *, sample_weight: Any | None = None) -> float:
        """Return the Bayesian information criterion of rows at the posterior mode; small is good.

        -2 log L + p log n, where log L is the log-likelihood of the rows at the mode that the
        engine started from, p the number of free parameters and n the sum of the weights of the
        rows (Schwarz, 1978; with the mode for the maximum, Fraley & Raftery, 2007).

        References
        ----------
        Fraley, C. and Raftery, A. E. (2007). Bayesian regularization for normal mixture estimation
        and model-based clustering. Journal of Classification 24, 155-181.

        Schwarz, G. (1978). Estimating the dimension of a model. Annals of Statistics 6, 461-464.
        """
        return self._criteria(X, sample_weight).bic

    def aic(self, X: Any, *, sample_weight: Any | None = None) -> float:
        """Return Akaike's information criterion of rows at the posterior mode; small is good.

        -2 log L + 2 p, with log L and p as for :meth:`bic` (Akaike, 1974).

        References
        ----------
        Akaike, H. (1974). A new look at the statistical model identification. IEEE Transactions on
        Automatic Control 19, 716-723.
        """
        return self._criteria(X, sample_weight).aic

    @property
    def n_components_(self) -> int:
        """Number of components; the most probable number of clusters, if it was inferred."""
        return self._named_tree()["posterior"].sizes["component"]

    @property
    def weights_(self) -> Float[np.ndarray, " k"]:
        """Posterior means of the weights."""
        return self._mean("weights")

    @property
    def means_(self) -> Float[np.ndarray, "k d"]:
        """Posterior means of the means."""
        return self._mean("means")

    @property
    def covariances_(self) -> Float[np.ndarray, ...]:
        """Posterior means of the covariance matrices, in the shape of the structure."""
        from bayesgmm.tree.fit import Fit, covariances_of

        tree = self._named_tree()
        matrices = covariances_of(tree["posterior"]).mean(_CHAIN_DRAW).values
        return compact(matrices, Fit(tree).spec.covariances)

    @property
    def diagnosis_(self) -> Diagnosis:
        """The convergence diagnosis."""
        from bayesgmm.analysis.diagnosis.value import stored_diagnosis

        return stored_diagnosis(self._tree())

    @property
    def converged_(self) -> bool:
        """Whether the draws passed."""
        return self.diagnosis_.passed

    @property
    def plot(self) -> Plots:
        """Plots of the posterior: ``model.plot.clusters()`` and others."""
        tree = self._tree()
        from bayesgmm.plots.accessor import Plots

        return Plots(tree)

    def _spec(self) -> MixtureSpec:
        return spec_of(self.n_components, self.covariance_type, self.priors)

    def _named(self, rows: Float[np.ndarray, "n d"], X: Any) -> pd.DataFrame:
        """Return rows under the names that features, and rows of a data frame, have."""
        import pandas as pd

        names = getattr(self, "feature_names_in_", default_names(rows.shape[1]))
        index = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(rows, columns=list(names), index=index)

    def _tree(self) -> xr.DataTree:
        expect_estimator_fitted(self, "idata_")
        return self.idata_

    def _named_tree(self) -> xr.DataTree:
        """Return the tree whose components have names, see :func:`bayesgmm.relabel`."""
        tree = self._tree()
        return getattr(self, "_relabeled", tree)

    def _name_components(self) -> None:
        """Relabel the draws with the most probable number of clusters, if it was inferred."""
        from bayesgmm.posterior.relabel.clusters import named
        from bayesgmm.tree.fit import Fit

        fit = Fit(self.idata_)
        if fit.infers_number:
            self._relabeled = named(fit).tree
        elif hasattr(self, "_relabeled"):
            del self._relabeled

    def _mean(self, name: str) -> np.ndarray:
        return self._named_tree()["posterior"][name].mean(_CHAIN_DRAW).values

    def _criteria(self, X: Any, sample_weight: Any | None) -> Criteria:
        from bayesgmm.analysis.selection.criteria import mode_criteria

        tree, rows = self._tree(), read_rows(self, X)
        return mode_criteria(tree, rows, read_sample_weight(sample_weight, len(rows)))

    def _warn_of_draws(self) -> None:
        words = self.diagnosis_.warning
        if words:
            warn(words, EstimatorConvergenceWarning, beyond=SKLEARN)

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def _summary(self) -> Summary | None:
        from bayesgmm.estimators.html_representation import summary_of

        return summary_of(self.idata_) if hasattr(self, "idata_") else None
