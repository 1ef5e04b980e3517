"""What a reader should know before reading the numbers: may they be trusted, and what is unsure."""

from __future__ import annotations

import xarray as xr

from bayesgmm.analysis.cluster import DEFAULT_CERTAINTY, expected_responsibilities
from bayesgmm.analysis.diagnose import diagnose
from bayesgmm.digits import plural
from bayesgmm.posterior.fit import Fit
from bayesgmm.schema import COMPONENT


def convergence_lines(tree: xr.DataTree) -> list[str]:
    """Return the verdict on convergence in one line and, where there are any, what was found.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.report.verdict import convergence_lines
    >>> convergence_lines(bg.example_fit())
    ['Converged: 4 chains of 1000 draws agree (R-hat at most ..., no divergences).']
    """
    diagnosis = diagnose(tree)
    return [diagnosis.verdict, *(f"- {finding}" for finding in diagnosis.findings)]


def uncertainty_line(
    tree: xr.DataTree, *, rows: str = "rows", certainty: float = DEFAULT_CERTAINTY
) -> str:
    """Say how many rows are assigned with less than the given certainty.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    rows : str, default "rows"
        What rows are called, in the plural.
    certainty : float, default 0.9
        Probability of the most probable component below which a row counts.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.report.verdict import uncertainty_line
    >>> uncertainty_line(bg.example_fit(), rows="birds")
    '1... of 342 birds are assigned with less than 90% certainty.'
    """
    fit = Fit.of(tree)
    blank = fit.data.blank  # of which nothing could be said
    certainties = expected_responsibilities(fit).max(COMPONENT).values[~blank]
    measured = " with a measured cell" if blank.any() else ""
    count = int((certainties < certainty).sum())
    return (
        f"{count} of {certainties.size} {rows}{measured} {plural(count, 'is', 'are')} assigned "
        f"with less than {certainty:.0%} certainty."
    )
