"""Posterior moments of draws, in units of the Monte Carlo error of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

import arviz_stats
import numpy as np


@dataclass(frozen=True)
class Moments:
    """Mean, second moment and standard deviation of one quantity, each with its Monte Carlo error.

    The errors of mean and standard deviation follow from effective sample sizes; the second
    moment E[x^2] is kept besides, as it is what integrals of the posterior are made of.
    """

    values: np.ndarray  # (3,)
    errors: np.ndarray  # (3,)


def moments_of_draws(draws: np.ndarray) -> Moments:
    """Return the moments of draws of shape (chain, draw)."""
    values = [draws.mean(), (draws**2).mean(), draws.std(ddof=1)]
    errors = [
        arviz_stats.mcse(draws, method="mean"),
        arviz_stats.mcse(draws**2, method="mean"),
        arviz_stats.mcse(draws, method="sd"),
    ]
    return Moments(np.array(values), np.array(errors, dtype=float))


def moments_of_summary(mean: float, sd: float, n_mean: float, n_spread: float) -> Moments:
    """Return the moments behind a published mean and standard deviation.

    A marginal that is nearly normal is assumed: then sd^2 has the error sd^2 sqrt(2 / n), sd half
    of that relative to itself, and x^2 = mean^2 + 2 mean (x - mean) + (x - mean)^2, whose two
    random terms are uncorrelated, has the variance 4 mean^2 sd^2 / n_mean + 2 sd^4 / n_spread.

    Parameters
    ----------
    mean, sd : float
        Posterior mean and standard deviation.
    n_mean, n_spread : float
        Effective sample sizes for the mean, and for squared distances from it.
    """
    second = mean**2 + sd**2
    of_second = np.sqrt(4 * mean**2 * sd**2 / n_mean + 2 * sd**4 / n_spread)
    errors = [sd / np.sqrt(n_mean), of_second, sd / np.sqrt(2 * n_spread)]
    return Moments(np.array([mean, second, sd]), np.array(errors))


def z_scores(ours: Moments, theirs: Moments) -> np.ndarray:
    """Return the differences divided by their combined Monte Carlo errors."""
    return (ours.values - theirs.values) / np.hypot(ours.errors, theirs.errors)
