"""What can go wrong, by name.

Every message says what was expected, what came (which column, which rows, how many) and how to
mend it.
"""


class BayesGMMError(Exception):
    """Any error that the package raises on purpose."""


class DataError(BayesGMMError, ValueError):
    """The table of data cannot be used as it is."""


class SpecificationError(BayesGMMError, ValueError):
    """A model, prior, engine or option was asked for that makes no sense."""


class SchemaError(BayesGMMError, ValueError):
    """A tree lacks a group, variable or dimension that it should have."""


class NotFittedError(BayesGMMError, ValueError, AttributeError):
    """An answer was asked of an estimator that has not been fitted."""


class MissingDependencyError(BayesGMMError, ImportError):
    """An optional package is needed and not installed."""


class BayesGMMWarning(UserWarning):
    """Any warning that the package gives."""


class ConvergenceWarning(BayesGMMWarning):
    """A computation stopped before it had converged."""


class LabelSwitchingWarning(BayesGMMWarning):
    """The labels of the components moved during sampling."""
