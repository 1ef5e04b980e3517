"""A diagnosis as a value: its findings, HTML representation, and storage in the tree."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesgmm import __version__
from bayesgmm.errors import SchemaError
from bayesgmm.html import Markup, element
from bayesgmm.schema import (
    ALTERNATIVE_MODE,
    ATTRIBUTE,
    DIAGNOSIS,
    LEFT_OUT,
    REQUIRED_GROUPS,
    record,
)

if TYPE_CHECKING:
    import xarray as xr

_LARGEST_RHAT = 100  # larger values are written as larger than this
_HEADINGS = ("worst entry of", "R-hat", "bulk ESS", "tail ESS")
# Translucent, so that they suit dark pages as well as light ones.
GOOD, NEUTRAL, BAD = "#2e9e5b", "#8a8a8a", "#d0542c"


def as_html(
    passed: bool, verdict: str, findings: tuple[Finding, ...], figures: xr.Dataset
) -> Markup:
    """Return the verdict, the findings, and the table of statistics as HTML."""
    return element(
        "div",
        element("p", element("strong", verdict), style="margin:0 0 0.5em"),
        findings_as_html(findings),
        _table(figures),
        style=f"border-left:4px solid {GOOD if passed else BAD};padding-left:0.8em;max-width:50em",
    )


def rhat_in_words(rhat: float) -> str:
    """Format R-hat, which is huge if a chain never moved.

    Examples
    --------
    >>> from bayesgmm.analysis.diagnosis.value import rhat_in_words
    >>> rhat_in_words(1.0042), rhat_in_words(float("nan")), rhat_in_words(1e15)
    ('1.004', '-', '> 100')
    """
    if np.isnan(rhat):
        return "-"
    return f"{rhat:.3f}" if rhat <= _LARGEST_RHAT else f"> {_LARGEST_RHAT}"


def rhat_beyond(rhat: float, limit: float) -> str:
    """Format R-hat and the limit that it exceeds, with enough digits to distinguish them.

    Examples
    --------
    >>> from bayesgmm.analysis.diagnosis.value import rhat_beyond
    >>> rhat_beyond(1.0104, 1.01), rhat_beyond(1.2, 1.0134)
    ('1.0104, above 1.0100', '1.200, above 1.013')
    """
    if not rhat <= _LARGEST_RHAT:
        return f"{rhat_in_words(rhat)}, above {limit:.3f}"
    digits = next((n for n in range(3, 12) if f"{rhat:.{n}f}" != f"{limit:.{n}f}"), 12)
    return f"{rhat:.{digits}f}, above {limit:.{digits}f}"


def findings_as_html(findings: tuple[Finding, ...]) -> Markup:
    """Return findings as a list, or nothing if there are none."""
    if not findings:
        return Markup()
    items = []
    for finding in findings:
        color = BAD if finding.serious else NEUTRAL
        kind = element("span", f"{finding.kind}.", style=f"color:{color}") if finding.kind else ""
        remedy = element("em", finding.remedy)
        items.append(element("li", kind, f" {finding.problem} ", remedy, style="margin:0.3em 0"))
    return element("ul", items, style="margin:0.4em 0 0.6em;padding-left:1.4em;max-width:50em")


def _table(figures: xr.Dataset) -> Markup:
    head = [_cell(text, "th", left=not place) for place, text in enumerate(_HEADINGS)]
    rows = []
    for name in figures["variable"].values:
        entry = figures.sel(variable=name)
        rhat, bulk, tail = (float(entry[key]) for key in ("rhat", "ess_bulk", "ess_tail"))
        texts = (rhat_in_words(rhat), f"{bulk:.0f}", f"{tail:.0f}")
        rows.append(element("tr", _cell(str(name), left=True), map(_cell, texts)))
    return element(
        "table",
        element("thead", element("tr", head)),
        element("tbody", rows),
        style="margin:0;font-size:inherit",
    )


def _cell(text: str, tag: str = "td", *, left: bool = False) -> Markup:
    side = "left" if left else "right"
    return element(tag, text, style=f"text-align:{side};padding:0.15em 0.8em")


@dataclass(frozen=True)
class Finding:
    """A finding of a diagnosis, with its remedy.

    Attributes
    ----------
    problem : str
        Description of the problem.
    remedy : str
        What to do about it.
    kind : str
        Its short name: ``"labels switched"``, ``"overlap"``, ``"different modes"``,
        ``"unvisited mode"``, ``"better mode"``, ``"missed mode"``, ``"empty component"``,
        ``"few rows"``, ``"collapsed component"``, ``"prior conflict"``, ``"divergences"``,
        ``"chains disagree"``, ``"slow chains"``, ``"stuck covariance"``, ``"few draws"``,
        ``"one chain"``, ``"interrupted"``, ``"limit of components"``, ``"approximation"`` or
        ``"peak"``.
    serious : bool
        Whether the draws cannot be used as they are; ``False`` if it is for information only.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.Finding("2 transitions diverged.", "Raise target_accept to 0.95."))
    2 transitions diverged. Raise target_accept to 0.95.
    """

    problem: str
    remedy: str
    kind: str = ""
    serious: bool = True

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}"


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The convergence diagnosis of a posterior.

    Attributes
    ----------
    passed : bool
        Whether the draws can be used as they are.
    verdict : str
        One line of text.
    findings : tuple of Finding
        The findings, each with its remedy; findings that are not serious do not affect ``passed``.
    figures : xarray.Dataset
        ``rhat``, ``ess_bulk`` and ``ess_tail`` of the worst entry of each variable, dim
        ``variable``, the limit of its R-hat (``rhat_limit``), and whether it is
        label-invariant (``label_free``); ``expected_rows``
        of each component; ``confusion`` of each pair of components; ``chain_distance``, the
        co-clustering distance of two chains. Attribute ``divergences``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> diagnosis = bg.diagnose(bg.example_fit())
    >>> diagnosis.passed, len(diagnosis.findings)
    (True, 0)
    """

    passed: bool
    verdict: str
    findings: tuple[Finding, ...]
    figures: xr.Dataset

    @property
    def warning(self) -> str:
        """The verdict and the serious findings; empty if there are none."""
        problems = [one for one in self.findings if one.serious]
        return " ".join([self.verdict, *map(str, problems)]) if problems else ""

    def __str__(self) -> str:
        lines = [self.verdict, *(f"  - {finding}" for finding in self.findings), "", self._table()]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self.passed, self.verdict, self.findings, self.figures)

    def _table(self) -> str:
        names = [str(name) for name in self.figures["variable"].values]
        width = max(16, *(len(name) + 2 for name in names))
        rows = [f"{'worst entry of':<{width}}{'R-hat':>8}{'bulk ESS':>10}{'tail ESS':>10}"]
        for name in names:
            entry = self.figures.sel(variable=name)
            rhat, bulk, tail = (float(entry[key]) for key in ("rhat", "ess_bulk", "ess_tail"))
            rows.append(f"{name:<{width}}{rhat_in_words(rhat):>8}{bulk:>10.0f}{tail:>10.0f}")
        return "\n".join(rows)


