"""Can this posterior be trusted? A verdict in words, and the figures behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayesgmm.analysis.thinning import thinned
from bayesgmm.estimation.point_estimate import distance
from bayesgmm.posterior.parameters import read_parameters
from bayesgmm.schema import CHAIN, DATA, DRAW, RIVAL, record, validate

RHAT_LIMIT = 1.01
"""Vehtari et al. (2021), section 4.4."""

ESS_LIMIT = 400
"""Effective draws, bulk and tail, below which R-hat itself is too noisy (same source)."""

PARETO_LIMIT = 0.7
"""Beyond, importance weights cannot mend an approximation (Yao et al., 2018, section 2.1)."""

DISTANCE_LIMIT = 0.1
"""A climb that ends further from the mode, in standard deviations, has not reached it."""

RIVAL_LIMIT = 3.0
"""Another mode counts if its log density is lower by less: a twentieth of the height."""

_FEWEST_DRAWS = 4  # for halves of a chain to have a variance
_DRAWS_LOOKED_AT = 400


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and what to do about it."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}"


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The verdict on a posterior.

    Attributes
    ----------
    passed : bool
        Whether the draws can be used as they are.
    verdict : str
        One line in words.
    findings : tuple of Finding
        What is wrong, each with its remedy; empty where nothing is.
    figures : xarray.Dataset
        ``rhat``, ``ess_bulk`` and ``ess_tail`` of the worst entry of each variable, dim
        ``variable``; attribute ``divergences``.
    """

    passed: bool
    verdict: str
    findings: tuple[Finding, ...]
    figures: xr.Dataset

    def __str__(self) -> str:
        lines = [self.verdict, *(f"  - {finding}" for finding in self.findings), "", self._table()]
        return "\n".join(lines)

    __repr__ = __str__

    def _table(self) -> str:
        rows = [f"{'worst entry of':<16}{'R-hat':>8}{'bulk ESS':>10}{'tail ESS':>10}"]
        for name in self.figures["variable"].values:
            entry = self.figures.sel(variable=name)
            rhat, bulk, tail = (float(entry[key]) for key in ("rhat", "ess_bulk", "ess_tail"))
            shown = "-" if np.isnan(rhat) else f"{rhat:.3f}"
            rows.append(f"{name:<16}{shown:>8}{bulk:>10.0f}{tail:>10.0f}")
        return "\n".join(rows)


def diagnose(tree: xr.DataTree) -> Diagnosis:
    """Judge whether the draws of a fit have converged to one distribution.

    Looks at the rank-normalised split R-hat and the bulk and tail effective sample sizes of the
    relabelled parameters and of the log-likelihood, which no labelling can change, and at
    divergent transitions (Vehtari et al., 2021). All chains start at one mode, so their agreement
    alone would not show that others are missing; therefore it also asks whether EM, from all its
    starting points, found another mode of similar height that no chain visited, and whether the
    draws are more likely than the mode they started from.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.

    Returns
    -------
    Diagnosis
        With ``passed``, ``verdict``, ``findings`` (each with its remedy) and ``figures``.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit``.

    References
    ----------
    Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. and Buerkner, P.-C. (2021).
    Rank-normalization, folding, and localization: an improved R-hat for assessing convergence
    of MCMC. Bayesian Analysis 16, 667-718.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> diagnosis = bg.diagnose(bg.example_fit())
    >>> diagnosis.passed
    True
    """
    validate(tree)
    figures = _figures(_judged(tree))
    statistics = tree["sample_stats"]
    divergent = int(statistics["diverging"].sum()) if "diverging" in statistics else 0
    figures.attrs["divergences"] = divergent
    if tree["posterior"].sizes[CHAIN] == 1 and "pareto_k" in record(tree):
        return _judge_approximation(tree, figures)
    findings = tuple(_findings(tree, figures, divergent))
    return Diagnosis(not findings, _verdict(tree, figures, findings), findings, figures)


