"""The result of a calibration: ranks, a uniformity test of each quantity, and a verdict.

The test is exact, by the simultaneous band of the empirical distribution function.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Int
from scipy import stats

from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.schema import CHAIN, DRAW

_CLEAR = 1e-9
"""Below this, the union bound replaces the exact probability, which is lost to rounding."""


def uniformity_p_value(ranks: Int[np.ndarray, " replication"], n_draws: int) -> float:
    """Return the p-value of the hypothesis that ranks are uniform on 0, ..., ``n_draws``.

    At every i, the number of ranks below i is binomial under the hypothesis. The statistic is the
    minimum of the two-sided probabilities of these numbers (Saeilynoja et al., 2022, section 2):
    the level of the narrowest band that holds the whole empirical distribution function. The
    probability of a smaller value by chance is exact, by a recursion over i, not simulated.

    References
    ----------
    Saeilynoja, T., Buerkner, P.-C. and Vehtari, A. (2022). Graphical test for discrete uniformity
    and its applications in goodness-of-fit evaluation and multiple sample comparison. Statistics
    and Computing 32, 32.
    """
    n_replications = ranks.size
    below = np.cumsum(np.bincount(ranks, minlength=n_draws + 1))[:-1]
    expected = stats.binom(n_replications, np.arange(1, n_draws + 1) / (n_draws + 1))
    least = 2 * float(np.minimum(expected.cdf(below), expected.sf(below - 1)).min())
    if least * n_draws < _CLEAR:
        return least * n_draws
    low, high = _band(n_replications, n_draws, least)
    if np.any(low > high):
        return 1.0
    return float(np.clip(1.0 - _probability_inside(low, high, n_replications), 0.0, 1.0))


def _band(
    n_replications: int, n_draws: int, level: float
) -> tuple[Int[np.ndarray, " draw"], Int[np.ndarray, " draw"]]:
    """Return the least and largest numbers whose two-sided probabilities exceed the level.

    Where there are none, the first is above the second.
    """
    shares = np.arange(1, n_draws + 1) / (n_draws + 1)
    numbers = np.arange(n_replications + 1)[:, None]
    # A value equal to the level up to rounding is on the edge, which is outside of the band.
    above = level / 2 * (1 + 1e-9)
    inside = stats.binom.cdf(numbers, n_replications, shares) > above
    inside &= stats.binom.sf(numbers - 1, n_replications, shares) > above
    low = np.where(inside.any(axis=0), inside.argmax(axis=0), n_replications + 1)
    return low, n_replications - inside[::-1].argmax(axis=0)


def _probability_inside(
    low: Int[np.ndarray, " draw"], high: Int[np.ndarray, " draw"], n_replications: int
) -> float:
    """Return the probability that the counts below every i stay within the band.

    Given C ranks below i - 1, the others are uniform on the remaining bins.
    """
    counts, probabilities = np.array([0]), np.array([1.0])
    n_bins = low.size + 1
    for step, (least, most) in enumerate(zip(low, high, strict=True)):
        following = np.arange(least, most + 1)
        steps = following[:, None] - counts
        chances = stats.binom.pmf(steps, n_replications - counts, 1 / (n_bins - step))
        counts, probabilities = following, chances @ probabilities
    return float(probabilities.sum())


REPLICATION, QUANTITY = "replication", "quantity"

ERROR_RATE = 0.01
"""Probability that a correct engine fails, over all quantities (Bonferroni)."""

ENOUGH_INDEPENDENCE = 0.5
"""Minimum effective fraction of the kept draws: below, ranks pile up at both ends."""

CENTRAL = 0.8
"""Probability of the central intervals whose coverage is reported."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """The verdict on an engine.

    Attributes
    ----------
    passed : bool
        Whether every replication gave draws, and no quantity has ranks that are far from uniform.
    verdict : str
        One line of text.
    findings : tuple of Finding
        What is wrong or weakens the verdict, each with a remedy.
    figures : xarray.Dataset
        Dim ``quantity``: ``p_value``, of uniform ranks; ``mean_pit``, 0.5 if unbiased and lower
        if draws are too large; ``coverage``, the fraction of true values inside central 80 %
        intervals, smaller if intervals are too narrow; ``effective``, the effective fraction of the
        draws kept, median over replications.
    ranks : xarray.Dataset
        Dims ``replication`` and ``quantity``: ``ranks``, the number of kept draws below
        the truth; ``pit``, the same on the unit interval; ``ess``, the effective number of the
        draws kept. Replications that failed are in the attribute ``failures`` instead, number
        to message.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> spec = bg.MixtureSpec(
    ...     1, means=bg.NormalMeans(0.0, 2.0), covariances=bg.Diagonal(bg.InverseGamma(8.0, 6.0))
    ... )
    >>> found = bg.calibrate(
    ...     spec, bg.Gibbs(draws=100), n_rows=30, n_features=1, n_replications=10, random_seed=1,
    ...     progress=False,
    ... )
    >>> list(found.figures)
    ['p_value', 'mean_pit', 'coverage', 'effective']
    """

    passed: bool
    verdict: str
    findings: tuple[Finding, ...]
    figures: xr.Dataset
    ranks: xr.Dataset

    @property
    def pit(self) -> xr.DataTree:
        """Normalized ranks as ArviZ wants them: ``arviz.plot_ecdf_pit(calibration.pit)``."""
        values = self.ranks["pit"]
        numbered = {CHAIN: [0], DRAW: values[REPLICATION].values}
        variables = {
            str(name): ((CHAIN, DRAW), values.sel({QUANTITY: name}).values[None])
            for name in values[QUANTITY].values
        }
        return xr.DataTree.from_dict({"prior_sbc": xr.Dataset(variables, coords=numbered)})

    def __str__(self) -> str:
        lines = [self.verdict, *(f"  - {finding}" for finding in self.findings), "", self._table()]
        return "\n".join(lines)

    __repr__ = __str__

    def _table(self) -> str:
        rows = [f"{'quantity':<20}{'p-value':>9}{'mean PIT':>10}{'coverage':>10}{'effective':>11}"]
        for name in self.figures[QUANTITY].values:
            p_value, mean, coverage, effective = (
                float(self.figures[key].sel({QUANTITY: name}))
                for key in ("p_value", "mean_pit", "coverage", "effective")
            )
            rows.append(
                f"{name:<20}{p_value:>9.2g}{mean:>10.3f}{coverage:>10.2f}{effective:>11.2f}"
            )
        return "\n".join(rows)


def judge(ranks: xr.Dataset) -> Calibration:
    """Test every quantity and state the verdict.

    ``ranks`` is what ``Calibration.ranks`` describes, with attributes ``engine``, ``n_draws``,
    ``asked`` and ``failures``.
    """
    figures = _figures(ranks)
    n_done, failures = ranks.sizes[REPLICATION], ranks.attrs["failures"]
    limit = ERROR_RATE / figures.sizes[QUANTITY]
    far = figures.where(figures["p_value"] < limit, drop=True).sortby("p_value")
    passed = not far.sizes[QUANTITY] and not failures
    outcome = "Calibrated" if passed else "Not calibrated"
    verdict = (
        f"{outcome}: {ranks.attrs['engine']}, {n_done} replications, smallest p-value "
        f"{float(figures['p_value'].min()):.2g} (limit {limit:.2g})."
    )
    findings = [_about(far.isel({QUANTITY: place})) for place in range(far.sizes[QUANTITY])]
    findings += _about_the_run(ranks, figures)
    return Calibration(bool(passed), verdict, tuple(findings), figures, ranks)


def _figures(ranks: xr.Dataset) -> xr.Dataset:
    n_draws, pit = ranks.attrs["n_draws"], ranks["pit"]
    p_values = [uniformity_p_value(column, n_draws) for column in ranks["ranks"].values.T]
    return xr.Dataset(
        {
            "p_value": (QUANTITY, np.array(p_values)),
            "mean_pit": pit.mean(REPLICATION),
            "coverage": (abs(pit - 0.5) < CENTRAL / 2).mean(REPLICATION),
            "effective": ranks["ess"].median(REPLICATION) / n_draws,
        },
        coords={QUANTITY: ranks[QUANTITY].values},
    )


def _about(figures: xr.Dataset) -> Finding:
    mean, coverage = float(figures["mean_pit"]), float(figures["coverage"])
    return Finding(
        f"{figures[QUANTITY].item()}: ranks are not uniform (p-value "
        f"{float(figures['p_value']):.1g}); the true value lies at the quantile {mean:.2f}, "
        f"on average, and central {100 * CENTRAL:.0f} % intervals cover it in "
        f"{100 * coverage:.0f} % of cases.",
        "Look at arviz.plot_ecdf_pit(calibration.pit).",
    )


def _about_the_run(ranks: xr.Dataset, figures: xr.Dataset) -> list[Finding]:
    findings, failures = [], ranks.attrs["failures"]
    if failures:
        number, message = next(iter(failures.items()))
        findings.append(Finding(
            f"{len(failures)} of {len(failures) + ranks.sizes[REPLICATION]} replications failed; "
            f"number {number}: {message}",
            "The remaining ranks are a selected sample; find the cause before you rely on them.",
        ))  # fmt: skip
    missing = ranks.attrs["asked"] - ranks.sizes[REPLICATION] - len(failures)
    if missing:
        findings.append(Finding(
            f"The run was interrupted: {missing} replications are missing.",
            "Call again with the same arguments and path to resume.",
        ))  # fmt: skip
    least = float(figures["effective"].min())
    if least < ENOUGH_INDEPENDENCE:
        findings.append(Finding(
            f"The draws kept are autocorrelated: only {100 * least:.0f} % are effective, which "
            "alone makes ranks pile up at both ends.",
            "Run the engine for more draws, or lower n_draws.",
        ))  # fmt: skip
    return findings
