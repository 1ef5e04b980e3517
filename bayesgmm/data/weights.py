"""How often rows count."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from bayesgmm.data.cells import first_labels
from bayesgmm.data.readers import unmasked
from bayesgmm.digits import counted
from bayesgmm.errors import DataError

_LARGEST = 1e15  # sums of more have no room for a single row


def read_weights(
    sample_weight: Any, row_names: Shaped[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Check weights to fit with: as :func:`read_counts`, and two or more together.

    Raises
    ------
    DataError
        If they are not.
    """
    weights = read_counts(sample_weight, row_names)
    if not weights.sum() >= 2:
        raise DataError(
            f"sample_weight sums to {weights.sum():g}; a weight says how often a row counts, and "
            "at least two are needed to estimate a spread. Multiply the weights so that they sum "
            "to the number of rows that they stand for."
        )
    return weights


def read_counts(sample_weight: Any, row_names: Shaped[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Check weights: one for each row, finite, none negative.

    Raises
    ------
    DataError
        If they are not; the message names the rows.
    """
    try:
        weights = np.array(unmasked(sample_weight), dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"sample_weight must be one number for each row: {error}. Give a list or an array."
        ) from error
    if weights.shape != row_names.shape:
        raise DataError(
            f"sample_weight has shape {weights.shape}; the table has "
            f"{counted(row_names.size, 'row')}. Give one number for each row."
        )
    wrong = ~((weights >= 0) & (weights <= _LARGEST))
    if wrong.any():
        named = first_labels(row_names[wrong])
        raise DataError(
            f"sample_weight is negative, missing or not finite in {int(wrong.sum())} of "
            f"{weights.size} rows: {named}. Every weight must be a number from 0 to "
            f"{_LARGEST:g}; 0 leaves a row out."
        )
    return weights
