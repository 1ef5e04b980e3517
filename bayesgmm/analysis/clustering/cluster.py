"""Assignment of rows to components, with its uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Int
from scipy.special import entr

from bayesgmm.analysis.draws import draws_to_use
from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, NO_INTERVAL, equal_tails, interval_name
from bayesgmm.numerics.memberships import memberships, shared_memberships
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.numerics.statistics import mean_responsibilities
from bayesgmm.options import expect_fraction
from bayesgmm.posterior.relabel.clusters import named
from bayesgmm.progress import CountProgress
from bayesgmm.schema import COMPONENT, ROW
from bayesgmm.tree.fit import Fit, Fitted

_MOST_UNMATCHED = 1000  # draws whose components are compared row by row, unless more are asked for

DEFAULT_CERTAINTY = 0.9
"""Rows whose most probable component has a lower probability are unsure."""


def cluster(
    mixture: Fitted,
    X: Any | None = None,
    *,
    certainty: float = DEFAULT_CERTAINTY,
    ci_prob: float = DEFAULT_PROBABILITY,
    max_draws: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Assign rows to components, with probabilities that include parameter uncertainty.

    r_ik = E[ pi_k N(x_i | mu_k, Sigma_k) / sum_l pi_l N(x_i | mu_l, Sigma_l) ], the expectation
    being over the posterior draws.

    There are two sources of uncertainty. A row may lie between components, whatever their
    parameters are: then r_ik is far from one. And the parameters may be uncertain: then the
    fraction in the brackets differs between draws, and its interval is wide.

    If the number of components is unknown, those of two draws have nothing to do with each other.
    The components in the answer are then the clusters of :func:`partition`, and r_ic is the
    probability that a row of the same component, in a draw, is in cluster c: co-clustering, with
    all draws, whatever their number of clusters.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`.
    X : table with the features of the fit, optional
        New rows; those of the fit by default.
    certainty : float, default 0.9
        Rows whose most probable component has at least this probability are ``core``, the others
        ``unsure``.
    ci_prob : float, default 0.89
        Posterior probability of the equal-tailed intervals.
    max_draws : int, optional
        Draws that are used, spread evenly over the chains. By default all; beyond 25,000 rows
        fewer of them, so that rows times draws are 100 million, but no fewer than 500: their
        Monte Carlo error is then at most 0.022 in a probability.
    progress : bool, default True
        Whether to show progress if it takes more than two seconds.

    Returns
    -------
    xarray.Dataset
        ``responsibilities`` (obs_id, component), which sum to one over components, and the ends
        ``lower`` and ``upper`` of the interval of each over the draws, which may exclude the mean
        if a few draws are extreme; ``label`` (obs_id), the
        most probable component, and ``certainty`` (obs_id), its probability; ``entropy``
        (obs_id), that of the responsibilities, -sum_k r_ik log r_ik in nats: zero where the
        component is certain, log k where all are equally probable; ``core`` (obs_id), whether
        the certainty of a row and the lower end of its interval both reach ``certainty``, so that
        almost all draws agree; and ``unsure`` (obs_id), whether its certainty does not.
        The remaining rows have high mean probability, but not in every draw. The attribute
        ``interval`` names the kind of interval. Under a point estimate responsibilities are those
        at its parameters, as if these were known: ``lower`` and ``upper`` are NaN, and every row
        that is not unsure counts as core.

    Raises
    ------
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.
    DataError
        If the features of ``X`` are not those of the fit.
    SpecificationError
        If ``certainty`` or ``ci_prob`` does not lie between 0 and 1, or ``max_draws`` is not a
        positive whole number.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.example_fit()
    >>> clusters = bg.cluster(tree)
    >>> dict(clusters.sizes)
    {'obs_id': 342, 'component': 3}
    >>> bool(clusters["unsure"].mean() < 0.05)
    True
    """
    expect_fraction("certainty", certainty)
    tails = equal_tails(ci_prob)
    fit = Fit.of(mixture)
    data = fit.rows(X)
    most = _MOST_UNMATCHED if fit.infers_number else None
    n_draws = draws_to_use(fit, data.n_rows, max_draws, most=most)
    rows, draws, _ = fit.on_standard_scale(data, n_draws=n_draws)
    names, by_component = fit.names, (ROW, COMPONENT)
    with CountProgress("rows", data.n_rows, visible=progress) as bar:
        if fit.infers_number:
            reference = _reference(fit, X)
            found = shared_memberships(rows.rows, draws, *reference, tails, report=bar.advance)
            names = np.arange(found.mean.shape[1])
        else:
            found = memberships(rows.rows, draws, tails, report=bar.advance)
    labels, highest = found.mean.argmax(axis=1), found.mean.max(axis=1)
    least = np.take_along_axis(found.lower, labels[:, None], axis=1)[:, 0]
    answer = xr.Dataset(
        {
            "responsibilities": (by_component, found.mean),
            "lower": (by_component, found.lower),
            "upper": (by_component, found.upper),
            "label": (ROW, names[labels]),
            "certainty": (ROW, highest),
            "entropy": (ROW, entr(found.mean).sum(axis=1)),
            "core": (ROW, (highest >= certainty) & (least >= certainty)),
            "unsure": (ROW, highest < certainty),
        },
        coords={ROW: data.row_names, COMPONENT: names},
        attrs={"interval": NO_INTERVAL if fit.is_point else interval_name(ci_prob)},
    )
    unknown = answer[["lower", "upper"]] * np.nan
    return answer.assign(unknown) if fit.is_point else answer


def _reference(fit: Fit, X: Any | None) -> tuple[RowsInMemory, Int[np.ndarray, " n"]]:
    """Return rows on the standard scale, those of the fit if it has them, and their partition."""
    from bayesgmm.analysis.clustering.partition import partition

    over = X if not fit.has_rows else None
    labels = partition(fit, X=over, progress=False)["label"].values
    rows, _, _ = fit.on_standard_scale(fit.rows(over), n_draws=1)
    return rows.rows, labels


def expected_responsibilities(tree: Fitted, X: Any | None = None) -> xr.DataArray:
    """Return the responsibilities of named components only: one pass, without quantiles."""
    fit = named(Fit.of(tree))
    data = fit.rows(X)
    rows, draws, _ = fit.on_standard_scale(data, n_draws=draws_to_use(fit, data.n_rows, None))
    return xr.DataArray(
        mean_responsibilities(rows.rows, draws),
        coords={ROW: data.row_names, COMPONENT: fit.names},
        dims=(ROW, COMPONENT),
        name="responsibilities",
    )
