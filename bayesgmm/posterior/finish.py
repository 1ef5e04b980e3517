"""From the raw draws of an engine to the final tree: units, relabeling, log likelihoods and priors.

The group ``log_prior`` holds log prior densities of every draw, one per part, for ArviZ's
``psense``, which raises a prior to a power. Densities are over the parameters with priors in a
spec, without the Jacobians of any sampler: weights, means, standard deviations and correlations.
The formula of the last two is in ``numerics/mixture_prior.py``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.data.dataset import Dataset
from bayesgmm.data.standardize import Scaling
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.numerics.exchangeability import any_exchangeable
from bayesgmm.numerics.factor_analyzers import log_prior_of_factors
from bayesgmm.numerics.mixture_prior import CovariancePrior, scale_terms
from bayesgmm.numerics.statistics import log_densities_of_draws
from bayesgmm.numerics.unconstrained import CovarianceMap, FactorMap, made_regular
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters
from bayesgmm.posterior.given_draws import GivenDraws
from bayesgmm.posterior.number import table_of_number
from bayesgmm.posterior.relabel.by_parameters import PRA
from bayesgmm.posterior.relabel.by_rows import ECR
from bayesgmm.posterior.relabel.order import Direction
from bayesgmm.posterior.relabel.permute import Permutations, apply_permutations, permuted
from bayesgmm.posterior.relabel.relabel import relabeled
from bayesgmm.priors.spec import MixtureSpec, layout_of
from bayesgmm.schema import (
    ALTERNATIVE_MODE,
    CHAIN,
    COMPONENT,
    DATA,
    DRAW,
    EVIDENCE,
    FEATURE,
    FEATURE_BIS,
    ROW,
    validate,
    with_record,
)
from bayesgmm.schema import record as record_of
from bayesgmm.tree.fit import Fit, read_parameters
from bayesgmm.tree.write import figures_of

_PARAMETER_GROUPS = ("posterior", "point_estimate", ALTERNATIVE_MODE, "chain_starts")


def rescale(tree: xr.DataTree, scaling: Scaling) -> xr.DataTree:
    """Return the tree with its parameters and rows in the units of the data.

    Weights and correlations have no units and stay as they are. The scaling is kept in the
    group ``constant_data``.
    """
    features = tree["observed_data"][FEATURE]
    shift = xr.DataArray(scaling.shift, coords={FEATURE: features}, dims=FEATURE)
    factor = xr.DataArray(scaling.factor, coords={FEATURE: features}, dims=FEATURE)
    groups = {name: node.to_dataset() for name, node in tree.children.items()}
    for name in groups.keys() & set(_PARAMETER_GROUPS):
        groups[name] = _rescale_parameters(groups[name], shift, factor)
    rows = groups["observed_data"]
    groups["observed_data"] = rows.assign({DATA: rows[DATA] * factor + shift})
    known = groups.get("constant_data", xr.Dataset())
    groups["constant_data"] = known.assign(shift=shift, factor=factor)
    restored = xr.DataTree.from_dict(groups)
    restored.attrs.update(tree.attrs)
    return restored


def _rescale_parameters(group: xr.Dataset, shift: xr.DataArray, factor: xr.DataArray) -> xr.Dataset:
    restored = group.assign(means=group["means"] * factor + shift, scales=group["scales"] * factor)
    if "prior_scale" in group:  # of standard deviations, or the diagonal of a scale matrix
        power = group["prior_scale"].attrs["power"]
        restored["prior_scale"] = (group["prior_scale"] * factor**power).assign_attrs(power=power)
    if "loadings" in group:
        return restored.assign(
            loadings=group["loadings"] * factor, uniquenesses=group["uniquenesses"] * factor**2
        )
    factor_bis = factor.rename({FEATURE: FEATURE_BIS})
    return restored.assign(covariances=group["covariances"] * factor * factor_bis)


def log_priors(tree: xr.DataTree, spec: MixtureSpec) -> xr.Dataset:
    """Return the log prior density of every draw, each term up to a constant.

    ``weights``, ``means`` and ``covariances`` (chain, draw); the last is that of standard
    deviations and correlations, the resolution included. Tree and spec are in the same units.
    """
    posterior = tree["posterior"]
    draws = read_parameters(posterior)
    structure = layout_of(spec, draws.n_features).covariances
    loc, precision = spec.means.expanded(draws.n_components, draws.n_features)
    concentration = spec.weights.expanded(draws.n_components)
    log_weights = np.log(np.maximum(draws.weights, np.finfo(float).tiny))
    with np.errstate(over="ignore"):  # far below the resolution a log density is -inf
        covariances = log_prior_of_covariances(
            draws, structure, spec.covariance_prior(draws.n_features)
        )
    terms = {
        "weights": np.sum((concentration - 1) * log_weights, axis=-1),
        "means": -0.5 * np.sum(precision * (draws.means - loc) ** 2, axis=(-2, -1)),
        "covariances": covariances,
    }
    return xr.Dataset(
        {name: ((CHAIN, DRAW), values) for name, values in terms.items()},
        coords={name: posterior[name] for name in (CHAIN, DRAW)},
    )


def log_prior_of_covariances(
    draws: MixtureParameters, structure: CovarianceMap, prior: CovariancePrior
) -> Float[np.ndarray, "*batch"]:
    """Return the log prior density of all free covariance matrices of each draw."""
    if isinstance(structure, FactorMap):
        assert isinstance(draws.correlations, FactoredCorrelations)
        parts = structure.taken_apart(draws.scales, draws.correlations)
        return log_prior_of_factors(*parts, prior).sum(axis=-1)
    scales = structure.free_scales(draws.scales)
    log_scales, size = np.log(scales), scales.shape[-1]
    whitener = np.broadcast_to(np.eye(size), (*scales.shape, size))
    log_determinant = np.zeros(scales.shape[:-1])
    if structure.correlated:
        assert draws.correlations is not None
        correlations = structure.free_matrices(draws.correlations)
        factors = np.linalg.cholesky(made_regular(correlations))
        log_determinant = 2 * np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
        whitener = np.linalg.solve(factors, whitener)
    whitener = whitener / scales[..., None, :]
    precisions = np.sum(whitener**2, axis=-2)  # (Sigma^-1)_jj
    value = (prior.eta - 1) * log_determinant
    value = value + scale_terms(log_scales, prior.terms)[0].sum(axis=-1)
    value -= np.sum((prior.floor**2 * precisions) ** 4, axis=-1)
    if prior.beta > 0:
        value -= prior.beta * np.log(precisions + prior.rate).sum(axis=-1)
    if prior.count > 0:
        value -= 0.5 * prior.count * (log_determinant + 2 * log_scales.sum(axis=-1))
        value -= 0.5 * np.sum((whitener @ prior.scatter) * whitener, axis=(-2, -1))
    return value.sum(axis=-1)


_NOT_RELABELED = "none: draws have different numbers of components"

MOST_LOG_LIKELIHOODS = 20_000_000
"""Numbers, one for each draw and row, 160 MB: beyond, the group ``log_likelihood`` is left out."""


def finish(
    raw: xr.DataTree,
    data: Dataset,
    spec: MixtureSpec | None,
    point: PointEstimate,
    *,
    scaling: Scaling,
    order_by: Direction,
    quick: bool = False,
    given: GivenDraws | None = None,
    **record: Any,
) -> xr.DataTree:
    """Relabel, add log-likelihoods and log priors, rescale, and record how the tree was made.

    Parameters
    ----------
    raw : xarray.DataTree
        Result of an engine, on the scale of ``scaling``.
    data : Dataset
    spec : MixtureSpec, optional
        In the units of the data; none where the prior is not known.
    point : PointEstimate
        The posterior mode in the units of the data.
    scaling : Scaling
    order_by : str or mapping
        ``"weights"``, a feature or a direction.
    quick : bool
        Whether to skip slow steps for many rows: components are relabeled by their
        parameters only, and the group ``log_likelihood`` is left out.
    given : GivenDraws, optional
        Draws of another program in the units of the data, with all variables of a draw.
    **record
        Entries for the record of the tree.
    """
    tree, infers_number = raw, Fit(raw).infers_number
    if infers_number:  # components of two draws have nothing to do with each other
        tree = apply_permutations(raw, replace(Permutations.identity(raw), method=_NOT_RELABELED))
    elif raw["posterior"].sizes[COMPONENT] == 1 or any_exchangeable(Fit(raw).groups):
        tree = relabeled(Fit(raw), PRA() if quick else ECR(), order_by)
    else:  # components are not exchangeable: relabeling would change the posterior
        tree = apply_permutations(raw, Permutations.identity(raw))
    n_draws = tree["posterior"]["weights"][..., 0].size
    own = spec is None and given is not None and given.has_own_likelihood
    if not quick and not own and n_draws * data.n_rows <= MOST_LOG_LIKELIHOODS:
        tree["log_likelihood"] = log_likelihoods(Fit(tree), scaling)
    tree = rescale(tree, scaling)
    if given is not None:
        tree = _with_given(tree, given, own)
    if spec is not None and infers_number:
        rows = int(data.total_weight)
        tree["number_of_components"] = table_of_number(tree["posterior"], spec, rows)
    elif spec is not None:
        tree["log_prior"] = log_priors(tree, spec)
    jacobian = scaling.log_jacobian(data.n_observed)
    known = record_of(raw)
    evidence = {name: known[name] - jacobian for name in EVIDENCE if name in known}
    tree = with_record(
        tree,
        **evidence,
        spec=None if spec is None else json.loads(spec.to_json()),
        scaling=scaling.to_plain(),
        **record,
    )
    tree["point_estimate"] = tree["point_estimate"].to_dataset().assign(figures_of(point))
    # The original rows, without the rounding error of the round trip.
    tree["observed_data"] = (
        tree["observed_data"]
        .to_dataset()
        .assign({DATA: tree["observed_data"][DATA].copy(data=np.array(data.values))})
    )
    validate(tree)
    return tree


def _with_given(tree: xr.DataTree, given: GivenDraws, own: bool) -> xr.DataTree:
    """Replace draws from the standard scale by the original draws, relabeled."""
    result, posterior = tree.copy(), tree["posterior"]
    draws = permuted(given.posterior, tree["relabeling"]["permutation"].values)
    draws = draws.assign_coords({name: posterior[name] for name in posterior.coords})
    result["posterior"] = xr.DataTree(draws)
    if own and given.log_likelihood is not None:
        coords = {name: posterior[name] for name in (CHAIN, DRAW)}
        coords[ROW] = tree["observed_data"][ROW]
        values = {DATA: ((CHAIN, DRAW, ROW), given.log_likelihood)}
        result["log_likelihood"] = xr.DataTree(xr.Dataset(values, coords=coords))
    return result


def log_likelihoods(fit: Fit, scaling: Scaling) -> xr.Dataset:
    """Return the pointwise log-likelihood of every draw, in the units of the data.

    That is log p(x_i | parameters) of the observed cells, times the weight of the row.

    The parameters and rows of ``fit`` are on the standard scale.
    """
    data, posterior = fit.data, fit.posterior
    densities = log_densities_of_draws(data.rows, fit.draws)
    values = densities - scaling.log_jacobians(data)
    if data.weights.size:
        values *= data.weights
    coords = {name: posterior[name] for name in (CHAIN, DRAW)}
    coords[ROW] = data.row_names
    return xr.Dataset({DATA: ((CHAIN, DRAW, ROW), values)}, coords=coords)
