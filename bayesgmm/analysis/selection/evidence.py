"""The evidence: the log probability density of the rows under a spec, parameters integrated out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from scipy.special import logsumexp

from bayesgmm.analysis.diagnosis.chains import is_approximation
from bayesgmm.analysis.diagnosis.value import known_diagnosis
from bayesgmm.analysis.labelings import log_labelings, target_of
from bayesgmm.analysis.selection.integrals import (
    Estimate,
    Half,
    Posterior,
    bridge_sampling,
    log_probability_empty,
    log_ratio_of_weights,
    thames,
)
from bayesgmm.data.answers import Tabular
from bayesgmm.digits import decimals, listed, number
from bayesgmm.engines.normal import MOST_CURVED, find_peak
from bayesgmm.errors import DataError, SchemaError, SpecificationError
from bayesgmm.numerics.bridge import relative_variance
from bayesgmm.numerics.statistics import responsibilities
from bayesgmm.numerics.unconstrained import FactorMap
from bayesgmm.options import expect_one_of
from bayesgmm.posterior.finish import log_prior_of_covariances
from bayesgmm.priors.sampling import draw_parameters
from bayesgmm.schema import CLUSTERS_OF_DRAWS
from bayesgmm.tree.fit import Fit

Method = Literal["bridge", "thames", "nobile", "laplace"]
ESTIMATOR = "estimator"

SMALLEST_DIFFERENCE = 0.1
"""Nats by which methods may differ: a factor of 1.1 in a Bayes factor."""

_BETWEEN_LIMITS = 3.0  # standard errors of a difference
_LARGEST_ERROR = 0.5
_SMALLEST_OF_LAPLACE = 0.5
_FEWEST_TERMS = 100.0
_PRIOR_DRAWS = 20_000


def evidence(
    tree: xr.DataTree,
    method: Method | None = None,
    *,
    smaller: xr.DataTree | None = None,
    X: Any | None = None,
) -> xr.Dataset:
    """Estimate the evidence of a fit, with a standard error, by several methods.

    The evidence, or marginal likelihood, is log p(X | spec): the log of the likelihood averaged
    over the prior. Differences between fits of the same rows are log Bayes factors; see
    ``compare(trees, by="evidence")``.

    What is in it: the density of the rows in the units of the data, that of the observed cells
    where some are missing, with all constants; rows of weight w counted w times; the factors of
    labels; the prior, normalized, also where it vanishes below the ``resolution``. All orders of
    exchangeable components are in it, so nothing has to be added: k! of them where all are
    exchangeable. If priors or labels tell components apart, only orders of those that
    they do not tell apart count. It depends on the prior, also where the posterior does not: means
    with a prior ten times as wide cost log 10 for each feature and component. Hyperparameters that
    were scaled to the data count as fixed numbers.

    Methods, from the draws of ``fit`` (all but the last):

    - ``"bridge"``, bridge sampling (Meng & Wong, 1996): from a mixture of t distributions that is
      fitted to half of the draws in unconstrained coordinates, the error with their
      autocorrelation (Fruehwirth-Schnatter, 2004; Gronau et al., 2017). The most exact.
    - ``"thames"``, the truncated harmonic mean (Metodiev et al., 2025): of one over the posterior
      density, over draws in a region around the center where this density is above its median; one
      ellipsoid, or several where the draws are enough, which follow a posterior that is not normal.
    - ``"nobile"``, with ``smaller``, a fit of one component less (Nobile, 2004): the ratio of both
      follows from the probability p0 that a component is empty, log m_k = log m_(k-1) - log p0
      + log G(k e) + log G((k - 1) e + n) - log G(k e + n) - log G((k - 1) e) for the concentration
      e, with m_(k-1) from bridge sampling. An independent check; not possible if components are
      hardly ever empty.
    - ``"laplace"``, a normal approximation at the posterior mode (Tierney & Kadane, 1986), times
      the number of orders. Its error is unknown, and large where components overlap.

    The first two integrate over one order of the components of every draw, which holds each
    mixture once, in place of all k! or of those that overlap, and multiply. That is exact for any k
    and any overlap. The chains must have found all modes apart from these orders.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    method : {"bridge", "thames", "nobile", "laplace"}, optional
        All that are possible by default: of an approximation (``ADVI``, ``Laplace`` without
        resampling) that is ``"laplace"``.
    smaller : xarray.DataTree, optional
        For ``"nobile"``: a fit of the same rows and priors with one component less.
    X : table, optional
        The rows of the fit, needed if it was made with ``keep_rows=False``.

    Returns
    -------
    xarray.Dataset
        Dim ``estimator``: ``log_evidence``, in nats, and its standard error ``se``, NaN for
        ``"laplace"``. The attribute ``note`` says whether the methods agree, and what
        is doubtful. The result is the same in every call: the seed is that of the fit.

    Raises
    ------
    SchemaError
        If ``tree`` is not a fit with draws and a spec, or without rows and there is no ``X``.
    SpecificationError
        If the method is unknown or not possible for this fit, the covariances are ``Factors``, or
        the number of components was unknown.
    DataError
        If ``smaller`` was fitted to other rows.

    References
    ----------
    Fruehwirth-Schnatter, S. (2004). Estimating marginal likelihoods for mixture and Markov
    switching models using bridge sampling techniques. Econometrics Journal 7, 143-167.
    Gronau, Q. F. et al. (2017). A tutorial on bridge sampling. Journal of Mathematical Psychology
    81, 80-97.
    Meng, X.-L. and Wong, W. H. (1996). Simulating ratios of normalizing constants via a simple
    identity: a theoretical exploration. Statistica Sinica 6, 831-860.
    Metodiev, M., Irons, N. J., Perrot-Dockes, M., Latouche, P. and Raftery, A. E. (2025). Easily
    computed marginal likelihoods for multivariate mixture models using the THAMES estimator.
    arXiv:2504.21812.
    Nobile, A. (2004). On the posterior distribution of the number of components in a finite
    mixture. Annals of Statistics 32, 2044-2073.
    Tierney, L. and Kadane, J. B. (1986). Accurate approximations for posterior moments and
    marginal densities. Journal of the American Statistical Association 81, 82-86.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> table = bg.evidence(bg.example_fit())
    >>> table["estimator"].values.tolist()
    ['bridge', 'thames', 'laplace']
    >>> round(table["log_evidence"].sel(estimator="bridge").item())
    -5273
    """
    fit = fit_with_evidence(tree, X)
    if method is not None:
        expect_one_of("method", method, get_args(Method))
    if method == "nobile" and smaller is None:
        raise SpecificationError(
            'method="nobile" compares with a fit of one component less: pass it as smaller.'
        )
    if smaller is not None and method not in (None, "nobile"):
        raise SpecificationError(f"smaller is for the method 'nobile', not {method!r}.")
    less = None if smaller is None else fit_with_evidence(smaller, X)
    methods = [method] if method is not None else _possible(fit, less)
    for name in methods:
        expect_possible(fit, name)
    if less is not None:
        _expect_one_less(fit, less)
    return as_table(fit, {name: estimate_of(fit, name, less) for name in methods})


def fit_with_evidence(tree: Any, X: Any | None = None) -> Fit:
    """Return a fit whose evidence can be estimated, or raise."""
    fit = Fit.with_draws(tree, "evidence")
    if fit.infers_number or CLUSTERS_OF_DRAWS in fit.record:
        raise SpecificationError(
            "evidence is of a known number of components, and that of this fit was unknown. Its "
            "draws with k clusters are not those of a fit with k components, some of which may be "
            "empty: fit a number, such as MixtureSpec(3), with the same priors."
        )
    fit = fit.over_its_rows(X)
    _ = fit.data  # raises where there are no rows
    if isinstance(fit.layout.covariances, FactorMap):  # raises where there is no spec
        raise SpecificationError(
            "evidence cannot be estimated for Factors: loadings can be rotated without a change of "
            "the mixture, and draws do not say how far. compare(trees) compares predictions."
        )
    _ = fit.spec
    return fit


def estimate_of(fit: Fit, method: str, smaller: Fit | None = None) -> Estimate:
    """Return the log evidence by one method, in the units of the data."""
    if method == "nobile":
        assert smaller is not None
        ratio, base = _nobile_ratio(fit), estimate_of(smaller, "bridge")
        doubt = ratio.doubt or base.doubt
        return Estimate(base.value + ratio.value, math.hypot(base.error, ratio.error), doubt)
    data, scaling = fit.data.fitted, fit.scaling
    common = log_labelings(fit.groups) - _log_prior_above_floor(fit)
    jacobian = scaling.log_jacobian(data.n_observed)
    if method == "laplace":
        return _laplace(fit, jacobian).plus(common)
    target, draws = target_of(fit)
    posterior = Posterior.of(target, draws, fit.groups)
    estimators: dict[str, Callable[..., Estimate]] = {"bridge": bridge_sampling, "thames": thames}
    rng = np.random.default_rng(fit.seed)
    return estimators[method](posterior, rng).plus(common - jacobian)


def as_table(fit: Fit, estimates: dict[str, Estimate]) -> xr.Dataset:
    """Return estimates as a table, with a note on their agreement."""
    columns = {
        "log_evidence": [one.value for one in estimates.values()],
        "se": [one.error if math.isfinite(one.error) else math.nan for one in estimates.values()],
    }
    return Tabular(
        {name: (ESTIMATOR, np.array(values)) for name, values in columns.items()},
        coords={ESTIMATOR: list(estimates)},
        attrs={"note": " ".join([judged(estimates), *doubts_about(fit)])},
    )


def judged(estimates: dict[str, Estimate]) -> str:
    """Say whether the methods agree, and which are in doubt."""
    words = [
        f"No estimate by {name}: {one.doubt}."
        if math.isnan(one.value)
        else f"{name.capitalize()} is doubtful: {one.doubt}."
        for name, one in estimates.items()
        if one.doubt
    ]
    words += [
        f"{name.capitalize()} is uncertain: its standard error is {one.error:.2g}; draw more."
        for name, one in estimates.items()
        if _LARGEST_ERROR < one.error < math.inf and not one.doubt
    ]
    sampled = {
        name: one
        for name, one in estimates.items()
        if name != "laplace" and one.error < _LARGEST_ERROR and not one.doubt
    }
    apart = disagreeing(sampled)
    if apart:
        words.append(
            f"Methods disagree: {listed(apart, between='; ')}. Trust none before more draws, "
            "or chains that agree, have brought them together."
        )
    elif len(sampled) > 1:
        words.append(f"{listed(sampled, between=' and ').capitalize()} agree within their errors.")
    laplace = estimates.get("laplace")
    best = next(iter(sampled.values()), None)
    if laplace and best and not math.isnan(laplace.value):
        away = laplace.value - best.value
        if abs(away) > max(_SMALLEST_OF_LAPLACE, _BETWEEN_LIMITS * best.error):
            side = "high" if away > 0 else "low"
            words.append(f"Laplace's approximation is {abs(away):.1f} nats too {side}.")
    elif laplace and not sampled and not laplace.doubt:
        words.append("The error of Laplace's approximation is not known.")
    return " ".join(words)


def disagreeing(estimates: dict[str, Estimate]) -> list[str]:
    """Return which pairs of methods disagree, in words."""
    found = []
    for (first, one), (second, other) in combinations(estimates.items(), 2):
        error, apart = math.hypot(one.error, other.error), abs(one.value - other.value)
        if apart > max(SMALLEST_DIFFERENCE, _BETWEEN_LIMITS * error):
            digits = decimals(error)
            found.append(
                f"{first} {number(one.value, digits)} and {second} {number(other.value, digits)}"
            )
    return found


def doubts_about(fit: Fit) -> list[str]:
    """Return what is doubtful about the draws of a fit."""
    words = []
    if fit.record.get("partial"):
        words.append("The run was interrupted: only the draws that it finished were used.")
    diagnosis = known_diagnosis(fit.tree)
    if diagnosis is not None and not diagnosis.passed and not is_approximation(fit):
        words.append(f"{diagnosis.verdict.rstrip('.')}; see diagnose.")
    return words


def _possible(fit: Fit, smaller: Fit | None) -> list[str]:
    if is_approximation(fit):
        return ["laplace"]
    methods = ["bridge", "thames", *(["nobile"] if smaller is not None else []), "laplace"]
    return [name for name in methods if name != "laplace" or fit.layout.size <= MOST_CURVED]


def expect_possible(fit: Fit, method: str) -> None:
    """Raise if a method cannot estimate the evidence of a fit."""
    if method == "laplace":
        if fit.layout.size > MOST_CURVED:
            raise SpecificationError(
                f"The curvature at the mode is not computed for {fit.layout.size} parameters, more "
                f"than {MOST_CURVED}. Use another method."
            )
        return
    if is_approximation(fit):
        raise SchemaError(
            f"The method {method!r} needs draws from the posterior, and those of "
            f"{fit.record.get('engine')} come from an approximation. Use method='laplace', or fit "
            "with engine=NUTS(), Gibbs() or Laplace(resample=True)."
        )


def _expect_one_less(fit: Fit, smaller: Fit) -> None:
    """Raise unless Nobile's identity holds between two fits."""
    expect_possible(smaller, "nobile")
    spec, own = fit.spec, smaller.spec
    if own.n_components != spec.n_components - 1:
        raise SpecificationError(
            f"smaller must have one component less, {spec.n_components - 1}, not "
            f"{own.n_components}."
        )
    all_alike = spec.n_components == 1 or np.unique(fit.groups).size == 1
    concentrations = [getattr(part.weights, "concentration", None) for part in (spec, own)]
    if not all_alike or any(isinstance(one, tuple) for one in concentrations):
        raise SpecificationError(
            "Nobile's identity holds where all components are exchangeable; here priors or labels "
            "tell them apart. Use method='bridge'."
        )
    if replace(own, n_components=spec.n_components) != spec:
        raise SpecificationError(
            "smaller must have the same priors but for the number of components; hyperparameters "
            f"differ. The fit has\n{spec}\nand smaller\n{own}"
        )
    counts = fit.data.counts
    if np.any(counts != np.round(counts)):
        raise SpecificationError(
            "Nobile's identity is about whole rows: weights of rows must be whole numbers. Use "
            "method='bridge'."
        )
    if fit.data.checksum != smaller.data.checksum or not np.array_equal(
        counts, smaller.data.counts
    ):
        raise DataError("smaller must be a fit of the same rows, in the same order, weights too.")


