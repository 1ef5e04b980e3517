"""Which row belongs where, and which rows cannot be placed for certain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from bayesgmm.analysis.clustering.partition import partition
from bayesgmm.analysis.summarize import discriminating_features
from bayesgmm.digits import counted, plural, whole
from bayesgmm.html import Content, Markup, paragraph, table
from bayesgmm.plots.certainty import plot_certainty
from bayesgmm.plots.clusters import plot_clusters
from bayesgmm.plots.view import MOST_RINGS, in_some_panel
from bayesgmm.report.material import CERTAINTY, INTERVAL, Material
from bayesgmm.report.sections.section import Section, image
from bayesgmm.report.words import in_a_row, share
from bayesgmm.schema import ROW

MOST_UNSURE = 20
"""Rows in the table of the least sure ones."""

MOST_PARTITIONED = 5_000
"""Rows; partitions of more take too long for a report."""

_MOST_PANELS = 3  # features to a side of the picture; more are too small to be seen
_DRAWS, _RUNS = 400, 4


def rows(material: Material) -> Section:
    """Return the section on clusters and unsure rows."""
    title = "Clusters and unsure rows"
    if material.is_single:
        alone = paragraph("There is only one component, and all rows belong to it.")
        return Section("rows", "The rows", (alone, _picture(material)))
    body = (
        paragraph(
            "Each row is assigned to its most probable component. Its certainty is the probability "
            f"of that component. Rows below {CERTAINTY:.0%} count as unsure: components overlap "
            "there, or are not known well enough; the interval of the probability tells which. "
            f"Core rows have a probability of at least {CERTAINTY:.0%} even at the lower end of "
            f"the {INTERVAL} interval. The remaining rows have high mean probability, but not in "
            "every draw."
        ),
        *_blank(material),
        table(
            "Rows per component",
            ["component", "rows", "core", "between", "unsure"],
            _counts(material),
            name="counts",
        ),
        *_unsure(material),
        _certainty(material),
        _picture(material),
        *_partition(material),
    )
    return Section("rows", title, body)


def _blank(material: Material) -> Iterator[Markup]:
    """Say how many rows cannot be placed by anything, and what their probabilities are."""
    count = material.n_blank
    if count:
        one = count == 1
        yield paragraph(
            f"{counted(count, 'row')} {'has' if one else 'have'} no measured cell, so nothing is "
            f"known about {'its component: its' if one else 'their components: their'} "
            f"probabilities are the weights. {'It is' if one else 'They are'} left out of the "
            "counts, lists and plots of unsure rows."
        )


def _counts(material: Material) -> Iterator[list[Content]]:
    found = material.told_clusters
    label, core, unsure = (found[name].values for name in ("label", "core", "unsure"))
    everywhere = np.ones(label.size, dtype=bool)
    places = [
        (heading, label == name)
        for name, heading in zip(material.fit.names, material.headings, strict=True)
    ]
    for title, here in [*places, ("All", everywhere)]:
        between = here & ~core & ~unsure
        masks = (here, here & core, between, here & unsure)
        yield [title, *(whole(int(mask.sum())) for mask in masks)]


def _unsure(material: Material) -> Iterator[Markup]:
    found = material.told_clusters
    count = int(found["unsure"].sum())
    total = counted(found.sizes[ROW], "row")
    if not count:
        yield paragraph(f"None of {total} is unsure.")
    else:
        yield paragraph(
            f"{whole(count)} of {total} ({share(count / found.sizes[ROW])}) "
            f"{plural(count, 'is', 'are')} unsure. {_between(material)}"
        )
    least = np.argsort(found["certainty"].values, kind="stable")[: max(1, min(count, MOST_UNSURE))]
    if not count:
        return
    if count > MOST_UNSURE:
        yield paragraph(
            f"The {MOST_UNSURE} least certain are listed; bayesgmm.cluster(tree) has all rows."
        )
    headings = [
        "row",
        "most probable",
        "probability",
        f"{INTERVAL} interval",
        "second",
        "probability",
    ]
    yield table(
        "The least certain rows", headings, [_line(material, row) for row in least],
        name="unsure", words=(1, 4),
    )  # fmt: skip
    gaps = " Rows may also be unsure because of their missing cells." * material.some_cells_lack
    yield paragraph(
        "Rows are named as in the table, or by their position, counted from 0. A wide "
        "interval means that the parameters of the components are not known well enough; a "
        "narrow one around one half, that the row lies between components."
        f"{gaps}"
    )


def _order(material: Material) -> np.ndarray:
    return np.argsort(-material.told_clusters["responsibilities"].values, axis=1, kind="stable")


def _between(material: Material) -> str:
    """Say between which components most unsure rows lie."""
    order = _order(material)[material.told_clusters["unsure"].values]
    pairs = Counter(tuple(sorted(pair)) for pair in order[:, :2].tolist())
    (pair, most), *others = pairs.most_common()
    names = in_a_row([material.titles[place] for place in pair])
    if not others:
        return f"{plural(most, 'It lies', 'They lie')} between {names}."
    return f"Most often they lie between {names}: {whole(most)} of them."


def _line(material: Material, row: int) -> list[Content]:
    found = material.told_clusters
    resp, low, high = (found[name].values[row] for name in ("responsibilities", "lower", "upper"))
    first, second = np.argsort(-resp, kind="stable")[:2]
    return [
        str(found[ROW].values[row]),
        material.titles[first],
        share(resp[first]),
        f"{share(low[first])} to {share(high[first])}",
        material.titles[second],
        share(resp[second]),
    ]


def _picture(material: Material) -> Markup:
    chosen = discriminating_features(material.fit, _MOST_PANELS)
    what = "rows" if len(chosen) > 1 else "histogram of the rows"
    outlines = "the distribution" if material.is_single else "each component"
    colors = "" if material.is_single else "Rows have the color of their most probable component. "
    unsure = "" if material.is_single else f" Rows that are unsure {_mark(material, chosen)}."
    return image(
        plot_clusters(material.drawn, chosen, certainty=CERTAINTY),
        alternative=f"The {what} in {in_a_row(chosen)}, with the outline of {outlines}.",
        caption=(
            f"{colors}The thick line of {outlines} is the estimate; thin lines are posterior "
            "draws, so a wide bundle means high uncertainty."
            f"{unsure}{material.leaving_out(chosen)}"
        ),
    )


def _mark(material: Material, chosen: Sequence[str]) -> str:
    """Say how the picture marks unsure rows."""
    if len(chosen) == 1:
        return "have a dark tick below the axis"
    cells = material.fit.data.values[:, [material.fit.feature_names.index(name) for name in chosen]]
    marked = material.clusters["unsure"].values & in_some_panel(cells)
    return "have a dark point on them" if marked.sum() > MOST_RINGS else "are circled"


def _certainty(material: Material) -> Markup:
    return image(
        plot_certainty(material.drawn, certainty=CERTAINTY),
        alternative="The probability of every row's most probable component, least certain first.",
        caption=(
            "Rows from the least to the most certain, on a logarithmic axis. Vertical lines are "
            f"{INTERVAL} intervals: a long one means that the probability of the row differs "
            "between posterior draws."
        ),
    )


def _partition(material: Material) -> Iterator[Markup]:
    if material.fit.data.n_rows > MOST_PARTITIONED:
        yield paragraph(
            "Clusters can also be found independently of component labels. For more than "
            f"{whole(MOST_PARTITIONED)} rows use bayesgmm.partition(tree)."
        )
        return
    found = partition(material.fit, max_draws=_DRAWS, n_runs=_RUNS, progress=False)
    sizes = [whole(int(size)) for size in found["size"].values]
    clusters = counted(len(sizes), "cluster")
    told = (
        "Clusters can also be found independently of component labels, as the partition with the "
        "smallest expected variation of information under the posterior. "
        f"It has {clusters}, of {in_a_row(sizes, most=20)} rows."
    )
    if len(sizes) < material.fit.names.size:
        told += " That is fewer than components: these rows do not separate some of them."
    yield paragraph(told)
