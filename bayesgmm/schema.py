"""The names that a result is made of: groups, variables and dimensions of its ``DataTree``.

A new variable of the tree must be named here first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bayesgmm.errors import SchemaError

if TYPE_CHECKING:
    import xarray as xr

COMPONENT, FEATURE, FEATURE_BIS, ROW = "component", "feature", "feature_bis", "obs_id"
ROW_BIS, COMPONENT_BIS = "obs_id_bis", "component_bis"
FACTOR = "factor"
CHAIN, DRAW = "chain", "draw"
START = "start"

PARAMETER_DIMS: dict[str, tuple[str, ...]] = {
    "weights": (COMPONENT,),
    "means": (COMPONENT, FEATURE),
    "scales": (COMPONENT, FEATURE),
    "correlations": (COMPONENT, FEATURE, FEATURE_BIS),
    "covariances": (COMPONENT, FEATURE, FEATURE_BIS),
    "loadings": (COMPONENT, FEATURE, FACTOR),
    "uniquenesses": (COMPONENT, FEATURE),
}
"""Mixture parameters and their dims, after ``chain`` and ``draw`` where there are any.

``loadings`` and ``uniquenesses`` take the place of ``correlations`` and ``covariances`` where few
factors cause the correlations.
"""

N_COMPONENTS, N_CLUSTERS, FILLED = "n_components", "n_clusters", "filled"
"""Variables of draws with an unknown number of components: K, K+, and which components have rows.

Those that a draw lacks have weight zero and NaN for parameters.
"""

NUMBER = "number"
"""The dim of numbers of components and of clusters, in the group ``number_of_components``."""

CLUSTERS_OF_DRAWS = "clusters_of_draws"
"""The entry of the record of draws with one number of clusters, chosen from those of a fit.

``n_clusters``, and ``n_draws`` and ``share`` of the draws of the fit.
"""

DATA = "x"
"""The name of the observed rows, dims ``obs_id, feature``; none where a fit keeps no rows."""

ROW_WEIGHT, LABEL_LIKELIHOOD = "sample_weight", "label_likelihood"
"""Row weights (obs_id), and label likelihoods (obs_id, component).

The latter are factors from 0 to 1 that multiply densities. Both are in the group
``constant_data``, if the fit has weights or labels.
"""

REQUIRED_GROUPS = (
    "posterior",
    "sample_stats",
    "observed_data",
    "constant_data",
    "point_estimate",
    "relabeling",
)

START_OBJECTIVES, START_DISTANCES = "start_objectives", "start_distances"
"""The results of the EM starts, dim ``start``, in the group ``point_estimate``; see ``Starts``."""

ALTERNATIVE_MODE = "alternative_mode"
"""The group of the best alternative mode that EM found; absent if all starts agreed."""

DIAGNOSIS = "diagnosis"
"""The group of the diagnosis that ``fit`` stored."""

EVIDENCE = ("elbo", "log_marginal_likelihood")
"""Entries of the record that estimate, or bound, the log probability density of all rows."""

EXCHANGEABLE = "exchangeable"
"""The entry of the record of given draws on whether components are exchangeable a priori."""

LEFT_OUT = "rows_left_out"
"""The entry of the record that says what the tree of ``fit(..., keep_rows=False)`` does not hold.

``n_rows``, ``checksum`` of the cells, ``groups`` of exchangeable components, and ``plain``: whether
rows had neither weights nor labels.
"""

DERIVED = "derived"
"""The entry of the record that says how a conditional or marginal mixture was made from a fit."""

ATTRIBUTE = "bayesgmm"
"""The attribute of the root that holds spec, seed, scaling and versions as JSON."""

TIMING = "bayesgmm_timing"
"""When the fit began and how long it took; see ``tree/timing.py``."""

FILE_HEADER, COMPLETE = "bayesgmm_file", "bayesgmm_complete"
"""Attributes of a file's root: its header as JSON, and, written last, a mark of completeness.

Trees in memory have neither.
"""

FILE_SCHEMA = 1
"""The version of the file format; it increases if older versions cannot read it.

Files without a header count as 0.
"""


def record(tree: xr.DataTree) -> dict[str, Any]:
    """Return the record of the tree (spec, seed, scaling, versions)."""
    if ATTRIBUTE not in tree.attrs:
        raise SchemaError(
            f"This tree has no attribute {ATTRIBUTE!r}: it was not made by bayesgmm.fit. "
            "Pass the tree that fit returned, or one loaded from the file it was saved to."
        )
    return json.loads(tree.attrs[ATTRIBUTE])


def with_record(tree: xr.DataTree, **entries: Any) -> xr.DataTree:
    """Return the tree with entries added to its record."""
    known = json.loads(tree.attrs.get(ATTRIBUTE, "{}"))
    tree = tree.copy()
    tree.attrs[ATTRIBUTE] = json.dumps({**known, **entries})
    return tree


def validate(tree: xr.DataTree) -> None:
    """Check that a tree has the groups, variables and dims that the analyses rely on.

    Raises
    ------
    SchemaError
        Naming the first thing that is missing or has the wrong dims.
    """
    if not hasattr(tree, "children") or not hasattr(tree, "attrs"):
        raise SchemaError(
            f"Expected the tree that bayesgmm.fit returned, not {type(tree).__name__!r}."
        )
    for group in REQUIRED_GROUPS:
        if group not in tree.children:
            raise SchemaError(
                f"The tree has no group {group!r}; it has {sorted(tree.children)}. "
                "Pass the tree that bayesgmm.fit returned."
            )
    record(tree)
    posterior = tree["posterior"]
    matrices = ("loadings", "uniquenesses") if "loadings" in posterior else ("covariances",)
    for name in ("weights", "means", "scales", *matrices):
        _expect_dims(posterior, name, (CHAIN, DRAW, *PARAMETER_DIMS[name]))
    _expect_dims(tree["observed_data"], DATA, (ROW, FEATURE))


def _expect_dims(group: xr.DataTree, name: str, dims: tuple[str, ...]) -> None:
    if name not in group.data_vars:
        raise SchemaError(f"Group {group.name!r} of the tree lacks the variable {name!r}.")
    if group[name].dims != dims:
        raise SchemaError(
            f"Variable {name!r} of group {group.name!r} has dims {group[name].dims}; "
            f"expected {dims}."
        )