def _judged(tree: xr.DataTree) -> xr.Dataset:
    """Gather the quantities that are judged: parameters, log-likelihood, log posterior."""
    quantities = tree["posterior"].to_dataset()[["weights", "means", "scales"]]
    posterior = tree["posterior"].to_dataset()
    if "correlations" in posterior:
        size = posterior.sizes["feature"]
        rows, columns = (xr.DataArray(index, dims="pair") for index in np.tril_indices(size, -1))
        lower = posterior["correlations"].isel(feature=rows, feature_bis=columns)
        quantities["correlations"] = lower.drop_vars(["feature", "feature_bis"])
    if posterior.sizes["component"] == 1:  # its weight is 1 in every draw
        quantities = quantities.drop_vars("weights")
    if "log_likelihood" in tree.children:
        quantities["log-likelihood"] = tree["log_likelihood"][DATA].sum("obs_id")
    if "lp" in tree["sample_stats"]:
        quantities["log posterior"] = tree["sample_stats"]["lp"]
    return quantities


def _figures(quantities: xr.Dataset) -> xr.Dataset:
    import arviz_stats

    enough = quantities.sizes[CHAIN] > 1 and quantities.sizes[DRAW] >= _FEWEST_DRAWS
    names = list(quantities.data_vars)
    rhat = np.full(len(names), np.nan)
    bulk, tail = np.empty(len(names)), np.empty(len(names))
    with np.errstate(all="ignore"):  # chains that never moved have no variance to divide by
        for place, name in enumerate(names):
            one = quantities[[name]]
            bulk[place] = arviz_stats.ess(one, method="bulk")[name].min()
            tail[place] = arviz_stats.ess(one, method="tail")[name].min()
            if enough:
                rhat[place] = arviz_stats.rhat(one)[name].max()
    return xr.Dataset(
        {
            "rhat": ("variable", rhat),
            "ess_bulk": ("variable", bulk),
            "ess_tail": ("variable", tail),
        },
        coords={"variable": names},
    )


def _findings(tree: xr.DataTree, figures: xr.Dataset, divergent: int) -> list[Finding]:
    findings = _findings_about_the_end(tree)
    if tree["posterior"].sizes[CHAIN] == 1:
        findings.append(Finding(
            "There is one chain only, so convergence cannot be judged.",
            "Run at least four, with NUTS(chains=4).",
        ))  # fmt: skip
    bad = figures.where(figures["rhat"] > RHAT_LIMIT, drop=True)
    if bad.sizes["variable"]:
        findings.append(Finding(
            f"The chains disagree: R-hat of {_named(bad)} is up to {float(bad['rhat'].max()):.3f}, "
            f"above {RHAT_LIMIT}.",
            "Sample longer (draws and tune); if that does not help the posterior has several "
            "modes: use fewer components or stronger priors.",
        ))  # fmt: skip
    smallest = np.minimum(figures["ess_bulk"], figures["ess_tail"]).fillna(0.0)
    few = figures.where(smallest < ESS_LIMIT, drop=True)
    if few.sizes["variable"]:
        findings.append(Finding(
            f"Too few effective draws: {float(smallest.min()):.0f} for {_named(few)}, "
            f"below {ESS_LIMIT}.",
            "Raise draws.",
        ))  # fmt: skip
    if divergent:
        findings.append(Finding(
            f"{divergent} transition{'s' if divergent > 1 else ''} diverged: parts of the "
            "posterior may be missing.",
            "Raise target_accept to 0.95, or keep scales further from zero by their prior.",
        ))  # fmt: skip
    return findings + _findings_about_modes(tree)


def _findings_about_the_end(tree: xr.DataTree) -> list[Finding]:
    if not record(tree).get("partial"):
        return []
    return [Finding(
        "The run was interrupted and holds only the draws that were finished.",
        "Run it again to the end before you rely on it.",
    )]  # fmt: skip


