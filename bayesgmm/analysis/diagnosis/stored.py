"""A diagnosis as a group of the tree, and back."""

from __future__ import annotations

import json
from dataclasses import asdict

import xarray as xr

from bayesgmm import __version__
from bayesgmm.analysis.diagnosis.value import Diagnosis, Finding
from bayesgmm.errors import SchemaError
from bayesgmm.posterior.files.seal import checksum
from bayesgmm.schema import ATTRIBUTE, DIAGNOSIS, REQUIRED_GROUPS, RIVAL

_JUDGED = (*REQUIRED_GROUPS, "chain_starts", RIVAL)
"""Groups that a diagnosis looks at."""


def with_diagnosis(tree: xr.DataTree, diagnosis: Diagnosis) -> xr.DataTree:
    """Return the tree with a diagnosis in its group ``diagnosis``.

    The figures are its variables; ``verdict``, ``passed`` (0 or 1, as files know no truth
    values), ``findings`` (JSON) and ``of``, a checksum of what was judged, its attributes.
    """
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
    """Read the diagnosis that ``fit`` stored, whatever has happened to the tree since.

    Raises
    ------
    SchemaError
        If the tree holds none.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.analysis.diagnosis.stored import stored_diagnosis
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
    """Return the stored diagnosis if it is of this very tree, judged by this version."""
    if DIAGNOSIS not in tree.children or tree[DIAGNOSIS].attrs.get("of") != _checksum(tree):
        return None
    return stored_diagnosis(tree)


def _checksum(tree: xr.DataTree) -> str:
    """Return a checksum of all that a diagnosis looks at."""
    groups = {name: tree[name].to_dataset() for name in _JUDGED if name in tree.children}
    known = {"version": __version__, "record": tree.attrs[ATTRIBUTE]}
    return checksum(xr.DataTree.from_dict(groups), known)
