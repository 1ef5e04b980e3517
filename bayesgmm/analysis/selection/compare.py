"""Model comparison by leave-one-out cross-validation, or by the evidence."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Bool
from scipy.special import softmax

from bayesgmm.analysis.selection.evidence import (
    disagreeing,
    doubts_about,
    estimate_of,
    expect_possible,
    fit_with_evidence,
)
from bayesgmm.data.answers import Tabular
from bayesgmm.digits import counted, listed
from bayesgmm.errors import DataError, SchemaError, SpecificationError
from bayesgmm.options import expect_one_of
from bayesgmm.posterior.finish import MOST_LOG_LIKELIHOODS
from bayesgmm.schema import DATA, FEATURE, ROW
from bayesgmm.tree.fit import Fit

if TYPE_CHECKING:
    from arviz_stats.utils import ELPDDataLOO

MODEL = "model"
_STANDARD_ERRORS = 3.0


Criterion = Literal["elpd", "evidence"]


def compare(trees: Mapping[str, xr.DataTree], *, by: Criterion = "elpd") -> xr.Dataset:
    """Compare fits of the same rows by their expected predictive density, or by their evidence.

    PSIS-LOO estimates the expected log predictive density of new rows,
    elpd = sum_i log p(x_i | all other rows), without refitting: the draws are weighted
    instead, with Pareto smoothed weights (Vehtari, Gelman & Gabry, 2017). The likelihood is that
    of the mixture, allocations marginalized, so it is label-invariant. Stacking weights
    maximize the predictive density of the mixture of the models (Yao et al.,
    2018).

    It fails if a single row strongly influences the posterior, such as an outlier with a component
    of its own. Then the Pareto k of the row is high, and the elpd of the model is not reliable;
    the table counts such rows. Draws of ADVI and Laplace are treated as if they came from
    the posterior.

    It compares predictions; it does not estimate the number of clusters. If clusters
    are not exactly normal, the best number of components grows with the number of rows, and even
    the posterior of the number of components has no limit (Cai, Campbell & Broderick, 2021). A
    difference of few standard errors, or of less than four, is not conclusive (Sivula et al.,
    2025). Rows without any observed cell, and those of weight zero, do not count.

    With ``by="evidence"`` the fits are compared by the probability density that each gives to the
    rows, its prior included (:func:`bayesgmm.evidence`, by bridge sampling): Bayes factors, and
    posterior probabilities of the fits if all had the same probability before. They depend on
    the priors, also on those that hardly matter for the posterior, and hyperparameters that were
    scaled to the data count as fixed numbers. Where the truncated harmonic mean disagrees the note
    says so.

    Parameters
    ----------
    trees : mapping of names to trees
        At least two results of :func:`bayesgmm.fit` on the same rows.
    by : {"elpd", "evidence"}, default "elpd"
        What decides.

    Returns
    -------
    xarray.Dataset
        Dim ``model``, the best first: ``elpd``, in nats, summed over rows, and its standard error
        ``elpd_se``; ``p_loo``, the effective number of parameters; ``elpd_difference``, to the
        best, zero or less, and its standard error ``difference_se``; ``weight``, of stacking;
        ``largest_pareto_k``; ``high_pareto_k``, the number of rows above ``pareto_k_threshold``,
        which is 0.7, or less for few draws. The attribute ``note`` says whether the
        estimates are reliable.

        By evidence: ``log_evidence`` and its standard error ``se``; ``log_bayes_factor``, to the
        best, zero or less, and its standard error ``factor_se``; ``probability``, of the fit
        among these. The attribute ``note`` says which differences are beyond the errors,
        and whether methods disagree.

    Raises
    ------
    SpecificationError
        If ``trees`` does not map names to at least two trees, or ``by`` is not one of the above.
    SchemaError
        If a tree is not a result of ``fit``, or has no log-likelihoods: they are not kept for
        more than 20 million pairs of a draw and a row. By evidence, if draws come from an
        approximation, or without a spec.
    DataError
        If the trees were fitted to different features or rows; by evidence, if their weights or
        only one has labels.

    References
    ----------
    Cai, D., Campbell, T. and Broderick, T. (2021). Finite mixture models do not reliably learn
    the number of components. International Conference on Machine Learning 38.
    Sivula, T., Magnusson, M., Matamoros, A. A. and Vehtari, A. (2025). Uncertainty in Bayesian
    leave-one-out cross-validation based model comparison. arXiv:2008.10296.
    Vehtari, A., Gelman, A. and Gabry, J. (2017). Practical Bayesian model evaluation using
    leave-one-out cross-validation and WAIC. Statistics and Computing 27, 1413-1432.
    Yao, Y., Vehtari, A., Simpson, D. and Gelman, A. (2018). Using stacking to average Bayesian
    predictive distributions. Bayesian Analysis 13, 917-1007.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> three = bg.example_fit()
    >>> X = bg.datasets.load("penguins")[list(three["observed_data"]["feature"].values)].dropna()
    >>> one = bg.fit(
    ...     X, bg.MixtureSpec(1), engine=bg.NUTS(draws=200, tune=200), random_seed=1,
    ...     progress=False,
    ... )
    >>> table = bg.compare({"one": one, "three": three})
    >>> table["model"].values.tolist()
    ['three', 'one']
    >>> table["weight"].values.round(1)
    array([1., 0.])
    """
    expect_one_of("by", by, get_args(Criterion))
    fits = _fits_of(trees, by)
    if by == "evidence":
        return _by_evidence(fits)
    # Rows that are not fitted have the density 1 under every model, and do not count.
    counted = np.any([fit.data.is_fitted for fit in fits.values()], axis=0)
    with warnings.catch_warnings():  # their content is in the table
        warnings.simplefilter("ignore")
        results = {name: _leave_one_out(fit, counted) for name, fit in fits.items()}
        table = _ranked(results)
    names = list(table.index)
    ordered = [results[name] for name in names]
    high = [int(np.sum(~(each.pareto_k.values <= each.good_k))) for each in ordered]
    columns = {
        "elpd": [each.elpd for each in ordered],
        "elpd_se": [each.se for each in ordered],
        "p_loo": [each.p for each in ordered],
        "elpd_difference": table["elpd_diff"],
        "difference_se": table["dse"],
        "weight": table["weight"],
        "largest_pareto_k": [each.pareto_k.max().item() for each in ordered],
        "high_pareto_k": high,
        "pareto_k_threshold": [each.good_k for each in ordered],
    }
    return Tabular(
        {name: (MODEL, np.asarray(values)) for name, values in columns.items()},
        coords={MODEL: names},
        attrs={"note": _note(dict(zip(names, high, strict=True)))},
    )


def _by_evidence(fits: dict[str, Fit]) -> xr.Dataset:
    """Return the table of log evidences, the largest first."""
    both = {
        name: {method: estimate_of(fit, method) for method in ("bridge", "thames")}
        for name, fit in fits.items()
    }
    found = {name: estimates["bridge"] for name, estimates in both.items()}
    unknown = [f"{name} ({one.doubt})" for name, one in found.items() if math.isnan(one.value)]
    if unknown:
        raise SchemaError(f"The evidence could not be estimated for {listed(unknown)}.")
    names = sorted(found, key=lambda name: -found[name].value)
    values, errors = (
        np.array([getattr(found[name], part) for name in names]) for part in ("value", "error")
    )
    factor_errors = np.hypot(errors, errors[0])
    factor_errors[0] = 0.0
    columns = {
        "log_evidence": values,
        "se": errors,
        "log_bayes_factor": values - values[0],
        "factor_se": factor_errors,
        "probability": softmax(values),
    }
    notes = [
        f"{names[0]} and {name} differ by less than three standard errors."
        for name, apart, error in zip(names, values[0] - values, factor_errors, strict=True)
        if name != names[0] and apart < _STANDARD_ERRORS * error
    ]
    for name in names:
        if apart := disagreeing(both[name]):
            notes.append(f"Methods disagree about {name}: {listed(apart, between='; ')}.")
        notes += [f"Of {name}: {words}" for words in doubts_about(fits[name])]
    return Tabular(
        {name: (MODEL, numbers) for name, numbers in columns.items()},
        coords={MODEL: names},
        attrs={"note": " ".join(notes) or "Differences are beyond the errors of estimation."},
    )


def _leave_one_out(fit: Fit, counted: Bool[np.ndarray, " n"]) -> ELPDDataLOO:
    from arviz_stats import loo

    densities = fit.tree["log_likelihood"].to_dataset().isel({ROW: counted})
    groups = {"posterior": fit.posterior.to_dataset(), "log_likelihood": densities}
    return loo(xr.DataTree.from_dict(groups), pointwise=True, var_name=DATA)


def _ranked(results: dict[str, ELPDDataLOO]) -> pd.DataFrame:
    """Return ArviZ's comparison: differences and stacking weights, the best first.

    They do not change if the density of a row is divided by the same number under every model.
    That keeps ArviZ, which takes the exponential of each, from underflow where a row is improbable
    under all of them.
    """
    from arviz_stats import compare as compare_results

    best = np.max([each.elpd_i.values for each in results.values()], axis=0)
    relative = {
        name: replace(
            each, elpd=each.elpd - best.sum(), elpd_i=each.elpd_i - best, log_weights=None
        )
        for name, each in results.items()
    }
    return compare_results(relative, round_to="none")


def _note(high: dict[str, int]) -> str:
    doubtful = [f"{name} ({counted(count, 'row')})" for name, count in high.items() if count]
    if not doubtful:
        return "No row has a high Pareto k: elpd estimates are reliable."
    return f"Not reliable, because rows have a high Pareto k: {', '.join(doubtful)}."


def _fits_of(trees: Any, by: Criterion) -> dict[str, Fit]:
    is_mapping = isinstance(trees, Mapping) and not isinstance(trees, xr.DataTree)
    if not is_mapping or not all(isinstance(name, str) for name in trees):
        raise SpecificationError(
            'trees must map names to fits, such as {"two": tree_2, "three": tree_3}, not '
            f"{type(trees).__name__!r}."
        )
    if len(trees) < 2:
        raise SpecificationError(f"trees must hold at least two fits; there are {len(trees)}.")
    read = _fit_of if by == "elpd" else _fit_with_evidence
    fits = {name: read(name, tree) for name, tree in trees.items()}
    (first, reference), *others = fits.items()
    for name, fit in others:
        _expect_same_rows(first, reference, name, fit)
        if by == "evidence":
            _expect_same_weights_and_labels(first, reference, name, fit)
    return fits


def _fit_with_evidence(name: str, tree: Any) -> Fit:
    try:
        fit = fit_with_evidence(tree)
        expect_possible(fit, "bridge")
    except (SchemaError, SpecificationError) as error:
        raise type(error)(f"The evidence of {name!r}: {error}") from None
    return fit


def _fit_of(name: str, tree: Any) -> Fit:
    try:
        fit = Fit.with_draws(tree, "compare")
        fit.expect_fitted()
    except SchemaError as error:
        raise SchemaError(f"{name!r} is not a fit. {error}") from None
    if not fit.has_rows:
        raise SchemaError(
            f"{name!r} was fitted with keep_rows=False, and its tree holds neither the rows nor "
            "their log-likelihoods, which are compared. Fit it again with keep_rows=True."
        )
    if "log_likelihood" not in fit.tree.children and not fit.knows_prior:
        raise SchemaError(
            f"{name!r} has no log-likelihoods: for a model in which mixture weights differ between "
            "rows, pass them to from_draws in a group log_likelihood."
        )
    if "log_likelihood" not in fit.tree.children:
        n_rows = fit.tree["observed_data"].sizes[ROW]
        n_draws = fit.n_draws
        raise SchemaError(
            f"{name!r} has no log-likelihoods, which fits do not keep for more than "
            f"{MOST_LOG_LIKELIHOODS:,} pairs of a draw and a row: here {n_draws:,} draws and "
            f"{n_rows:,} rows. Fit with at most {max(1, MOST_LOG_LIKELIHOODS // n_rows):,} draws "
            "in all chains, or compare fits of a sample of the rows."
        )
    return fit


def _expect_same_weights_and_labels(first: str, reference: Fit, name: str, fit: Fit) -> None:
    if not np.array_equal(reference.data.counts, fit.data.counts):
        raise DataError(
            f"{first!r} and {name!r} were fitted with different weights of the rows: their "
            "evidences are of different tables. Fit all models with the same weights."
        )
    with_labels = [bool(one.data.label_log_likelihoods.size) for one in (reference, fit)]
    if with_labels[0] != with_labels[1]:
        raise DataError(
            f"Of {first!r} and {name!r} only one was fitted with labels, which are a part of the "
            "evidence. Fit all models with the same labels."
        )


def _expect_same_rows(first: str, reference: Fit, name: str, fit: Fit) -> None:
    one, other = (each.tree["observed_data"][DATA] for each in (reference, fit))
    features = [sorted(map(str, each[FEATURE].values)) for each in (one, other)]
    if features[0] != features[1]:
        raise DataError(
            f"{first!r} was fitted to the features {features[0]}, {name!r} to {features[1]}. "
            "Densities of different features cannot be compared."
        )
    remedy = "Fit all models to the same rows, in the same order and units."
    if one.sizes[ROW] != other.sizes[ROW]:
        raise DataError(
            f"{first!r} was fitted to {one.sizes[ROW]} rows, {name!r} to {other.sizes[ROW]}. "
            f"{remedy}"
        )
    values = other.sel({FEATURE: one[FEATURE]}).values
    missing = np.isnan(one.values) & np.isnan(values)
    different = np.flatnonzero(((one.values != values) & ~missing).any(axis=1))
    if different.size:
        row = one[ROW].values[different[0]]
        raise DataError(
            f"{first!r} and {name!r} were fitted to different rows: {different.size} differ, the "
            f"first of them row {row}. {remedy}"
        )