_JUDGED = (*REQUIRED_GROUPS, "chain_starts", ALTERNATIVE_MODE)
"""Groups that a diagnosis depends on."""


def with_diagnosis(tree: xr.DataTree, diagnosis: Diagnosis) -> xr.DataTree:
    """Return the tree with a diagnosis in its group ``diagnosis``.

    The statistics are its variables; ``verdict``, ``passed`` (0 or 1, as files have no Boolean
    values), ``findings`` (JSON) and ``of``, a checksum of what was diagnosed, its attributes.
    """
    import xarray as xr  # only now: point estimates have an HTML summary without it

    group = diagnosis.figures.assign_attrs(
        diagnosis.figures.attrs,
        verdict=diagnosis.verdict,
        passed=int(diagnosis.passed),
        findings=json.dumps([asdict(finding) for finding in diagnosis.findings]),
        of=_checksum(tree),
    )
    result = tree.copy()
    result[DIAGNOSIS] = xr.DataTree(group)
    return result


def stored_diagnosis(tree: xr.DataTree) -> Diagnosis:
    """Read the diagnosis that ``fit`` stored, even if the tree has changed since.

    Raises
    ------
    SchemaError
        If the tree holds none.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.analysis.diagnosis.value import stored_diagnosis
    >>> stored_diagnosis(bg.example_fit()).passed
    True
    """
    if DIAGNOSIS not in tree.children:
        raise SchemaError(f"The tree has no group {DIAGNOSIS!r}; use bayesgmm.diagnose(tree).")
    figures = tree[DIAGNOSIS].to_dataset()
    known = dict(figures.attrs)
    findings = tuple(Finding(**entries) for entries in json.loads(known.pop("findings")))
    verdict, passed = known.pop("verdict"), bool(known.pop("passed"))
    known.pop("of", None)
    figures.attrs = known
    return Diagnosis(passed, verdict, findings, figures)


def known_diagnosis(tree: xr.DataTree) -> Diagnosis | None:
    """Return the stored diagnosis if it is of this tree, made by this version."""
    if DIAGNOSIS not in tree.children or tree[DIAGNOSIS].attrs.get("of") != _checksum(tree):
        return None
    return stored_diagnosis(tree)


def _checksum(tree: xr.DataTree) -> str:
    """Return a checksum of all that a diagnosis depends on.

    A tree without its rows cannot be diagnosed again, so there the version does not count.
    """
    import xarray as xr

    from bayesgmm.tree.checksum import checksum

    groups = {name: tree[name].to_dataset() for name in _JUDGED if name in tree.children}
    version = "any" if LEFT_OUT in record(tree) else __version__
    known = {"version": version, "record": tree.attrs[ATTRIBUTE]}
    return checksum(xr.DataTree.from_dict(groups), known)
