"""Whether the model would make such a table."""

from __future__ import annotations

import xarray as xr

from bayesgmm.analysis.generation.posterior_predictive import CHECK, CHECKS, predictive_checks
from bayesgmm.analysis.summarize import discriminating_features
from bayesgmm.digits import counted, plural
from bayesgmm.html import Content, Markup, element, paragraph, table
from bayesgmm.plots.predictive import plot_predictive
from bayesgmm.report.material import INTERVAL, Material
from bayesgmm.report.sections.fitted import MOST_FEATURES
from bayesgmm.report.sections.section import Section, image, shortened
from bayesgmm.report.words import in_a_row, measured
from bayesgmm.schema import FEATURE

_RARE = 0.01
_MOST_PANELS = 8
_SHARES = CHECKS[:2]
_MOST_TOLD = 8  # features

_MEANT = {
    "inside 50%": ("fewer rows in the middle", "more rows in the middle"),
    "inside 90%": ("more rows in the tails", "fewer rows in the tails"),
    "smallest": ("a smaller minimum", "a larger minimum"),
    "largest": ("a smaller maximum", "a larger maximum"),
}
"""What a figure below and above those of the model means."""


def checks(material: Material) -> Section:
    """Return the section of predictive checks."""
    found = predictive_checks(material.fit)
    shown, note = shortened(
        material.fit.feature_names, MOST_FEATURES, what="features", rest="a plot of the fit"
    )
    body = (
        paragraph(
            "If the model is right, tables simulated from it resemble the observed table. "
            f"{counted(found.attrs['tables'], 'such table')} of the same size were simulated. Next "
            f"to each statistic of the observed table is the range that holds {INTERVAL} of the "
            "simulated ones."
        ),
        table(
            "The observed table and tables simulated from the model",
            ["feature", "inside middle 50%", "inside middle 90%", "smallest", "largest"],
            [_line(found, feature) for feature in shown],
            name="predictive",
        ),
        note,
        paragraph(_judgment(found)),
        _picture(material),
    )
    return Section("checks", "Does the model fit the table?", body)


def _picture(material: Material) -> Markup:
    chosen = discriminating_features(material.fit, _MOST_PANELS)
    return image(
        plot_predictive(material.fit, chosen),
        alternative=f"Histograms of {in_a_row(chosen)} next to those of simulated tables.",
        caption=(
            "The line is the histogram of the rows. The band at each bar holds its height in "
            f"{INTERVAL} of the tables simulated from the model: about one bar in nine lies "
            "outside "
            f"by chance.{material.leaving_out(chosen)}"
        ),
    )


def _line(found: xr.Dataset, feature: str) -> list[Content]:
    cells = []
    for check in CHECKS:
        own = found.sel({CHECK: check, FEATURE: feature})
        numbers = [float(own[name]) for name in ("observed", "lower", "upper")]
        if check in _SHARES:
            value, low, high = (f"{100 * each:.0f}%" for each in numbers)
        else:
            spread = (numbers[2] - numbers[1]) / 3
            value, low, high = (measured(each, spread) for each in numbers)
        cells.append([value, " ", element("span", f"({low} to {high})", class_="interval below")])
    return [feature, *cells]


def _judgment(found: xr.Dataset) -> str:
    count = found["p_value"].size
    odd = {feature: said for feature in found[FEATURE].values if (said := _odd(found, feature))}
    if not odd:
        return (
            f"All {count} statistics of the observed table are typical of the model: no sign of "
            "misfit."
        )
    number = sum(map(len, odd.values()))
    told = [f"{feature} has {in_a_row(said)}" for feature, said in odd.items()]
    shown, more = "; ".join(told[:_MOST_TOLD]), "; and others" * (len(told) > _MOST_TOLD)
    return (
        f"{counted(number, 'statistic')} of {count} {plural(number, 'lies', 'lie')} where fewer "
        f"than 1% of the simulated tables have theirs. {shown}{more}. By chance one "
        f"expects {2 * _RARE * count:.1f}. More components, or transformed features "
        "(logarithms, for example), may describe the table better."
    )


def _odd(found: xr.Dataset, feature: str) -> list[str]:
    """Name the figures of a feature that the model hardly makes."""
    said = []
    for check in CHECKS:
        p = float(found["p_value"].sel({CHECK: check, FEATURE: feature}))
        if p < _RARE or p > 1 - _RARE:
            said.append(_MEANT[check][p < _RARE])
    return said
