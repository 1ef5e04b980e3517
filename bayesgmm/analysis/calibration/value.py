"""What a calibration found: ranks, a test of each quantity, and a verdict in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayesgmm.analysis.calibration.uniformity import uniformity_p_value
from bayesgmm.analysis.diagnose import Finding
from bayesgmm.schema import CHAIN, DRAW

REPLICATION, QUANTITY = "replication", "quantity"

ERROR_RATE = 0.01
"""How often an engine that is right fails, all quantities together (Bonferroni)."""

ENOUGH_INDEPENDENCE = 0.5
"""Share of the draws kept that should be effective: below, ranks pile up at both ends."""

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
        One line in words.
    findings : tuple of Finding
        What is wrong or weakens the verdict, each with a remedy.
    figures : xarray.Dataset
        Dim ``quantity``: ``p_value``, of uniform ranks; ``mean_pit``, 0.5 if right and below
        where draws are too large; ``coverage``, the share of truths inside central 80 %
        intervals, smaller where draws are too narrow; ``effective``, the effective share of the
        draws kept, median over replications.
    ranks : xarray.Dataset
        Dims ``replication`` and ``quantity``: ``ranks``, how many of the draws kept are below
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
    ...     spec, bg.Gibbs(draws=100), n_rows=30, n_features=1, replications=10, random_seed=1,
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
        """Normalised ranks as ArviZ wants them: ``arviz.plot_ecdf_pit(calibration.pit)``."""
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
    """Test every quantity and put the outcome into words.

    ``ranks`` is what ``Calibration.ranks`` describes, with attributes ``engine``, ``draws_kept``,
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
    n_draws, pit = ranks.attrs["draws_kept"], ranks["pit"]
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
        f"{float(figures['p_value']):.1g}); on average the truth lies at the quantile {mean:.2f}, "
        f"and central {100 * CENTRAL:.0f} % intervals hold it in {100 * coverage:.0f} % of cases.",
        "Look at arviz.plot_ecdf_pit(calibration.pit).",
    )


def _about_the_run(ranks: xr.Dataset, figures: xr.Dataset) -> list[Finding]:
    findings, failures = [], ranks.attrs["failures"]
    if failures:
        number, message = next(iter(failures.items()))
        findings.append(Finding(
            f"{len(failures)} of {len(failures) + ranks.sizes[REPLICATION]} replications failed; "
            f"number {number}: {message}",
            "Ranks of the others are not those of all; find out why before you rely on them.",
        ))  # fmt: skip
    missing = ranks.attrs["asked"] - ranks.sizes[REPLICATION] - len(failures)
    if missing:
        findings.append(Finding(
            f"The run was interrupted: {missing} replications are missing.",
            "Call again with the same arguments and path to go on.",
        ))  # fmt: skip
    least = float(figures["effective"].min())
    if least < ENOUGH_INDEPENDENCE:
        findings.append(Finding(
            f"The draws kept are correlated: only {100 * least:.0f} % are effective, which alone "
            "makes ranks pile up at both ends.",
            "Let the engine draw more, or lower draws_kept.",
        ))  # fmt: skip
    return findings
