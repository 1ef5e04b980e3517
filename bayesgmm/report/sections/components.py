"""The components: how large each is, where it lies and how wide it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY
from bayesgmm.analysis.summarize import discriminating_features
from bayesgmm.digits import decimals, interval, number
from bayesgmm.html import Content, Markup, element, grouped_table, paragraph
from bayesgmm.plots.components import plot_components
from bayesgmm.plots.weights import plot_weights
from bayesgmm.report.material import INTERVAL, Material
from bayesgmm.report.sections.section import Section, image, shortened
from bayesgmm.report.words import in_a_row, measured
from bayesgmm.schema import FEATURE

MOST_LINES = 240
_MOST_PANELS = 8
_ACROSS = 3  # panels of a figure; with more in a row their letters are too small to be read
_STATISTICS = ("mean", "sd", "lower", "upper")
_NARROW, _WIDE = 0.5, 1.0  # standard deviations of a component


def components(material: Material) -> Section:
    """Return the section on weights, means and standard deviations."""
    most = max(1, MOST_LINES // material.fit.names.size)
    shown, note = shortened(
        material.fit.feature_names, most, what="features", rest="bayesgmm.summarize(tree)"
    )
    groups = [
        (_heading(material, k), _lines(material, k, shown)) for k in range(len(material.titles))
    ]
    caption = f"Estimates, with {INTERVAL} intervals in brackets"
    headings = ["feature", "mean", "standard deviation"]
    body = (
        paragraph(
            "Every number comes with its interval: given the model and the table, the parameter "
            f"lies inside with {INTERVAL} probability. A narrow interval means that the table "
            "determines the parameter. A wide one means that many values fit the table about "
            "equally well, mostly because few rows are informative: treat the estimate with care."
        ),
        grouped_table(caption, headings, groups, name="estimates"),
        note,
        paragraph(_least_known(material)),
        *_pictures(material),
    )
    return Section(
        "components", "The components" if not material.is_single else "The distribution", body
    )


def _pictures(material: Material) -> Iterator[Markup]:
    if not material.is_single:
        yield image(
            plot_weights(material.drawn, ci_prob=DEFAULT_PROBABILITY),
            alternative="The weight of each component, with its interval.",
            caption=(
                "The weight of a component is its proportion of all rows. Dots are estimates; thin "
                f"lines hold {INTERVAL} of the probability, thick lines half of it."
            ),
        )
    chosen = discriminating_features(material.fit, _MOST_PANELS)
    apart = (
        ""
        if material.is_single
        else " Components whose lines do not overlap in a feature very likely differ there."
    )
    caption = f"The values of the table above.{apart}{material.leaving_out(chosen)}"
    for part in np.array_split(chosen, -(-len(chosen) // _ACROSS)):
        features = part.tolist()
        yield image(
            plot_components(material.drawn, features, ci_prob=DEFAULT_PROBABILITY),
            alternative=(
                f"Means and standard deviations of {in_a_row(features)}, with their intervals."
            ),
            caption=caption,
        )
        caption = "The same for further features."


def _heading(material: Material, place: int) -> Content:
    if material.is_single:
        return element("strong", "All rows")
    title = element("strong", material.headings[place])
    mean, _, low, high = (
        100 * float(material.summary["weights"].sel(statistic=name)[place]) for name in _STATISTICS
    )
    places = max(0, decimals((high - low) / 4))
    ends = element("span", f"[{number(low, places)}%, {number(high, places)}%]", class_="interval")
    return [
        title,
        f": {number(mean, places)}% ",
        ends,
        f" of all, {material.about(material.expected_rows[place])}",
    ]


def _lines(material: Material, place: int, features: Sequence[str]) -> Iterator[list[Content]]:
    of_component = material.summary[["means", "scales"]].isel(component=place)
    for feature in features:
        own = of_component.sel({FEATURE: feature})
        yield [feature, *(_cell(own[name].values) for name in ("means", "scales"))]


def _cell(statistics: np.ndarray) -> Markup:
    """Write mean and interval; entries are mean, standard deviation, lower, upper."""
    mean, deviation, low, high = map(float, statistics)
    places = decimals(deviation)
    brackets = element("span", interval(low, high, places), class_="interval")
    return Markup(f"{number(mean, places)} {brackets}")


def _least_known(material: Material) -> str:
    """Name the mean whose interval is widest beside the spread of its component."""
    means, scales = material.summary["means"], material.summary["scales"].sel(statistic="mean")
    low, high = means.sel(statistic="lower"), means.sel(statistic="upper")
    widths = ((high - low) / scales).values
    k, j = np.unravel_index(widths.argmax(), widths.shape)
    where = (
        material.fit.feature_names[j]
        if material.is_single
        else (f"{material.fit.feature_names[j]} in {material.titles[k]}")
    )
    spread = float(means.sel(statistic="sd")[k, j])
    ends = " to ".join(measured(float(end[k, j]), spread) for end in (low, high))
    times = f"{widths[k, j]:.2g}"
    told = (
        f"Relative to the spread of the rows, the mean of {where} is least certain: its interval, "
        f"{ends}, is {times} standard deviations "
        f"{'' if material.is_single else 'of the component '}wide."
    )
    if widths[k, j] < _NARROW:
        known = "means" if material.is_single else "means of all components"
        return f"{told} This is narrow: the {known} are well determined."
    much = " This is wide: interpret it with care." if widths[k, j] > _WIDE else ""
    return told + much
