"""Whether an estimator has been fitted: one error that both packages know."""

from __future__ import annotations

import sklearn.exceptions
from sklearn.base import BaseEstimator

from bayesgmm.errors import NotFittedError


class EstimatorNotFittedError(NotFittedError, sklearn.exceptions.NotFittedError):
    """An answer was asked of an estimator that has not been fitted."""


def expect_estimator_fitted(estimator: BaseEstimator, attribute: str) -> None:
    """Raise unless the estimator has what its fit leaves behind."""
    if not hasattr(estimator, attribute):
        raise EstimatorNotFittedError(
            f"This {type(estimator).__name__} is not fitted yet. Call fit(X) first."
        )
