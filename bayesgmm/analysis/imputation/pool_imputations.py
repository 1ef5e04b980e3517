"""Rubin's rules: pooled estimates from the analyses of several imputations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy import stats

from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, equal_tails
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.options import is_number

PARAMETER = "parameter"

_Numbers = Float[np.ndarray, " *p"] | np.float64


def pool_imputations(
    estimates: Any,
    variances: Any,
    *,
    dfcom: float | None = None,
    names: Sequence[str] | None = None,
    ci_prob: float = DEFAULT_PROBABILITY,
) -> xr.Dataset:
    """Combine the estimates from m imputations by Rubin's rules.

    The estimate is the mean of the m estimates. Its variance is T = W + (1 + 1/m) B, with W the
    mean of their variances and B the variance between them. With l = (1 + 1/m) B / T, the fraction
    of T that is due to missing cells, the estimate has a t distribution of
    v_m = (m - 1) / l^2 degrees of freedom (Rubin, 1987); or if the analysis of a complete table
    has v degrees of freedom, 1 / (1 / v_m + 1 / v_obs) with v_obs = v (1 - l) (v + 1) / (v + 3)
    (Barnard & Rubin, 1999), which never exceeds v.

    Parameters
    ----------
    estimates : array, shape (m,) or (m, p)
        Estimates from each imputation: one number, or p of them. A list of m
        pandas series is accepted.
    variances : array, of the same shape
        The squared standard error of each.
    dfcom : float, optional
        Degrees of freedom of the analysis of complete data: for a regression, the number
        of rows minus that of coefficients. By default infinite.
    names : sequence of p strings, optional
        Names of the parameters. By default those of pandas series, or 0, 1, 2, ...
    ci_prob : float, default 0.89
        Probability of the equal-tailed intervals.

    Returns
    -------
    xarray.Dataset
        ``estimate``, ``standard_error`` (the root of T), ``lower``, ``upper``, ``within`` (W),
        ``between`` (B), ``total`` (T), ``degrees_of_freedom`` and ``missing_information``, the
        fraction l + (1 - l) 2 / (v_m + 3) of the information on the parameter that is lost with
        the missing cells (Rubin, 1987); dim ``parameter`` where there are several.

    Raises
    ------
    DataError
        If there are fewer than two imputations, shapes differ, or numbers are not finite or
        variances negative.
    SpecificationError
        If an option is out of range, or there is not one name for each parameter.

    References
    ----------
    Barnard, J. and Rubin, D. B. (1999). Small-sample degrees of freedom with multiple imputation.
    Biometrika 86, 948-955.

    Rubin, D. B. (1987). Multiple imputation for nonresponse in surveys. Wiley.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> pooled = bg.pool_imputations([1.0, 2.0, 3.0], [0.5, 0.4, 0.6])
    >>> float(pooled["estimate"]), float(pooled["total"].round(3))
    (2.0, 1.833)
    """
    tails = equal_tails(ci_prob)
    _expect_degrees(dfcom)
    names = _names(estimates) if names is None else names
    points, squares = _checked(estimates, variances)
    m = len(points)
    within, between = squares.mean(axis=0), points.var(axis=0, ddof=1)
    total = within + (1 + 1 / m) * between
    share = np.divide((1 + 1 / m) * between, total, out=np.zeros_like(total), where=total > 0)
    with np.errstate(divide="ignore"):
        rubin = (m - 1) / share**2
    degrees = rubin if dfcom is None else _adjusted(rubin, share, dfcom)
    estimate, error = points.mean(axis=0), np.sqrt(total)
    lower, upper = (estimate + stats.t.ppf(tail, degrees) * error for tail in tails)
    answers = {
        "estimate": estimate,
        "standard_error": error,
        "lower": lower,
        "upper": upper,
        "within": within,
        "between": between,
        "total": total,
        "degrees_of_freedom": degrees,
        "missing_information": share + (1 - share) * 2 / (rubin + 3),
    }
    return _labeled(answers, names, ci_prob)


def _adjusted(rubin: _Numbers, share: _Numbers, complete: float) -> _Numbers:
    """Return the degrees of freedom of Barnard and Rubin (1999)."""
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    with np.errstate(divide="ignore"):
        return 1 / (1 / rubin + 1 / observed)


def _checked(estimates: Any, variances: Any) -> tuple[np.ndarray, np.ndarray]:
    try:
        points, squares = np.array(estimates, dtype=float), np.array(variances, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"estimates and variances must be numbers, equally many for each imputation: {error}."
        ) from error
    if points.shape != squares.shape or points.ndim not in (1, 2):
        raise DataError(
            f"estimates has shape {points.shape} and variances {squares.shape}; expected (m,) or "
            "(m, p) for both, one row per imputation."
        )
    if len(points) < 2:
        raise DataError(
            f"Rubin's rules need at least two imputations, not {len(points)}: they use the "
            "variance "
            "between imputations."
        )
    if not (np.isfinite(points).all() and np.isfinite(squares).all() and (squares >= 0).all()):
        raise DataError(
            "estimates and variances must be finite, and variances not negative. Give squared "
            "standard errors."
        )
    return points, squares


def _expect_degrees(complete: float | None) -> None:
    if complete is None:
        return
    if not is_number(complete) or not complete > 0:
        raise SpecificationError(
            f"dfcom must be a number above 0, not {complete!r}: the rows of a complete "
            "table less the parameters of the analysis, usually."
        )


def _names(estimates: Any) -> Sequence[str] | None:
    """Return the names of pandas objects."""
    if hasattr(estimates, "columns"):
        return [str(name) for name in estimates.columns]
    first = estimates[0] if isinstance(estimates, list | tuple) and estimates else None
    if first is None or not hasattr(first, "to_frame"):
        return None
    return [str(name) for name in first.index]


def _labeled(
    answers: dict[str, np.ndarray], names: Sequence[str] | None, probability: float
) -> xr.Dataset:
    shape = answers["estimate"].shape
    dims = (PARAMETER,) if shape else ()
    coords = {PARAMETER: np.arange(shape[0]) if names is None else list(names)} if shape else {}
    if shape and len(coords[PARAMETER]) != shape[0]:
        raise SpecificationError(
            f"names has {len(coords[PARAMETER])} entries for {shape[0]} parameters. Give one each."
        )
    return xr.Dataset(
        {name: (dims, values) for name, values in answers.items()},
        coords=coords,
        attrs={"interval": f"{100 * probability:g}% interval of a t distribution"},
    )
