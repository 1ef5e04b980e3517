"""A diagnosis as a group of the tree, and back."""

from __future__ import annotations

import json
from dataclasses import asdict

import xarray as xr

from bayesgmm.analysis.diagnosis.value import Diagnosis, Finding
from bayesgmm.errors import SchemaError
from bayesgmm.schema import DIAGNOSIS


def with_diagnosis(tree: xr.DataTree, diagnosis: Diagnosis) -> xr.DataTree:
    """Return the tree with a diagnosis in its group ``diagnosis``.

    The figures are its variables; ``verdict``, ``passed`` (0 or 1, as files know no truth
    values) and ``findings`` (JSON) its attributes.
    """
    group = diagnosis.figures.assign_attrs(
        diagnosis.figures.attrs,
        verdict=diagnosis.verdict,
        passed=int(diagnosis.passed),
        findings=json.dumps([asdict(finding) for finding in diagnosis.findings]),
    )
    result = tree.copy()
    result[DIAGNOSIS] = xr.DataTree(group)
    return result


def stored_diagnosis(tree: xr.DataTree) -> Diagnosis:
    """Read the diagnosis that ``fit`` stored; it says nothing of draws left out since.

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
    figures.attrs = known
    return Diagnosis(passed, verdict, findings, figures)
