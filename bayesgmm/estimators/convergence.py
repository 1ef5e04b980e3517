"""The warning of a fit that ended too soon, under both its names."""

from __future__ import annotations

from pathlib import Path

import sklearn
from sklearn.exceptions import ConvergenceWarning as TheirConvergenceWarning

from bayesgmm.errors import ConvergenceWarning


class EstimatorConvergenceWarning(ConvergenceWarning, TheirConvergenceWarning):
    """A fit stopped before it had converged; a warning of scikit-learn's kind and of ours."""


SKLEARN = (str(Path(sklearn.__file__).parent),)
"""Where scikit-learn is: a warning in a pipeline points at the line that called it."""
