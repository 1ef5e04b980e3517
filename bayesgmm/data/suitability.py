"""Whether a table suits a question: enough rows, columns that differ, no missing cells."""

from __future__ import annotations

import numpy as np

from bayesgmm.data.cells import first_labels
from bayesgmm.data.dataset import Dataset
from bayesgmm.data.relations import linear_relations
from bayesgmm.digits import plural
from bayesgmm.errors import DataError, warn

_SMALLEST_RATIO = 1e-100
"""Of standard deviations that are measured in one unit: squares must stay representable."""

_NAMED = 4  # relations among columns; more would be no help to a reader


def expect_complete(dataset: Dataset, question: str) -> None:
    """Raise a ``DataError`` that names rows with missing cells, which a question has no answer for.

    ``question`` says what it is, such as "A distribution function".
    """
    rows = np.flatnonzero(np.isnan(dataset.values).any(axis=1))
    if rows.size:
        raise DataError(
            f"{question} needs whole rows; {rows.size} of {dataset.n_rows} "
            f"{plural(rows.size, 'has', 'have')} missing cells: "
            f"{first_labels(dataset.row_names[rows])}. Leave them out, or impute them first."
        )


def expect_enough_rows(dataset: Dataset, n_components: int) -> None:
    """Raise a ``DataError`` if a fit learns from fewer rows than there are components."""
    fitted, needed = dataset.fitted, f"{n_components} components need at least {n_components} rows"
    if fitted.n_rows < n_components:
        given = f"the table has {dataset.n_rows}"
        if fitted.n_rows < dataset.n_rows:
            verb = plural(fitted.n_rows, "has", "have")
            given += f", of which {fitted.n_rows} {verb} an observed cell and a weight above zero"
        elif dataset.weights.size:
            given += ", however often each counts"
        raise DataError(f"{needed}; {given}. Ask for fewer components or give more rows.")
    if fitted.total_weight < n_components:
        raise DataError(
            f"{needed}; the rows count {fitted.total_weight:g} times together. A row of weight 2 "
            "counts as two rows: multiply sample_weight so that it sums to the number of rows that "
            "it stands for."
        )


def expect_counting_rows(dataset: Dataset) -> None:
    """Raise a ``DataError`` if no row has an observed cell and a weight above zero."""
    if not dataset.is_fitted.any():
        raise DataError(
            "No row has an observed cell and a weight above zero, so that there is nothing to "
            "compute a criterion from. Give rows of which something is known."
        )


def judge_relations(dataset: Dataset, *, tied: bool, uses_prior: bool) -> None:
    """Name linear relations among the columns that hold in all rows, to rounding.

    The likelihood of correlated normal distributions then grows without bound as they become flat:
    without a prior that is a ``DataError``. With one it is a warning, since the resolution of the
    columns bounds the posterior. Structures that share one covariance matrix have ``tied``.
    """
    relations = linear_relations(dataset)
    if not relations:
        return
    names = dataset.feature_names
    told = [relation.named(names) for relation in relations[:_NAMED]]
    if len(relations) > _NAMED:
        told.append(f"{len(relations) - _NAMED} more such relations")
    surplus = ", ".join(repr(names[relation.columns[-1]]) for relation in relations)
    prefix, say = "Tied" * tied, plural(len(relations), "says", "say")
    problem = f"Columns depend on each other exactly, in all rows: {'; '.join(told)}."
    remedy = (
        f"Leave out {surplus}, which {say} nothing new; or use {prefix}Diagonal(), which has no "
        f"correlations, or {prefix}InverseWishart(), whose prior rules out singular matrices."
    )
    if uses_prior:
        warn(
            f"{problem} The fit takes this to be so up to the resolution of the columns, and "
            f"chains move slowly along such relations. {remedy}"
        )
        return
    raise DataError(
        f"{problem} A covariance matrix with correlations is singular there, and the likelihood "
        f"has no bound. {remedy}"
    )


def expect_like_units(dataset: Dataset) -> None:
    """Raise a ``DataError`` if one scale cannot serve all features: the squares would vanish."""
    ratios = dataset.deviation / dataset.deviation.max()
    narrowest, widest = int(ratios.argmin()), int(ratios.argmax())
    if ratios[narrowest] < _SMALLEST_RATIO:
        names = dataset.feature_names
        raise DataError(
            f"A spherical structure has one scale for all features, but column "
            f"{names[narrowest]!r} varies {ratios[narrowest]:.0e} times as much as column "
            f"{names[widest]!r}. Give them in like units, or use Diagonal() or TiedDiagonal()."
        )
