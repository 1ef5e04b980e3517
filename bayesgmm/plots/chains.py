"""Traces and ranks of the chains: ArviZ's own figures, with variables that people ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import xarray as xr

from bayesgmm.errors import SpecificationError
from bayesgmm.plots.view import chosen_features
from bayesgmm.schema import COMPONENT, FEATURE, validate

if TYPE_CHECKING:
    from arviz_plots import PlotCollection

MOST_PANELS = 60


def plot_traces(
    tree: xr.DataTree, features: Sequence[str] | None = None, **options: Any
) -> PlotCollection:
    """Draw densities and traces of the weights and the means, chain by chain.

    ArviZ's ``plot_trace_dist``: one line of panels for the weights and one for the means of each
    feature, all components in it.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    features : name or sequence of names, optional
        Whose means to show; all by default.
    **options
        Passed on to ``arviz_plots.plot_trace_dist``, such as ``backend="plotly"``.

    Returns
    -------
    arviz_plots.PlotCollection
        ``savefig`` keeps it.

    Raises
    ------
    DataError
        If the fit has no such feature.
    SchemaError
        If ``tree`` is not a result of ``fit``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> collection = bg.plot_traces(bg.example_fit(), ["bill_depth_mm"])
    >>> list(collection.viz["trace"].data_vars)
    ['weight', 'mean of bill_depth_mm']
    """
    from arviz_plots import plot_trace_dist

    return plot_trace_dist(_readable(tree, features), **{"compact": True} | options)


def plot_ranks(
    tree: xr.DataTree, features: Sequence[str] | None = None, **options: Any
) -> PlotCollection:
    """Draw the ranks of the draws of every chain among those of all, component by component.

    ArviZ's ``plot_rank``: where chains have one distribution, their lines stay in the band.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    features : name or sequence of names, optional
        Whose means to show beside the weights; none by default. There is a panel for each
        component, at most 60 in all.
    **options
        Passed on to ``arviz_plots.plot_rank``, such as ``backend="plotly"``.

    Returns
    -------
    arviz_plots.PlotCollection
        ``savefig`` keeps it.

    Raises
    ------
    DataError
        If the fit has no such feature.
    SpecificationError
        If there would be more than 60 panels.
    SchemaError
        If ``tree`` is not a result of ``fit``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> collection = bg.plot_ranks(bg.example_fit())
    >>> collection.viz["title"]["weight"].dims
    ('component',)
    """
    from arviz_plots import plot_rank

    variables = _readable(tree, () if features is None else features)
    n_panels = tree["posterior"].sizes[COMPONENT] * len(variables["posterior"].data_vars)
    if n_panels > MOST_PANELS:
        raise SpecificationError(
            f"{n_panels} panels are too many for one picture, which has one for each component "
            f"and variable, at most {MOST_PANELS}; name fewer features."
        )
    return plot_rank(variables, **options)


def _readable(tree: xr.DataTree, features: Sequence[str] | None) -> xr.DataTree:
    """Return a posterior whose variables have the names that people read."""
    validate(tree)
    posterior = tree["posterior"].to_dataset()
    chosen = () if features == () else chosen_features(tree, features)
    variables = {"weight": posterior["weights"]}
    for name in chosen:
        variables[f"mean of {name}"] = posterior["means"].sel({FEATURE: name}, drop=True)
    groups = {"posterior": xr.Dataset(variables), "sample_stats": tree["sample_stats"].to_dataset()}
    return xr.DataTree.from_dict(groups)