def _nobile_ratio(fit: Fit) -> Estimate:
    """Estimate the log ratio of the evidence to that of one component less."""
    data, draws, _ = fit.on_standard_scale(fit.data.fitted)
    shape = draws.batch_shape
    flat = draws.draw(tuple(index.ravel() for index in np.indices(shape)))
    logs = log_probability_empty(
        lambda draw: responsibilities(data.rows, flat.draw((draw,))), math.prod(shape), data.counts
    )
    if not np.isfinite(logs).any():
        return Estimate.unknown("no component is ever nearly empty")
    value = float(logsumexp(logs)) - math.log(logs.size)
    target, _ = target_of(fit)
    error = math.sqrt(Half(target, flat, shape[0]).error_of_mean(logs))
    terms = logs.size / (1.0 + relative_variance(logs))  # that the mean consists of
    if terms < _FEWEST_TERMS:
        return Estimate.unknown(
            "components are empty too rarely in the draws for the probability to be known"
        )
    k, e = fit.spec.n_components, float(fit.spec.weights.expanded(1)[0])
    constant = log_ratio_of_weights(e, k, data.total_weight)
    return Estimate(constant - value, error)


def _laplace(fit: Fit, jacobian: float) -> Estimate:
    """Return Laplace's estimate for one order of the components."""
    if "log_marginal_likelihood" in fit.record:
        regularized, value = fit.record["regularized"], fit.record["log_marginal_likelihood"]
    else:
        target, _ = target_of(fit.few(1))
        mode = fit.standard_mode
        peak = find_peak(target, target.position_of(mode), target.rough_deviations(mode))
        regularized, value = peak.regularized, peak.log_integral - jacobian
    doubt = ""
    if regularized:
        doubt = "the posterior density is nearly flat in some directions at its mode"
    return Estimate(value, math.inf, doubt)


def _log_prior_above_floor(fit: Fit) -> float:
    """Return the log of the prior mass that the resolution leaves.

    The factor of the resolution is not normalized in log densities; its mean is taken over draws
    from the prior without it.
    """
    scaling = fit.scaling
    spec, size = fit.spec.standardized(scaling.shift, scaling.factor), len(scaling.factor)
    prior = spec.covariance_prior(size)
    if not np.any(prior.floor > 0):
        return 0.0
    draws = draw_parameters(spec, size, _PRIOR_DRAWS, np.random.default_rng(0))
    structure = fit.layout.covariances
    without = prior._replace(floor=np.zeros_like(prior.floor))
    with np.errstate(over="ignore", invalid="ignore"):
        logs = log_prior_of_covariances(draws, structure, prior)
        logs -= log_prior_of_covariances(draws, structure, without)
    logs = np.nan_to_num(logs, nan=-np.inf)
    return float(logsumexp(logs)) - math.log(logs.size)
