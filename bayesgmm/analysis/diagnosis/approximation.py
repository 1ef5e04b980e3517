"""Draws from an approximation: they converge at once, but to the approximation."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesgmm.analysis.diagnosis.chains import findings_about_the_end
from bayesgmm.analysis.diagnosis.value import Diagnosis, Finding
from bayesgmm.engines.approximation import PARETO_LIMIT
from bayesgmm.posterior.fit import Fit
from bayesgmm.schema import CHAIN

DISTANCE_LIMIT = 0.1
"""A climb that ends further from the mode, in standard deviations, has not reached it."""


def is_approximation(fit: Fit) -> bool:
    """Whether the draws are independent draws from an approximation."""
    return fit.posterior.sizes[CHAIN] == 1 and "pareto_k" in fit.record


def judge_approximation(fit: Fit, figures: xr.Dataset) -> Diagnosis:
    """Return a verdict on the error of the approximation."""
    k = fit.record["pareto_k"]
    known = "unknown for so few draws" if k is None else f"{k:.2f}"
    figures = figures.assign_attrs(pareto_k=np.nan if k is None else k)
    findings = [_far(known) if k is not None and k > PARETO_LIMIT else NEAR]
    findings += findings_about_the_peak(fit) + findings_about_the_end(fit)
    verdict = f"An approximation (Pareto k {known}), not a converged sample."
    return Diagnosis(False, verdict, tuple(findings), figures)


NEAR = Finding(
    "These are draws from a normal approximation of the posterior, not from the posterior.",
    "Compare with NUTS() before you rely on the intervals.",
    kind="approximation",
    serious=False,
)
"""What is found of every approximation, and no news for who asked for one."""


def _far(known: str) -> Finding:
    return Finding(
        f"The normal approximation is far from the posterior: the weights that would mend it "
        f"have Pareto k {known}, above {PARETO_LIMIT}.",
        "Use NUTS() or Gibbs() for anything but a first look.",
        kind="approximation",
    )


def findings_about_the_peak(fit: Fit) -> list[Finding]:
    """Findings about the mode and the curvature of a Laplace approximation."""
    findings, known = [], fit.record
    remedy = "Use NUTS() or Gibbs(), fewer components, or stronger priors."
    if known.get("mended"):
        findings.append(Finding(
            f"At the mode the density is as good as flat in {known['mended']} of its directions; "
            "the widths there are made up.",
            remedy,
            kind="peak",
        ))  # fmt: skip
    if known.get("distance_to_mode", 0.0) > DISTANCE_LIMIT:
        findings.append(Finding(
            f"The climb ended {known['distance_to_mode']:.1f} standard deviations from the mode.",
            remedy,
            kind="peak",
        ))  # fmt: skip
    return findings
