"""Where the page comes from, so that it can be made again."""

from __future__ import annotations

from collections.abc import Iterator

from bayesgmm.analysis.diagnosis.settings import Settings
from bayesgmm.html import Content, element, facts, paragraph
from bayesgmm.posterior.timing import read_timing
from bayesgmm.report.material import Material
from bayesgmm.report.sections.section import Section


def provenance(material: Material) -> Section:
    """Return the section on versions, seed and time."""
    body = (
        facts(_facts(material)),
        paragraph(
            (
                "The same table, spec, engine and seed give the same fit with these versions. "
                if material.fit.knows_prior
                else "The draws were made elsewhere, and their prior is not known here. "
            )
            + "Intervals hold under the assumptions above: that the rows are independent, and that "
            "the model is about right."
            + (" The file of the fit holds the prior in full." if material.fit.knows_prior else "")
        ),
    )
    return Section("provenance", "Where this comes from", body)


def _facts(material: Material) -> Iterator[tuple[str, Content]]:
    known = material.fit.record
    timing = read_timing(material.fit.tree)
    if timing is None:
        yield "Fitted", "at a time that the fit does not record"
    else:
        moment = element("time", f"{timing.date:%d %B %Y, %H:%M %Z}", datetime=timing.began)
        yield "Fitted", [moment, f", in {_duration(timing.seconds)}"]
    yield "Engine", _engine(material)
    yield "Seed", str(known["seed"])
    versions = known.get("versions", {})
    yield "Versions", ", ".join(f"{name} {version}" for name, version in versions.items())
    yield "Rows (SHA-256)", element("code", material.fit.data.checksum)


def _engine(material: Material) -> str:
    settings = Settings.of(material.fit)
    told = (f"{name} {value}" for name, value in settings.options.items() if value is not None)
    return ", ".join([settings.engine, *told])


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
