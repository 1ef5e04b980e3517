"""The section on model selection, if a grid of fits was compared."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesgmm.analysis.selection.select import STRUCTURES
from bayesgmm.analysis.selection.table import DIMS, SAME, name_of, one_line_a_model, title_of
from bayesgmm.data.dataset import Dataset
from bayesgmm.digits import counted
from bayesgmm.errors import SpecificationError
from bayesgmm.html import Content, listed, paragraph, table
from bayesgmm.numerics.unconstrained import FactorMap
from bayesgmm.plots.selection import plot_selection
from bayesgmm.priors.factors import Factors
from bayesgmm.report.material import Material
from bayesgmm.report.sections.section import Section, image

MOST_FITS = 10
_CRITERIA = ("BIC", "AIC", "ICL", "NEC")
_NEEDED = (*_CRITERIA, "failure", "best")
_STRONG = 10.0
"""A difference of BIC that is strong evidence for the smaller one (Kass & Raftery, 1995)."""

_ASKS = {
    "BIC": "asks how many normal distributions describe the density; a non-elliptical cluster "
    "takes several",
    "AIC": "asks which fit predicts new rows best, and tends to select too many components",
    "ICL": "asks for well-separated clusters, and merges overlapping ones",
    "NEC": "asks the same, without a penalty for the number of parameters",
}


def expect_selection(selection: object, data: Dataset) -> None:
    """Raise unless this is a table that ``select`` returned, for these rows if it says which."""
    if selection is None:
        return
    if (
        not isinstance(selection, xr.Dataset)
        or any(name not in selection for name in _NEEDED)
        or set(selection["BIC"].dims) != set(DIMS)
    ):
        raise SpecificationError(
            "selection must be the table that bayesgmm.select returned, with dims "
            f"{' and '.join(DIMS)} and the variables {', '.join(_NEEDED)}; or None."
        )
    if selection.attrs.get("rows", data.checksum) != data.checksum:
        raise SpecificationError(
            "selection compares fits of a different table. Run "
            f"bayesgmm.select on the same {counted(data.n_rows, 'row')} and columns "
            f"{', '.join(data.feature_names)}, or leave selection out."
        )


def selection(material: Material) -> Section:
    """Return the section on the number of components."""
    fits = one_line_a_model(material.selection).stack(fit=DIMS)
    fits = fits.isel(fit=fits["failure"].values == "")
    fits = fits.isel(fit=fits["BIC"].values.argsort(kind="stable"))
    best = float(fits["BIC"][0])
    lines = [
        _line(fits.isel(fit=place), best) for place in range(min(MOST_FITS, fits.sizes["fit"]))
    ]
    more = (
        f"; the best {MOST_FITS} of {fits.sizes['fit']} fits"
        if fits.sizes["fit"] > MOST_FITS
        else ""
    )
    body = (
        paragraph(
            f"{counted(fits.sizes['fit'], 'model')} were fitted by maximum likelihood and compared "
            "by information criteria, which weigh goodness of fit against the number of "
            "parameters. Smaller is better; the criteria ask different questions and can disagree."
        ),
        listed(_winner(fits, name) for name in _CRITERIA),
        table(
            f"Fits by BIC, the best first{more}",
            ["covariance", "components", "BIC above best", "AIC", "ICL", "NEC"],
            lines,
            name="fits",
        ),
        paragraph(_this(material, fits, best)),
        image(
            plot_selection(material.selection),
            alternative="BIC against the number of components, a line for each structure.",
            caption="BIC of all fits; the smallest, the best by this criterion, is circled.",
        ),
    )
    return Section("number", "How many components?", body)


def _winner(fits: xr.Dataset, name: str) -> str:
    place = int(fits[name].argmin("fit", skipna=True))
    return f"{name}: {title_of(fits.isel(fit=place))}. It {_ASKS[name]}."


def _line(fit: xr.Dataset, best: float) -> list[Content]:
    above = float(fit["BIC"]) - best
    return [
        str(fit["covariances"].item()),
        str(fit["n_components"].item()),
        f"{above:.1f}",
        *(f"{float(fit[name]):.1f}" for name in ("AIC", "ICL")),
        f"{float(fit['NEC']):.3f}",
    ]


def _structure(material: Material, compared: set[str]) -> str:
    """Return the name that the covariance structure has in a selection."""
    if material.fit.knows_prior:
        structure = material.fit.spec.covariances
        if name_of(structure) in compared:
            return name_of(structure)
    found = material.fit.layout.covariances
    if isinstance(found, FactorMap):
        return Factors(found.n_factors, found.tied, found.one_scale).name
    k, d = found.n_components, found.n_features
    return next(name_of(own) for own in STRUCTURES if own.covariance_map(k, d) == found)


def _this(material: Material, fits: xr.Dataset, best: float) -> str:
    """Compare the model of the report with the best one."""
    names = [line.split(SAME) for line in fits["covariances"].values]
    name = _structure(material, {each for line in names for each in line})
    is_this = [name in line for line in names]
    here = np.array(is_this) & (fits["n_components"].values == material.fit.names.size)
    title = f"{name}, {counted(material.fit.names.size, 'component')}"
    if not here.any():
        return f"The model of this report ({title}) is not among them."
    above = float(fits["BIC"].values[here][0]) - best
    if above == 0:
        return f"The model of this report ({title}) is the best by BIC."
    weight = "strongly" if above > _STRONG else "somewhat"
    return (
        f"The model of this report ({title}) has a BIC {above:.1f} above the best. A difference "
        f"of {_STRONG:g} is strong evidence (Kass & Raftery, 1995): if the components are normal, "
        f"the table {weight} favors the best model instead."
    )
