"""The section on the number of clusters, where the number of components was unknown."""

from __future__ import annotations

from bayesgmm.analysis.diagnosis.number import number_in_words
from bayesgmm.digits import counted
from bayesgmm.html import paragraph, table
from bayesgmm.plots.number_of_components import plot_number_of_components
from bayesgmm.posterior.number import most_likely_in_words
from bayesgmm.report.material import Material
from bayesgmm.report.sections.section import Section, image
from bayesgmm.schema import CLUSTERS_OF_DRAWS

_LEAST = 0.005  # probability of a line of the table


def number(material: Material) -> Section:
    """Return the section on the posterior of the number of clusters."""
    whole, chosen = material.whole, material.fit.record[CLUSTERS_OF_DRAWS]
    found = whole.tree["number_of_components"].to_dataset()
    k = counted(chosen["n_clusters"], "cluster")
    before = ""
    if not found["prior_clusters"].isnull().any():
        words = most_likely_in_words(found["prior_clusters"].values)
        before = f" Before the rows were seen, {words}."
    lines = [
        [
            str(int(line["number"])),
            *(f"{float(line[name]):.3f}" for name in ("clusters", "prior_clusters")),
            *(f"{float(line[name]):.3f}" for name in ("components", "prior_components")),
        ]
        for line in (found.isel(number=place) for place in range(found.sizes["number"]))
        if max(float(line["clusters"]), float(line["components"])) > _LEAST
    ]
    body = (
        paragraph(
            f"The number of components was unknown. Given the rows, {number_in_words(whole)} are "
            f"most likely.{before}"
        ),
        image(
            plot_number_of_components(whole.tree),
            alternative="Bars of the posterior probability of each number of clusters, and points "
            "of its prior probability.",
            caption="Probability of each number of clusters, given the rows and before.",
        ),
        table(
            "Probability of each number",
            ["number", "clusters", "their prior", "components", "their prior"],
            lines,
            name="number",
        ),
        paragraph(
            f"Components, and the rows in them, are described below by the draws with {k}, "
            f"{chosen['share']:.0%} of all, {chosen['n_draws']} in number; so are densities and "
            "checks."
        ),
    )
    return Section("number", "How many clusters are there?", body)
