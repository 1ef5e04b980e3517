"""One legend that says what is what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D

from bayesgmm.plots.palette import DASHES, INK, component_style

if TYPE_CHECKING:
    from bayesgmm.plots.view import ClusterView


def legend_entries(
    view: ClusterView, *, certainty: float, ellipses: bool, density: bool
) -> list[Line2D]:
    """Return an entry of the legend for every component and every kind of mark in the picture."""
    kinds = [_line(_mean_label(view, ellipses), linewidth=1.8, color="#777777")]
    kinds.append(_line(f"{view.n_draws} posterior draws", linewidth=0.7, color="#aaaaaa"))
    if density:
        look = {"linewidth": 1.4, "linestyle": DASHES, "color": INK}
        kinds.append(_line("posterior predictive density", **look))
    count = int(view.uncertain.sum())
    doubt = f"assigned with less than {certainty:.0%} certainty ({count})"
    kinds.append(_ring(doubt) if ellipses else _tick(doubt))
    return [*_components(view), *kinds]


def _mean_label(view: ClusterView, ellipses: bool) -> str:
    return f"posterior mean (ellipses hold {view.share:.0%})" if ellipses else "posterior mean"


def _components(view: ClusterView) -> list[Line2D]:
    weights = view.mean["weights"].values
    return [
        _component(place, f"component {name}, weight {weights[place]:.2f}")
        for place, name in enumerate(view.components)
    ]


def _component(place: int, label: str) -> Line2D:
    style = component_style(place)
    return Line2D(
        [], [], color=style.colour, linewidth=1.8, marker=style.marker, markersize=4.5,
        markeredgewidth=0, label=label,
    )  # fmt: skip


def _line(label: str, **look: Any) -> Line2D:
    return Line2D([], [], label=label, **look)


def _ring(label: str) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker="o", markersize=6.8, markerfacecolor="none",
        markeredgecolor=INK, markeredgewidth=0.9, label=label,
    )  # fmt: skip


def _tick(label: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker="|", markersize=9, color=INK, label=label)
