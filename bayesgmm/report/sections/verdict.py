"""The section on convergence, and the banner with the verdict."""

from __future__ import annotations

from collections.abc import Iterator

from bayesgmm.analysis.diagnosis.chains import is_resampled
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
    nothing = "The verdict is at the top of the page. No problems were found."
    body = (listed(findings) if findings else paragraph(nothing), *_figures(material))
    return Section("verdict", "Is the result reliable?", body)


def banner(material: Material) -> Markup:
    """Return the verdict, marked by words, a sign and a color."""
    diagnosis = material.diagnosis
    kind, sign, word = "good", "✓", "The result is reliable."
    if not diagnosis.passed:
        kind, sign, word = "bad", "✗", "The result is not reliable."
        if material.approximate:
            kind, sign, word = "fair", "~", "The result is approximate."
    mark = element("span", sign, class_="sign", aria_hidden="true")
    words = paragraph(element("strong", word), f" {diagnosis.verdict}")
    return element("div", mark, words, class_=f"banner {kind}")


def _item(finding: Finding) -> Markup:
    kind = element("strong", f"{capitalized(finding.kind)}. ") if finding.kind else ""
    note = "" if finding.serious else " (For information only; it does not affect the verdict.)"
    return element("span", kind, f"{finding.problem} ", element("em", finding.remedy), note)


def _figures(material: Material) -> Iterator[Markup]:
    if material.approximate:
        yield paragraph(
            "The draws come from an approximation, so there are no chains to compare. Pareto k "
            "measures how far it is from the posterior: below 0.7 it is close. Intervals of an "
            "approximation are often too narrow; NUTS gives those of the posterior."
        )
        return
    if is_resampled(material.fit):
        yield paragraph(
            "These are independent draws of a normal approximation, resampled by their weights, so "
            "there are no chains to compare. Pareto k measures the tail of the weights: below 0.5 "
            "they correct the approximation. About 400 effective draws are enough for the "
            "intervals of this report."
        )
        return
    yield paragraph(
        "Draws are compared between and within chains. R-hat measures how far the chains disagree: "
        "1 is full agreement, above 1.01 they have not converged. The effective sample size (ESS) "
        "is the number of independent draws that the draws are worth, in the bulk of the posterior "
        "and in its tails; about 400 are enough for the intervals of this report."
    )
    lines = [_line(material, str(name)) for name in material.diagnosis.figures["variable"].values]
    headings = ["worst entry of", "R-hat", "bulk ESS", "tail ESS"]
    yield table("Convergence of the chains", headings, lines, name="convergence")


def _line(material: Material, name: str) -> list[Content]:
    entry = material.diagnosis.figures.sel(variable=name)
    rhat, bulk, tail = (float(entry[key]) for key in ("rhat", "ess_bulk", "ess_tail"))
    return [
        name,
        rhat_in_words(rhat),
        *("-" if ess != ess else whole(round(ess)) for ess in (bulk, tail)),
    ]
