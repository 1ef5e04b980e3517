"""Divergent transitions: how many, and where in the space of parameters."""

from __future__ import annotations

import numpy as np

from bayesgmm.analysis.diagnosis.settings import Settings
from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.posterior.fit import Fit
from bayesgmm.schema import FEATURE

_FEWEST = 3  # divergences, to speak of a place
_CLEAR = 5.0
"""Standard errors by which divergent draws must differ to name a place.

Of a hundred parameters one differs by as much, with no reason, once in 20 000 fits."""

HARMLESS = 0.002
"""Share of the transitions that may diverge: the part of the posterior that chains cannot enter is
of that order, less than the error of any interval of a few thousand draws."""

_ACCEPTANCE = (0.95, 0.99)  # what target_accept is raised to, in turn

_REMEDIES = {
    ("small", "scale"): ", or keep scales further from zero by their prior",
    ("large", "scale"): ", look for outliers there, or give scales a prior with less room above",
    ("small", "weight"): ", use fewer components, or a larger concentration of the weights",
    ("large", "weight"): ", use fewer components, or a larger concentration of the weights",
}
"""What may help beside smaller steps, by what the divergent draws have in common."""

_NEAR = 0.5  # and standard deviations: less would be no place


def count_divergences(fit: Fit) -> int:
    """Return how many kept transitions diverged; 0 for engines that know no divergences."""
    statistics = fit.tree["sample_stats"]
    return int(statistics["diverging"].sum()) if "diverging" in statistics else 0


def findings_about_divergences(fit: Fit) -> list[Finding]:
    """Say how many transitions diverged and, if it stands out, where."""
    count = count_divergences(fit)
    if not count:
        return []
    total = fit.tree["sample_stats"]["diverging"].size
    where, remedy = _place(fit, count)
    diverged = f"{count} of {total} transitions diverged{where}"
    if count <= HARMLESS * total:
        return [Finding(
            f"{diverged}: too few to change an interval.",
            "Nothing needs to be done.",
            kind="divergences",
            serious=False,
        )]  # fmt: skip
    return [Finding(
        f"{diverged}: parts of the posterior may be missing.",
        _remedy(Settings.of(fit), remedy),
        kind="divergences",
    )]  # fmt: skip


def _remedy(settings: Settings, place: str) -> str:
    now = settings.options.get("target_accept", 0.0)
    higher = next((value for value in _ACCEPTANCE if value > now), None)
    steps = f"Raise target_accept to {higher}" if higher else "Use Gibbs(), which takes no steps"
    return f"{steps}{place}."


def _place(fit: Fit, count: int) -> tuple[str, str]:
    """Name the weight or scale in which divergent draws differ most from all others.

    The second text is what may help there.
    """
    diverging = fit.tree["sample_stats"]["diverging"].values
    if not _FEWEST <= count < diverging.size - 1:
        return "", ""
    values, names = _places(fit)
    divergent, others = values[diverging], values[~diverging]
    with np.errstate(all="ignore"):  # a weight of one never varies
        shifts = (divergent.mean(axis=0) - others.mean(axis=0)) / others.std(axis=0)
    shifts = np.nan_to_num(shifts, nan=0.0, posinf=0.0, neginf=0.0)
    place = int(np.abs(shifts).argmax())
    clear = _CLEAR / np.sqrt(count)
    if abs(shifts[place]) < max(clear, _NEAR):
        return ", at no place that stands out", ""
    size, side = ("small", "below") if shifts[place] < 0 else ("large", "above")
    where = (
        f" near {size} {names[place]} ({abs(shifts[place]):.1f} standard deviations {side} the "
        "other draws)"
    )
    return where, _REMEDIES[size, names[place].split()[0]]


def _places(fit: Fit) -> tuple[np.ndarray, list[str]]:
    """Return log weights and log scales, axes chain, draw, place; and their names."""
    draws = fit.draws
    components = fit.names
    features = fit.posterior[FEATURE].values
    names = [f"weight of component {component}" for component in components]
    names += [f"scale of component {component}, {name}" for component in components
              for name in features]  # fmt: skip
    scales = draws.scales.reshape(*draws.batch_shape, -1)
    values = np.concatenate([draws.weights, scales], axis=-1)
    return np.log(np.maximum(values, np.finfo(float).tiny)), names
