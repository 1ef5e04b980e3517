"""From the raw draws of an engine to the tree that users get."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.data.dataset import Dataset
from bayesgmm.data.standardize import Scaling
from bayesgmm.estimation.figures import figures_of
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.numerics.likeness import has_twins
from bayesgmm.numerics.statistics import log_densities_of_draws
from bayesgmm.posterior.fit import Fit
from bayesgmm.posterior.given_draws import GivenDraws
from bayesgmm.posterior.log_prior import log_priors
from bayesgmm.posterior.relabel.ecr import ECR
from bayesgmm.posterior.relabel.order import Direction
from bayesgmm.posterior.relabel.parameters import PRA
from bayesgmm.posterior.relabel.permute import Permutations, apply_permutations, permuted
from bayesgmm.posterior.relabel.relabel import relabelled
from bayesgmm.posterior.rescale import rescale
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import CHAIN, COMPONENT, DATA, DRAW, EVIDENCE, ROW, validate, with_record
from bayesgmm.schema import record as record_of

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
    """Relabel, add log-likelihoods and log priors, rescale, and write down how the tree was made.

    Parameters
    ----------
    raw : xarray.DataTree
        What an engine returned, on the scale that ``scaling`` leads back from.
    data : Dataset
    spec : MixtureSpec, optional
        In the units of the data; none where the prior is not known.
    point : PointEstimate
        The posterior mode in the units of the data.
    scaling : Scaling
    order_by : str or mapping
        ``"weights"``, a feature or a direction.
    quick : bool
        Whether to do without what takes long where rows are many: components are named by their
        parameters alone, and the group ``log_likelihood`` is left out.
    given : GivenDraws, optional
        Where another program drew: its draws in the units of the data, with all that belongs to
        a draw.
    **record
        Entries for the attribute in which the tree remembers its making.
    """
    tree = raw
    if raw["posterior"].sizes[COMPONENT] == 1 or has_twins(Fit(raw).groups):
        tree = relabelled(raw, PRA() if quick else ECR(), order_by)
    else:  # something tells the components apart: to move a name would change the posterior
        tree = apply_permutations(raw, Permutations.identity(raw))
    n_draws = tree["posterior"]["weights"][..., 0].size
    own = spec is None and given is not None and given.has_own_likelihood
    if not quick and not own and n_draws * data.n_rows <= MOST_LOG_LIKELIHOODS:
        tree["log_likelihood"] = log_likelihoods(Fit(tree), scaling)
    tree = rescale(tree, scaling)
    if given is not None:
        tree = _with_given(tree, given, own)
    if spec is not None:
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
    # The rows went to the standard scale and back; the originals have no rounding error.
    tree["observed_data"] = (
        tree["observed_data"]
        .to_dataset()
        .assign({DATA: tree["observed_data"][DATA].copy(data=np.array(data.values))})
    )
    validate(tree)
    return tree


def _with_given(tree: xr.DataTree, given: GivenDraws, own: bool) -> xr.DataTree:
    """Put the draws themselves, relabelled, in place of those that went to the standard scale."""
    result, posterior = tree.copy(), tree["posterior"]
    draws = permuted(given.posterior, tree["relabelling"]["permutation"].values)
    draws = draws.assign_coords({name: posterior[name] for name in posterior.coords})
    result["posterior"] = xr.DataTree(draws)
    if own and given.log_likelihood is not None:
        coords = {name: posterior[name] for name in (CHAIN, DRAW)}
        coords[ROW] = tree["observed_data"][ROW]
        values = {DATA: ((CHAIN, DRAW, ROW), given.log_likelihood)}
        result["log_likelihood"] = xr.DataTree(xr.Dataset(values, coords=coords))
    return result


def log_likelihoods(fit: Fit, scaling: Scaling) -> xr.Dataset:
    """Return what each row adds to the log-likelihood of every draw, in the units of the data.

    That is log p(x_i | parameters) of what is observed of it, times its weight.

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
