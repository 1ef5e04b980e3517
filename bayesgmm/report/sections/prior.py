"""The section on the prior, in the units of the data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from bayesgmm.analysis.generation.prior_predictive import END, prior_ranges
from bayesgmm.analysis.prior_sensitivity import PART, SENSITIVE, prior_sensitivity
from bayesgmm.html import Content, listed, paragraph, table
from bayesgmm.report.material import INTERVAL, Material
from bayesgmm.report.sections.fitted import MOST_FEATURES
from bayesgmm.report.sections.section import Section, shortened
from bayesgmm.report.words import in_a_row, rounded, share
from bayesgmm.schema import COMPONENT, FEATURE


def prior(material: Material) -> Section:
    """Return the section on the prior."""
    ranges = prior_ranges(material.fit)
    shown, note = shortened(
        material.fit.feature_names, MOST_FEATURES, what="features", rest="the record of the fit"
    )
    lines = [_line(ranges, feature, material) for feature in shown]
    whose = "the distribution" if material.is_single else "the components"
    headings = ["feature", "mean of a component", "standard deviation of a component"]
    if material.is_single:
        headings = ["feature", "mean", "standard deviation"]
    body = (
        paragraph(
            "The prior describes which parameter values are plausible before the table is seen. "
            f"Ranges below are central {INTERVAL} intervals of the prior."
        ),
        listed(_sentences(material, ranges)),
        table("Prior ranges of the parameters", headings, lines, name="prior-ranges"),
        note,
        paragraph(
            f"Where these ranges are much wider than the intervals of {whose} below, the table "
            "determined the result and the prior had little influence. Where they are about as "
            "wide, the table was not informative."
        ),
        *_sensitivity(material),
    )
    return Section("prior", "Prior", body)


def _sensitivity(material: Material) -> Iterator[Content]:
    """Say how far the posterior follows each part of the prior."""
    found = prior_sensitivity(material.fit)
    if not found.sizes[PART]:
        return
    parts = {"weights": "weights", "means": "means", "covariances": "covariance matrices"}
    lines = [
        [parts[str(part)], str(one["parameter"].item()), f"{one['sensitivity'].item():.3f}"]
        for part in found[PART].values
        for one in [found.sel({PART: part})]
    ]
    follows = "follows" if bool((found["sensitivity"] > SENSITIVE).any()) else "hardly depends on"
    yield paragraph(
        f"The posterior {follows} the prior: if the prior of a part is made a little stronger or "
        "weaker, the parameter that moves most moves by the distance in the table, relative to the "
        f"change (power-scaling). Distances above {SENSITIVE} matter; the prior should then be one "
        "that you can defend."
    )
    headings = ["prior of the", "moves most", "distance"]
    yield table("Sensitivity to the prior", headings, lines, name="prior-sensitivity")


def _sentences(material: Material, ranges: xr.Dataset) -> Iterator[str]:
    if not material.is_single:
        yield _weights(material, ranges)
    whose = "the mean" if material.is_single else "the mean of each component"
    own = " of its own" if COMPONENT in ranges["means"].dims else ""
    yield f"Means: in each feature, {whose} follows a normal distribution{own}."
    yield f"Spread: {_spread(material)}."
    yield from _correlations(material, ranges)


def _weights(material: Material, ranges: xr.Dataset) -> str:
    concentration = material.fit.spec.weights.expanded(material.fit.names.size)
    low, high = (ranges["weights"].sel({END: end}).values for end in ("lower", "upper"))
    if np.ptp(concentration) > 0:
        each = [
            f"{title} between {' and '.join(_shares(low[place], high[place]))}"
            for place, title in enumerate(material.titles)
        ]
        return f"Weights: the prior differs between components, {in_a_row(each, most=12)}."
    kind = "a uniform prior over all weights"
    if concentration[0] < 1:
        kind = "unequal weights were favored, so that superfluous components stay nearly empty"
    elif concentration[0] > 1:
        kind = "nearly equal weights were favored"
    ends = " and ".join(_shares(low[0], high[0]))
    return f"Weights: {kind}; each component has between {ends} of the rows."


def _shares(low: float, high: float) -> tuple[str, str]:
    """Write the ends of a range in per cent, rounded outward: ends that mirror each other do so."""
    least = "<1%" if 0 < low < 0.01 else share(np.floor(100 * low) / 100)
    return least, ">99%" if 0.99 < high < 1 else share(np.ceil(100 * high) / 100)


def _spread(material: Material) -> str:
    within = "" if material.is_single else " within a component"
    return f"standard deviations{within} follow {material.fit.spec.covariances.scales_in_words}"


def _correlations(material: Material, ranges: xr.Dataset) -> Iterator[str]:
    within = "" if material.is_single else "within a component, "
    if "correlations" in ranges:
        low, high = (float(ranges["correlations"].sel({END: end})) for end in ("lower", "upper"))
        yield (
            f"Correlations: {within}the correlation of any two features lies between {low:.2f} and "
            f"{high:.2f}."
        )
    elif material.fit.data.n_features > 1:
        yield f"Correlations: {within}there are none."


def _line(ranges: xr.Dataset, feature: str, material: Material) -> list[Content]:
    means, scales = (ranges[name].sel({FEATURE: feature}) for name in ("means", "scales"))
    if COMPONENT not in means.dims:
        return [feature, _range(means), _range(scales)]
    each = [
        f"{title} {_range(means.isel({COMPONENT: place}))}"
        for place, title in enumerate(material.titles)
    ]
    return [feature, in_a_row(each, most=12), _range(scales)]


def _range(ends: xr.DataArray) -> str:
    low, high = (float(ends.sel({END: end})) for end in ("lower", "upper"))
    digits = _digits(low, high)
    return f"{rounded(low, digits=digits[0])} to {rounded(high, digits=digits[1])}"


def _digits(low: float, high: float) -> tuple[int, ...]:
    """Return significant digits that show the width of a range to two of them."""
    width = high - low
    return tuple(
        max(2, 2 + int(np.floor(np.log10(abs(end))) - np.floor(np.log10(width))))
        if end and width > 0
        else 2
        for end in (low, high)
    )
