"""Conventions of scikit-learn: validation of rows and weights, errors, seeds, verbose output."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import sklearn.exceptions
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning as TheirConvergenceWarning
from sklearn.utils.validation import validate_data

from bayesgmm.data.alongside import read_counts
from bayesgmm.data.cells import expect_usable
from bayesgmm.data.dataset import Dataset, default_names, read_table
from bayesgmm.data.readers import unmasked
from bayesgmm.errors import ConvergenceWarning, DataError, NotFittedError
from bayesgmm.seeds import RandomSeed


class TakesMissingCells:
    """Mixin that declares to scikit-learn that NaN is allowed; to be inherited first."""

    def __sklearn_tags__(self) -> Any:
        """Return the tags of the estimator."""
        estimator: Any = super()  # which this is mixed into
        tags = estimator.__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def read_rows(estimator: BaseEstimator, X: Any, *, fitting: bool = False) -> np.ndarray:
    """Check a table as scikit-learn does, and return it as float64 (n, d); NaN is missing.

    What a masked array masks is missing, too. In a fit, number and names of the features are
    written to the estimator, and two rows are needed; later tables must agree with them.
    """
    rows = validate_data(
        estimator, _plain(X), reset=fitting, dtype=np.float64, order="C",
        ensure_all_finite="allow-nan", ensure_min_samples=2 if fitting else 1,
    )  # fmt: skip
    names = getattr(estimator, "feature_names_in_", default_names(rows.shape[1]))
    expect_usable(rows, tuple(map(str, names)), row_names(X, len(rows)))
    return rows


def _plain(X: Any) -> Any:
    """Return arrays of the kinds that scikit-learn does not know as it knows them."""
    if isinstance(X, np.ndarray) and X.dtype.names is not None:
        import pandas as pd

        return pd.DataFrame({name: unmasked(X[name]) for name in X.dtype.names})
    return unmasked(X)


def row_names(X: Any, n_rows: int) -> Shaped[np.ndarray, " n"]:
    """Return what the rows of a table are called: the index of a data frame, or numbers."""
    index = getattr(X, "index", None)
    return np.arange(n_rows) if index is None or callable(index) else np.asarray(index)


def read_sample_weight(sample_weight: Any | None, n_rows: int) -> Float[np.ndarray, " _"]:
    """Return how often each row counts (n,), or nothing (0,) where all count once.

    Raises
    ------
    DataError
        If there is not one weight for each row, one is negative or not finite, or all are zero.
    """
    if sample_weight is None:
        return np.empty(0)
    given = np.asarray(unmasked(sample_weight))
    given = np.full(n_rows, given) if given.ndim == 0 else given
    weights = read_counts(given, np.arange(n_rows))
    if not weights.any():
        raise DataError("sample_weight is zero for every row. Give a row that counts.")
    return weights


def dataset_of(
    estimator: BaseEstimator, rows: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " _"]
) -> Dataset:
    """Return rows that were read as a table under the names of the estimator's features.

    Raises
    ------
    DataError
        If nothing can be learned from a column, or weights are too small for a prior.
    """
    table: Any = rows
    if hasattr(estimator, "feature_names_in_"):
        import pandas as pd

        table = pd.DataFrame(rows, columns=estimator.feature_names_in_)
    return read_table(table, weights if weights.size else None)


class EstimatorNotFittedError(NotFittedError, sklearn.exceptions.NotFittedError):
    """An estimator has not been fitted."""


def expect_estimator_fitted(estimator: BaseEstimator, attribute: str) -> None:
    """Raise unless the estimator has what its fit leaves behind."""
    if not hasattr(estimator, attribute):
        raise EstimatorNotFittedError(
            f"This {type(estimator).__name__} is not fitted yet. Call fit(X) first."
        )


class EstimatorConvergenceWarning(ConvergenceWarning, TheirConvergenceWarning):
    """A fit stopped before it had converged; a warning of scikit-learn's kind and of ours."""


SKLEARN = (str(Path(sklearn.__file__).parent),)
"""Where scikit-learn is: a warning in a pipeline points at the line that called it."""


def seed_of(random_state: Any) -> RandomSeed:
    """Return a seed for what scikit-learn calls ``random_state``.

    A ``RandomState`` is advanced, so that two calls with one differ; all else is what the
    functions of this package take, and ``None`` means another seed in every call.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesgmm.estimators.conventions import seed_of
    >>> seed_of(7)
    7
    >>> seed_of(np.random.RandomState(0)).entropy == seed_of(np.random.RandomState(0)).entropy
    True
    """
    if isinstance(random_state, np.random.RandomState):
        return np.random.SeedSequence(random_state.randint(2**31, size=4).tolist())
    return random_state


@dataclass
class Reporter:
    """Verbose output on starts and iterations, with times from level 2.

    Attributes
    ----------
    level : int or bool
    interval : int
        Iterations between two lines.
    """

    level: int
    interval: int
    _begun: float = field(default_factory=time.perf_counter)
    _last: float = field(default_factory=time.perf_counter)

    def begin(self, number: int) -> None:
        """Report the beginning of a start."""
        self._begun = self._last = time.perf_counter()
        self._say(f"Start {number}")

    def iteration(self, number: int, gain: float) -> None:
        """Report an iteration, every ``interval`` iterations."""
        if not self.level or number % self.interval:
            return
        now = time.perf_counter()
        self._say(f"  iteration {number}", f"{now - self._last:.5f} s, lower bound {gain:+.5f}")
        self._last = now

    def end(self, lower_bound: float, *, converged: bool) -> None:
        """Report the end of a start."""
        seconds = time.perf_counter() - self._begun
        how = "converged" if converged else "did not converge"
        self._say(f"Start {how}", f"{seconds:.5f} s, lower bound {lower_bound:.5f}")

    def _say(self, text: str, details: str = "") -> None:
        if self.level:
            print(f"{text}: {details}" if self.level > 1 and details else text)
