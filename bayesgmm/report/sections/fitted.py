"""The sections on data, model and method, and on provenance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bayesgmm.analysis.diagnosis.chains import Settings, is_resampled
from bayesgmm.digits import counted, plural, whole
from bayesgmm.engines.catalog import ENGINES
from bayesgmm.html import Content, element, facts, paragraph, table
from bayesgmm.priors.catalog import typed
from bayesgmm.report.material import Material
from bayesgmm.report.sections.section import Section, shortened
from bayesgmm.report.words import in_a_row, measured, share
from bayesgmm.schema import CHAIN, DRAW
from bayesgmm.tree.timing import read_timing

MOST_FEATURES = 60


def fitted(material: Material) -> Section:
    """Return the section on data, model and method."""
    shown, note = shortened(
        material.fit.feature_names, MOST_FEATURES, what="features", rest="the table that was fitted"
    )
    lines = _feature_lines(material, len(shown))
    headings = ["feature", "mean", "standard deviation", "smallest", "largest"]
    if material.fit.data.has_gaps:
        headings.append("missing cells")
    body = (
        paragraph(_model(material)),
        facts(_facts(material)),
        table("The features of the table", headings, lines, name="features"),
        note,
    )
    return Section("fitted", "What was fitted", body)


def _model(material: Material) -> str:
    k, data = material.fit.names.size, material.fit.data
    to = f"{counted(data.n_rows, 'row')} and {counted(data.n_features, 'feature')}"
    size = "an unknown number of" if material.whole.infers_number else str(k)
    if k == 1 and not material.whole.infers_number:
        return (
            f"One normal distribution was fitted to {to}: most rows lie near its mean, few far "
            f"from it. {_shape(material)}"
        )
    return (
        f"A Gaussian mixture with {size} components was fitted to {to}. The model assumes that "
        "each row comes from one of these components, and that the rows of a component follow a "
        f"normal distribution around its mean. {_shape(material)}"
    )


def _shape(material: Material) -> str:
    """Describe the covariance structure."""
    covariances, single = material.fit.layout.covariances, material.is_single
    tied = covariances.n_matrices == 1
    owner = "All components share" if tied else "Each component has its own"
    if single:
        owner = "It has"
    if material.fit.data.n_features == 1:
        return f"{owner} {'one' if tied else ''} standard deviation.".replace("  ", " ")
    if covariances.n_factors:
        equal = ", of one variance in all features" if covariances.isotropic else ""
        return (
            f"{owner} standard deviations and correlations between features, caused by "
            f"{counted(covariances.n_factors, 'unobserved factor')}; the rest of each feature is "
            f"independent noise{equal}."
        )
    spread = (
        "one standard deviation, the same in all features"
        if covariances.isotropic
        else "standard deviations"
    )
    also = "correlations between features" if covariances.correlated else ""
    none = "" if covariances.correlated else "; within a component, features are not correlated"
    return f"{owner} {spread}{' and ' if also else ''}{also}{none}."


def _facts(material: Material) -> Iterator[tuple[str, Content]]:
    timing = read_timing(material.fit.tree)
    if timing is not None and timing.table is not None:
        yield "Table", timing.table
    yield "Rows", _rows(material)
    features = in_a_row(material.fit.feature_names, most=12)
    yield "Features", f"{counted(material.fit.data.n_features, 'feature')}: {features}"
    yield "Missing cells", _gaps(material)
    yield "Weights of rows", _weights(material)
    yield "Labels", _labels(material)
    yield "Method", _method(material)


def _rows(material: Material) -> str:
    empty = int(np.isnan(material.fit.data.values).all(axis=1).sum())
    if not empty:
        return whole(material.fit.data.n_rows)
    return (
        f"{whole(material.fit.data.n_rows)}, of which {counted(empty, 'has', 'have')} no measured "
        f"cell and {plural(empty, 'does', 'do')} not affect the fit"
    )


def _gaps(material: Material) -> str:
    missing = np.isnan(material.fit.data.values)
    if not missing.any():
        return "none"
    count, rows = int(missing.sum()), int(missing.any(axis=1).sum())
    return (
        f"{whole(count)} of {whole(missing.size)} cells ({share(count / missing.size)}), in "
        f"{counted(rows, 'row')}. They were not filled in: such rows enter the fit with their "
        "observed cells. This is valid if values are missing at random: whether a cell is missing "
        "depends on observed cells only."
    )


def _weights(material: Material) -> str:
    weights = material.fit.data.weights
    if not weights.size:
        return "none; every row counts once"
    least, most, total = weights.min(), weights.max(), weights.sum()
    return f"rows count {least:.3g} to {most:.3g} times, {total:.5g} times in total"


def _labels(material: Material) -> str:
    logs = material.fit.data.label_log_likelihoods
    if not logs.size:
        return "none; the component of every row was unknown"
    known = (logs != logs[:, :1]).any(axis=1)
    certain = (np.isfinite(logs).sum(axis=1) == 1) & known
    of_rows = f"of {counted(material.fit.data.n_rows, 'row')}"
    if (certain == known).all():
        return f"for {whole(int(known.sum()))} {of_rows} the component was known"
    return (
        f"for {whole(int(known.sum()))} {of_rows} something was known about their component, and "
        f"for {whole(int(certain.sum()))} of them the component itself"
    )


def _method(material: Material) -> str:
    posterior, engine = material.whole.posterior, material.fit.record["engine"].partition("(")[0]
    chains, draws = posterior.sizes[CHAIN], posterior.sizes[DRAW]
    taken = counted(draws, "draw")
    resampled = is_resampled(material.fit)
    if chains > 1 or not (material.approximate or resampled):
        taken = f"{counted(chains, 'chain')} of {taken}"
    stopped = ". The run was stopped before its end" if material.fit.record.get("partial") else ""
    known = ENGINES.get(typed(engine))
    method = engine if known is None else known.in_words
    if resampled:
        method = (
            "importance resampling: draws around the posterior mode, weighted so that they are "
            "draws from the posterior distribution"
        )
    return f"{method}. {taken}{stopped}"


def _feature_lines(material: Material, count: int) -> Iterator[list[Content]]:
    values = material.fit.data.values
    for place, feature in enumerate(material.fit.feature_names[:count]):
        observed = values[~np.isnan(values[:, place]), place]
        spread = float(observed.std())
        figures = (observed.mean(), spread, observed.min(), observed.max())
        # One digit more than the spread has, since these are facts and no estimates.
        cells = [measured(float(value), spread / 10) for value in figures]
        missing = [whole(values.shape[0] - observed.size)] if material.fit.data.has_gaps else []
        yield [feature, *cells, *missing]


def provenance(material: Material) -> Section:
    """Return the section on versions, seed and time."""
    body = (
        facts(_provenance_facts(material)),
        paragraph(
            (
                "The same table, spec, engine and seed give the same fit with these versions. "
                if material.fit.knows_prior
                else "The draws were made elsewhere, and their prior is not known. "
            )
            + "Intervals are valid under the assumptions above: that rows are independent, and "
            "that the model is approximately right."
            + (" The file of the fit holds the prior in full." if material.fit.knows_prior else "")
        ),
    )
    return Section("provenance", "Provenance", body)


def _provenance_facts(material: Material) -> Iterator[tuple[str, Content]]:
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