def _findings_about_modes(tree: xr.DataTree) -> list[Finding]:
    """Findings about what EM saw, which chains that all start at one mode cannot see."""
    findings = []
    estimate = tree["point_estimate"]
    if "log_likelihood" in tree.children:
        typical = float(tree["log_likelihood"][DATA].sum("obs_id").mean())
        if typical > float(estimate["log_likelihood"]):
            findings.append(Finding(
                "Typical draws are more likely than the mode that EM found, so it was not the "
                "mode, and labels were matched to the wrong one.",
                "Give EM more starts, with fit(..., solver=EM(n_starts=50)).",
            ))  # fmt: skip
    if RIVAL in tree.children and float(tree[RIVAL]["gap"]) < RIVAL_LIMIT and not _visited(tree):
        findings.append(Finding(
            f"EM found another mode that is only {float(tree[RIVAL]['gap']):.1f} lower in log "
            "density, and no chain went there: the draws may be half of the story.",
            "Look at tree['rival_mode']; use fewer components or stronger priors if both modes "
            "are not wanted.",
        ))  # fmt: skip
    return findings


def _visited(tree: xr.DataTree) -> bool:
    """Whether some draws are nearer to the rival mode than to the one where chains started."""
    here, there = (read_parameters(tree[name]) for name in ("point_estimate", RIVAL))
    draws = read_parameters(thinned(tree["posterior"], _DRAWS_LOOKED_AT))
    return any(
        distance(there, draws.draw(index)) < distance(here, draws.draw(index))
        for index in np.ndindex(*draws.batch_shape)
    )


def _named(figures: xr.Dataset) -> str:
    return ", ".join(str(name) for name in figures["variable"].values)


def _verdict(tree: xr.DataTree, figures: xr.Dataset, findings: tuple[Finding, ...]) -> str:
    if findings:
        count = len(findings)
        return f"Not to be trusted yet: {count} finding{'s' if count > 1 else ''}."
    posterior = tree["posterior"]
    smallest = float(np.minimum(figures["ess_bulk"], figures["ess_tail"]).min())
    return (
        f"Converged: {posterior.sizes[CHAIN]} chains of {posterior.sizes[DRAW]} draws agree "
        f"(R-hat at most {float(figures['rhat'].max()):.3f}, at least {smallest:.0f} effective "
        f"draws, no divergences)."
    )


def _judge_approximation(tree: xr.DataTree, figures: xr.Dataset) -> Diagnosis:
    """Independent draws converge at once, but to the approximation: look at its error instead."""
    k = record(tree)["pareto_k"]
    known = "unknown for so few draws" if k is None else f"{k:.2f}"
    figures.attrs["pareto_k"] = np.nan if k is None else k
    if k is not None and k > PARETO_LIMIT:
        findings = [Finding(
            f"The normal approximation is far from the posterior: the weights that would mend it "
            f"have Pareto k {known}, above {PARETO_LIMIT}.",
            "Use NUTS() or Gibbs() for anything but a first look.",
        )]  # fmt: skip
    else:
        findings = [Finding(
            "These are draws from a normal approximation of the posterior, not from the posterior.",
            "Compare with NUTS() before you rely on the intervals.",
        )]  # fmt: skip
    findings += _findings_about_the_peak(tree) + _findings_about_the_end(tree)
    verdict = f"An approximation (Pareto k {known}), not a converged sample."
    return Diagnosis(False, verdict, tuple(findings), figures)


def _findings_about_the_peak(tree: xr.DataTree) -> list[Finding]:
    """Findings about the mode and the curvature of a Laplace approximation."""
    findings, known = [], record(tree)
    if known.get("mended"):
        findings.append(Finding(
            f"At the mode the density is as good as flat in {known['mended']} of its directions; "
            "the widths there are made up.",
            "Use NUTS() or Gibbs(), fewer components, or stronger priors.",
        ))  # fmt: skip
    if known.get("distance_to_mode", 0.0) > DISTANCE_LIMIT:
        findings.append(Finding(
            f"The climb ended {known['distance_to_mode']:.1f} standard deviations from the mode.",
            "Use NUTS() or Gibbs(), fewer components, or stronger priors.",
        ))  # fmt: skip
    return findings
