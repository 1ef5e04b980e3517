"""A fit, read from its tree once: the common input of all analyses.

A point estimate is represented as a tree of one chain of one draw, so that analyses accept it.
"""

from __future__ import annotations

import json
from ast import literal_eval
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from bayesgmm.data.dataset import Dataset, read_like
from bayesgmm.data.standardize import Scaling
from bayesgmm.errors import DataError, SchemaError
from bayesgmm.estimation.point_estimate import PointEstimate, Status
from bayesgmm.estimation.problem import Problem
from bayesgmm.numerics.exchangeability import exchangeable_groups
from bayesgmm.numerics.unconstrained import CovarianceMap, FactorMap, Layout, Relation
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters
from bayesgmm.priors.spec import MixtureSpec, layout_of
from bayesgmm.schema import (
    ALTERNATIVE_MODE,
    CHAIN,
    COMPONENT,
    DATA,
    DERIVED,
    DRAW,
    EXCHANGEABLE,
    FACTOR,
    FEATURE,
    FEATURE_BIS,
    LABEL_LIKELIHOOD,
    LEFT_OUT,
    N_COMPONENTS,
    PARAMETER_DIMS,
    ROW,
    ROW_WEIGHT,
    record,
    validate,
    with_record,
)
from bayesgmm.tree.write import draws_tree, read_starts, rows_dataset


def tree_of_point(point: PointEstimate) -> xr.DataTree:
    """Return the tree that represents an estimate.

    Raises
    ------
    SchemaError
        If it has no rows, or EM did not converge to a valid estimate.
    """
    problem = point.problem
    if problem is None:
        raise SchemaError(
            "This PointEstimate does not know its rows and its spec. Pass what bayesgmm.estimate "
            "returned."
        )
    if point.status is Status.COLLAPSED:
        raise SchemaError(f"EM did not converge to a valid estimate: {point.explanation}.")
    scaling, draws = problem.scaling, point.parameters.draw((None, None))
    tree = draws_tree(
        draws,
        data=problem.data,
        spec=problem.spec,
        start=point,
        chain_starts=point.parameters.draw((None,)),
        sample_stats={"objective": point.trace[None, -1:]},
        scaling=scaling.to_plain(),
        partial=False,
        **point.record,
    )
    units = {"shift": (FEATURE, scaling.shift), "factor": (FEATURE, scaling.factor)}
    tree["constant_data"] = xr.DataTree(
        tree["constant_data"]
        .to_dataset()
        .assign(units)
        .assign_coords({FEATURE: list(problem.data.feature_names)})
    )
    order = tree["posterior"]["weights"].copy(data=np.arange(draws.n_components)[None, None])
    tree["relabeling"] = xr.DataTree(
        xr.Dataset(
            {"permutation": order, "agreement": ((CHAIN, DRAW), [[1.0]])},
            attrs={"method": "none: one set of parameters"},
        )
    )
    return tree


