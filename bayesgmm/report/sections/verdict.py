"""Whether the result can be trusted."""

from __future__ import annotations

from collections.abc import Iterator

from bayesgmm.analysis.diagnosis.value import Finding, rhat_in_words
from bayesgmm.digits import whole
from bayesgmm.html import Content, Markup, element, listed, paragraph, table
from bayesgmm.report.material import Material
from bayesgmm.report.sections.section import Section
from bayesgmm.report.words import capitalized


def verdict(material: Material) -> Section:
    """Return the section on convergence."""
    diagnosis = material.diagnosis
    findings = [_item(finding) for finding in diagnosis.findings]
    nothing = "The verdict is at the top of the page. Nothing was found that speaks against it."
    body = (listed(findings) if findings else paragraph(nothing), *_figures(material))
    return Section("verdict", "Can the result be trusted?", body)


def banner(material: Material) -> Markup:
    """Return the verdict, marked by words, a sign and a color."""
    diagnosis = material.diagnosis
    kind, sign, word = "good", "✓", "The result can be trusted."
    if not diagnosis.passed:
        kind, sign, word = "bad", "✗", "The result cannot be trusted as it is."
        if material.approximate:
            kind, sign, word = "fair", "~", "The result can be trusted roughly, at best."
    mark = element("span", sign, class_="sign", aria_hidden="true")
    words = paragraph(element("strong", word), f" {diagnosis.verdict}")
    return element("div", mark, words, class_=f"banner {kind}")


def _item(finding: Finding) -> Markup:
    kind = element("strong", f"{capitalized(finding.kind)}. ") if finding.kind else ""
    note = "" if finding.serious else " (Good to know; it does not stand against the result.)"
    return element("span", kind, f"{finding.problem} ", element("em", finding.remedy), note)


def _figures(material: Material) -> Iterator[Markup]:
    if material.approximate:
        yield paragraph(
            "The draws come from an approximation, so there are no chains that could disagree. "
            "Pareto k measures how far it is from the posterior: below 0.7 it is near. Intervals "
            "of an approximation are often too narrow; a run of NUTS gives those of the posterior."
        )
        return
    yield paragraph(
        "Draws are compared between the chains and within them. R-hat says how far the chains "
        "disagree: 1 is full agreement, and above 1.01 they tell different stories. The effective "
        "sample size (ESS) says how many independent draws the draws are worth, in the bulk of the "
        "posterior and in its tails; some 400 are enough for the intervals of this page."
    )
    lines = [_line(material, str(name)) for name in material.diagnosis.figures["variable"].values]
    headings = ["worst entry of", "R-hat", "bulk ESS", "tail ESS"]
    yield table("How well the chains agree", headings, lines, name="convergence")


def _line(material: Material, name: str) -> list[Content]:
    entry = material.diagnosis.figures.sel(variable=name)
    rhat, bulk, tail = (float(entry[key]) for key in ("rhat", "ess_bulk", "ess_tail"))
    return [
        name,
        rhat_in_words(rhat),
        *("-" if ess != ess else whole(round(ess)) for ess in (bulk, tail)),
    ]
