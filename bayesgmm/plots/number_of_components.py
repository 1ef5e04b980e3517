"""Prior and posterior of the number of clusters, or of components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from matplotlib.ticker import MaxNLocator

from bayesgmm.errors import SchemaError
from bayesgmm.options import expect_one_of
from bayesgmm.plots.axes import SHEET, tidy
from bayesgmm.plots.figure import Drawing
from bayesgmm.plots.palette import BAND, INK, put_legend
from bayesgmm.schema import NUMBER
from bayesgmm.tree.fit import Fit

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

Kind = Literal["clusters", "components"]
_LEAST = 0.002  # probability of the last number that is drawn
_LIMITS = 1.96  # standard errors


def plot_number_of_components(tree: xr.DataTree, *, kind: Kind = "clusters") -> Figure:
    """Draw the posterior of the number of clusters, with its prior.

    Bars are posterior probabilities, with 95% intervals of their Monte Carlo error; diamonds are
    prior probabilities given the number of rows.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit` with an unknown number of components.
    kind : {"clusters", "components"}, default "clusters"
        Clusters are components with rows. The number of components is that of the mixture that
        rows to come are from.

    Returns
    -------
    matplotlib.figure.Figure
        Shown by a notebook if a cell returns it; save it with ``savefig``.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit``, or its number of components was known.
    SpecificationError
        If ``kind`` is not one of these.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> spec = bg.MixtureSpec(bg.BetaNegativeBinomial(), weights=bg.DynamicDirichlet())
    >>> engine = bg.Gibbs(draws=200, tune=100, chains=2)
    >>> tree = bg.fit(X, spec, engine=engine, random_seed=1, progress=False)
    >>> figure = bg.plot_number_of_components(tree)
    >>> figure.axes[0].get_xlabel()
    'number of clusters'
    """
    expect_one_of("kind", kind, get_args(Kind))
    fit = Fit.with_draws(tree, "plot_number_of_components")
    if not fit.infers_number:
        raise SchemaError(
            "plot_number_of_components is for fits with an unknown number of components, and that "
            "of this one was known. Fit with a prior of it: MixtureSpec(BetaNegativeBinomial())."
        )
    table = fit.tree["number_of_components"].to_dataset()
    numbers, posterior = table[NUMBER].values, table[kind].values
    errors, prior = table[f"{kind}_error"].values, table[f"prior_{kind}"].values
    shown = np.flatnonzero(np.maximum(posterior, np.nan_to_num(prior)) > _LEAST)
    last = max(int(shown[-1]) + 1, 3)
    figure = Drawing(figsize=(6.4, 3.6), **SHEET)
    axes = figure.add_subplot()
    numbers, posterior, errors, prior = (
        part[:last] for part in (numbers, posterior, errors, prior)
    )
    bars = axes.bar(numbers, posterior, width=0.7, color=BAND, label="posterior")
    axes.errorbar(numbers, posterior, yerr=_LIMITS * errors, fmt="none", ecolor=INK, elinewidth=1.0)
    entries = [bars]
    if not np.isnan(prior).any():
        (points,) = axes.plot(
            numbers, prior, linestyle="none", marker="D", markersize=5, color=INK,
            markerfacecolor="white", label="prior",
        )  # fmt: skip
        entries.append(points)
    tidy(axes)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    axes.set_xlim(0.4, last + 0.6)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"number of {kind}")
    axes.set_ylabel("probability")
    put_legend(figure, entries)
    return figure