_SAME = 1e-9
"""Relative difference of numbers that are one shared number, written out several times."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The reader of a tree; values are cached.

    ``Fit(tree)`` reads a tree made by the package; trees from users are read by
    ``Fit.of`` or ``Fit.with_draws``, which validate them.

    Attributes
    ----------
    tree : xarray.DataTree
        Never modified.
    """

    tree: xr.DataTree

    @classmethod
    def of(cls, tree: Fitted) -> Fit:
        """Validate a tree and return its fit; an estimate is converted to a tree.

        Raises
        ------
        SchemaError
            If it is neither a fit nor a valid estimate.
        """
        if isinstance(tree, Fit):
            return tree
        if isinstance(tree, PointEstimate):
            return cls(tree_of_point(tree))
        validate(tree)
        return cls(tree)

    @classmethod
    def with_draws(cls, tree: Fitted, who: str) -> Fit:
        """Return a fit with draws, which the function ``who`` needs.

        Raises
        ------
        SchemaError
            If it is a point estimate, or not a fit.
        """
        if isinstance(tree, PointEstimate) or (fit := cls.of(tree)).is_point:
            raise SchemaError(
                f"{who} asks about posterior draws, and a point estimate has none: it has one set "
                "of parameters and no chains. bayesgmm.resample(estimate) draws from the "
                "posterior, starting there; bayesgmm.fit(X, spec) does both."
            )
        return fit

    def expect_fitted(self) -> None:
        """Raise a ``SchemaError`` if this is a conditional or marginal mixture, not a fit."""
        if DERIVED in self.record:
            raise SchemaError(
                "This tree is a conditional or marginal mixture. It has no spec, log-likelihoods "
                "or diagnosis of its own: ask this of the fit that it was made from."
            )

    @cached_property
    def record(self) -> dict[str, Any]:
        """The record of the tree (spec, seed, scaling, versions)."""
        return record(self.tree)

    @property
    def is_point(self) -> bool:
        """Whether it holds the one set of parameters of a point estimate."""
        return str(self.record.get("engine", "")).startswith("EM(")

    @property
    def posterior(self) -> xr.DataTree:
        """The group of the draws."""
        return self.tree["posterior"]

    @property
    def names(self) -> np.ndarray:
        """The names of the components."""
        return self.posterior[COMPONENT].values

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features."""
        return tuple(str(name) for name in self.posterior[FEATURE].values)

    @property
    def n_draws(self) -> int:
        """Number of draws of all chains."""
        return self.posterior.sizes[CHAIN] * self.posterior.sizes[DRAW]

    @cached_property
    def draws(self) -> MixtureParameters:
        """All draws, in the units of the data."""
        return read_parameters(self.posterior)

    @cached_property
    def standard_draws(self) -> MixtureParameters:
        """All draws, on the standard scale."""
        return self.scaling.standardize_parameters(self.draws)

    @cached_property
    def mode(self) -> MixtureParameters:
        """The point estimate that the engine started from, in the units of the data."""
        return read_parameters(self.tree["point_estimate"])

    @cached_property
    def standard_mode(self) -> MixtureParameters:
        """The same on the standard scale."""
        return self.scaling.standardize_parameters(self.mode)

    @property
    def has_rows(self) -> bool:
        """Whether the tree holds the rows of the fit; conditional mixtures have none, either."""
        return self.tree["observed_data"].sizes[ROW] > 0

    @property
    def n_rows(self) -> int:
        """Number of rows of the fit, also where the tree does not hold them."""
        if LEFT_OUT in self.record:
            return self.record[LEFT_OUT]["n_rows"]
        return self.tree["observed_data"].sizes[ROW]

    def expect_rows(self, *, takes_others: bool = False) -> None:
        """Raise unless the tree holds rows; ``takes_others`` says that a table ``X`` would do.

        Raises
        ------
        SchemaError
            If the fit was made with ``keep_rows=False``.
        DataError
            If this is a conditional mixture.
        """
        if self.has_rows:
            return
        others = f"pass X, rows with the features {list(self.feature_names)}; or "

        def remedy(last: str) -> str:
            words = f"{others if takes_others else ''}{last}"
            return f"{words[0].upper()}{words[1:]}."

        if LEFT_OUT in self.record:
            raise SchemaError(
                "The fit was made with keep_rows=False: its tree holds no rows, and this needs "
                f"them. {remedy('fit again with keep_rows=True')}"
            )
        raise DataError(
            "A conditional mixture has no rows of its own. "
            f"{remedy('ask the fit that it was made from')}"
        )

    @cached_property
    def data(self) -> Dataset:
        """The rows of the fit with their weights and labels; see :meth:`expect_rows`."""
        self.expect_rows()
        observed = self.tree["observed_data"]
        names = tuple(str(name) for name in observed[FEATURE].values)
        known = self.tree["constant_data"] if "constant_data" in self.tree.children else {}
        more = {}
        if ROW_WEIGHT in known:
            more["weights"] = known[ROW_WEIGHT].values
        if LABEL_LIKELIHOOD in known:
            with np.errstate(divide="ignore"):
                more["label_log_likelihoods"] = np.log(known[LABEL_LIKELIHOOD].values)
        return Dataset(observed[DATA].values, names, observed[ROW].values, **more)

    def rows(self, X: Any | None) -> Dataset:
        """Return the rows of the fit where ``X`` is ``None``, or else ``X`` checked against it.

        Raises
        ------
        DataError
            If features of ``X`` are not those of the fit, or a conditional mixture has no rows.
        SchemaError
            If there is no ``X``, and the fit was made with ``keep_rows=False``.
        """
        if X is not None:
            return read_like(X, self.feature_names)
        self.expect_rows(takes_others=True)
        return self.data

    def over(self, X: Any | None) -> Fit:
        """Return the fit with ``X`` for its rows, or the fit itself where ``X`` is ``None``.

        Raises
        ------
        DataError, SchemaError
            As :meth:`rows` does.
        """
        data = self.rows(X)
        if X is None:
            return self
        other = Fit(self.tree)
        vars(other).update(data=data, groups=self.groups)
        return other

    def over_its_rows(self, X: Any | None) -> Fit:
        """Return the fit with its rows, which are ``X`` where the tree does not hold them.

        Raises
        ------
        DataError
            If ``X`` are not the rows of the fit.
        SchemaError
            If the tree holds no rows and there is no ``X``, or there were weights or labels.
        """
        self.expect_fitted()
        fit = self.over(X)
        if X is None:
            return fit
        if not self.has_rows and not self.record[LEFT_OUT]["plain"]:
            raise SchemaError(
                "The fit was made with keep_rows=False and with weights or labels of its rows, "
                "which its tree does not hold, and this needs them. Fit again with keep_rows=True."
            )
        own = self.data.checksum if self.has_rows else self.record[LEFT_OUT]["checksum"]
        if fit.data.checksum != own:
            raise DataError(
                f"X must be the {self.n_rows} rows of the fit, unchanged and in the same order. "
                "For other rows, fit again: bayesgmm.fit(X, spec)."
            )
        return self if self.has_rows else fit

    @property
    def knows_prior(self) -> bool:
        """Whether the prior is known, so that the log posterior can be computed."""
        return self.record.get("spec") is not None

    @cached_property
    def spec(self) -> MixtureSpec:
        """The spec that was fitted, every hyperparameter a number in the units of the data.

        If the number of components is unknown, that given the largest number in the draws.

        Raises
        ------
        SchemaError
            If this is a mixture made from a fit, or its draws came without a spec.
        """
        self.expect_fitted()
        if not self.knows_prior:
            raise SchemaError(
                "The prior of these draws is not known, as they came without a spec, and this "
                "needs it. If the draws are of the very model that a spec describes, give it: "
                "bayesgmm.from_draws(draws, X, spec)."
            )
        return self.whole_spec.given(self.posterior.sizes[COMPONENT])

    @cached_property
    def whole_spec(self) -> MixtureSpec:
        """The same with the prior of the number of components, if that is unknown."""
        return MixtureSpec.from_json(json.dumps(self.record["spec"]))

    @property
    def infers_number(self) -> bool:
        """Whether draws have different numbers of components, as their number is unknown."""
        return N_COMPONENTS in self.posterior

    @cached_property
    def problem(self) -> Problem:
        """The rows, with the names that labels gave to components, and the spec."""
        spec, data = self.spec, self.data
        if not np.issubdtype(self.names.dtype, np.integer):
            data = replace(data, component_names=tuple(map(str, self.names)))
        return Problem(data, spec)

    @cached_property
    def layout(self) -> Layout:
        """The layout of free parameters: from the spec, or else from the draws."""
        if self.knows_prior:
            return layout_of(self.spec, self.draws.n_features)
        return draws_layout(self.draws)

    @cached_property
    def groups(self) -> Int[np.ndarray, " k"]:
        """Numbers of the groups of exchangeable components."""
        n_components = self.posterior.sizes[COMPONENT]
        if not self.record.get(EXCHANGEABLE, True):
            return np.arange(n_components)
        self.expect_fitted()
        if LEFT_OUT in self.record:
            return np.array(self.record[LEFT_OUT]["groups"])
        hyperparameters = np.ones((n_components, 1))
        if self.knows_prior:
            hyperparameters = self.spec.of_each_component(self.posterior.sizes[FEATURE])
        return exchangeable_groups(hyperparameters, self.data.label_log_likelihoods)

    @cached_property
    def scaling(self) -> Scaling:
        """The way to the standard scale and back."""
        return Scaling.from_plain(self.record["scaling"])

    @property
    def seed(self) -> np.random.SeedSequence:
        """The seed of the fit, for reproducible results; a new object."""
        return np.random.SeedSequence(literal_eval(self.record["seed"]))

    @cached_property
    def point_estimate(self) -> PointEstimate:
        """The estimate that the engine started from, in the units of the data.

        The tree stores the end of its optimization run, and the best alternative mode.
        """
        group = self.tree["point_estimate"]
        objective = float(group["objective"])
        return PointEstimate(
            parameters=self.mode,
            log_likelihood=float(group["log_likelihood"]),
            objective=objective,
            trace=np.array([objective]),
            status=Status(group.attrs["status"]),
            starts=read_starts(group),
            alternative_modes=(read_parameters(self.tree[ALTERNATIVE_MODE]),)
            if ALTERNATIVE_MODE in self.tree.children
            else (),
        )

    def thinned(self, n_draws: int | None) -> xr.Dataset:
        """Return about ``n_draws`` draws, spread evenly over each chain, or all."""
        return thinned(self.posterior, n_draws)

    def few(self, n_draws: int) -> Fit:
        """Return the fit with about ``n_draws`` draws in its posterior; other groups stay."""
        some = self.tree.copy()
        some["posterior"] = xr.DataTree(self.thinned(n_draws))
        return Fit(some)

    def on_standard_scale(
        self, data: Dataset, *, n_draws: int | None = None
    ) -> tuple[Dataset, MixtureParameters, Float[np.ndarray, " n"]]:
        """Return rows, draws and the log Jacobian of each row, on the standard scale.

        Densities are exact in any unit, but far from zero (an offset of 1e8, say) the differences
        between rows and means lose digits unless both are centered first. All draws, or about
        ``n_draws`` that are spread evenly over the chains.
        """
        draws = self.standard_draws
        if n_draws is not None and n_draws < np.prod(draws.batch_shape):
            draws = self.scaling.standardize_parameters(read_parameters(self.thinned(n_draws)))
        return self.scaling.standardize(data), draws, self.scaling.log_jacobians(data)

    def with_rows(self, positions: Int[np.ndarray, " m"]) -> Fit:
        """Return the fit with some of its rows, and their weights and labels."""
        some = self.tree.copy()
        for name in ("observed_data", "constant_data"):
            group = self.tree[name].to_dataset()
            if ROW in group.dims:
                some[name] = xr.DataTree(group.isel({ROW: positions}))
        return Fit(some)

    def without_rows(self) -> Fit:
        """Return the fit without its rows, and without all that there is for each of them."""
        no_rows = Dataset(np.empty((0, self.data.n_features)), self.feature_names, np.arange(0))
        groups = {
            name: node.to_dataset().drop_dims(ROW, errors="ignore")
            for name, node in self.tree.children.items()
            if name != "log_likelihood"
        }
        tree = xr.DataTree.from_dict({**groups, "observed_data": rows_dataset(no_rows)})
        tree.attrs.update(self.tree.attrs)
        left_out = {
            "n_rows": self.data.n_rows,
            "checksum": self.data.checksum,
            "groups": self.groups.tolist(),
            "plain": not (self.data.weights.size or self.data.label_log_likelihoods.size),
        }
        return Fit(with_record(tree, **{LEFT_OUT: left_out}))

    def repeated(self, n_draws: int) -> Fit:
        """Repeat a point estimate, once for each table or allocation to be drawn.

        Fits with draws are unchanged.
        """
        if not self.is_point:
            return self
        many = self.tree.copy()
        one = self.posterior.to_dataset().isel({DRAW: [0] * n_draws})
        many["posterior"] = xr.DataTree(one.assign_coords({DRAW: range(n_draws)}))
        return Fit(many)


type Fitted = xr.DataTree | PointEstimate | Fit
"""The input of analyses: a tree or an estimate from users, a ``Fit`` within the package."""


def read_parameters(group: xr.DataTree | xr.Dataset) -> MixtureParameters:
    """Return the parameters in a group of a tree, with its batch axes.

    Where draws have different numbers of components, those that a draw lacks are copies of its
    first one with next to no weight, so that they add nothing to any sum.
    """
    if N_COMPONENTS in group:
        group = _with_copies(group)
    correlations = group["correlations"].values if "correlations" in group else None
    if "loadings" in group:
        scales = group["scales"].values
        correlations = FactoredCorrelations(
            group["loadings"].values / scales[..., None], group["uniquenesses"].values / scales**2
        )
    return MixtureParameters(
        group["weights"].values, group["means"].values, group["scales"].values, correlations
    )


def _with_copies(group: xr.DataTree | xr.Dataset) -> xr.Dataset:
    dataset = group.to_dataset() if isinstance(group, xr.DataTree) else group
    lacking = dataset[COMPONENT].copy(data=np.arange(dataset.sizes[COMPONENT]))
    lacking = lacking >= dataset[N_COMPONENTS]
    full = {
        name: dataset[name]
        .where(~lacking, dataset[name].isel({COMPONENT: 0}))
        .transpose(*dataset[name].dims)
        for name in PARAMETER_DIMS
        if name in dataset and name != "weights"
    }
    tiny = np.finfo(float).tiny
    full["weights"] = dataset["weights"].where(~lacking, tiny).transpose(*dataset["weights"].dims)
    return dataset.assign(full)


def covariances_of(
    group: xr.DataTree | xr.Dataset, features: Sequence[str] | None = None
) -> xr.DataArray:
    """Return the covariance matrices in a group of a tree, of some features or of all.

    Of factor analyzers they are made of loadings and uniquenesses.
    """
    names = list(group[FEATURE].values if features is None else features)
    if "covariances" in group:
        return group["covariances"].sel({FEATURE: names, FEATURE_BIS: names})
    loadings = group["loadings"].sel({FEATURE: names})
    product = xr.dot(loadings, loadings.rename({FEATURE: FEATURE_BIS}), dim=FACTOR)
    identity = xr.DataArray(
        np.eye(len(names)), coords={FEATURE: names, FEATURE_BIS: names}, dims=(FEATURE, FEATURE_BIS)
    )
    return product + group["uniquenesses"].sel({FEATURE: names}) * identity


def draws_layout(draws: MixtureParameters) -> Layout:
    """Return the layout of free parameters in draws: parameters equal in all draws are shared."""
    k, d, scales, correlations = (
        draws.n_components, draws.n_features, draws.scales, draws.correlations
    )  # fmt: skip
    tied = k > 1 and np.allclose(scales, scales[..., :1, :], rtol=_SAME, atol=0)
    if isinstance(correlations, FactoredCorrelations):
        return Layout(_factor_map(draws, correlations, tied=tied))
    if correlations is not None:
        tied = tied and np.allclose(correlations, correlations[..., :1, :, :], rtol=0, atol=_SAME)
    isotropic = correlations is None and np.allclose(scales, scales[..., :1], rtol=_SAME, atol=0)
    volume: Relation = "equal" if tied else "varying"
    shape: Relation = "identity" if isotropic else volume
    orientation: Relation = "identity" if correlations is None else volume
    return Layout(CovarianceMap(k, d, volume, shape, orientation))


def _factor_map(
    draws: MixtureParameters, correlations: FactoredCorrelations, *, tied: bool
) -> FactorMap:
    loadings, shares = correlations.loadings, correlations.uniquenesses
    tied = tied and np.allclose(shares, shares[..., :1, :], rtol=_SAME, atol=0)
    tied = tied and np.allclose(loadings, loadings[..., :1, :, :], rtol=0, atol=_SAME)
    noise = shares * draws.scales**2
    one_scale = np.allclose(noise, noise[..., :1], rtol=_SAME, atol=0)
    own: Relation = "equal" if tied else "varying"
    k, d, n_factors = loadings.shape[-3:]
    return FactorMap(k, d, own, own, own, n_factors, one_scale)


def thinned(posterior: xr.DataTree, n_draws: int | None) -> xr.Dataset:
    """Return about ``n_draws`` draws, as many from each chain and spread evenly over it, or all."""
    if n_draws is None:
        return posterior.to_dataset()
    chosen = spread_evenly(posterior.sizes[DRAW], n_draws, posterior.sizes[CHAIN])
    return posterior.to_dataset().isel({DRAW: chosen})


def spread_evenly(available: int, n_draws: int, n_chains: int) -> Int[np.ndarray, " chosen"]:
    """Return the positions in a chain of about ``n_draws`` draws of all chains."""
    per_chain = min(available, -(-n_draws // n_chains))
    return np.linspace(0, available - 1, per_chain).round().astype(int)
