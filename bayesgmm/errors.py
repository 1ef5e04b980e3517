"""The errors and warnings of the package.

Every message says what was expected, what was given (which column, which rows, how many) and how to
fix it.
"""

import os
import warnings

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


class BayesGMMError(Exception):
    """Any error that the package raises on purpose.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> try:
    ...     bg.MixtureSpec(n_components=0)
    ... except bg.BayesGMMError as error:
    ...     print(type(error).__name__)
    SpecificationError
    """


class DataError(BayesGMMError, ValueError):
    """The table of data cannot be used as it is.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.estimate([["a", "b"]], bg.MixtureSpec(n_components=1))
    Traceback (most recent call last):
    ...
    bayesgmm.errors.DataError: ...
    """


class SpecificationError(BayesGMMError, ValueError):
    """An invalid model, prior, engine or option.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.NUTS(draws=0)
    Traceback (most recent call last):
    ...
    bayesgmm.errors.SpecificationError: ...
    """


class SchemaError(BayesGMMError, ValueError):
    """A tree lacks a group, variable or dimension that it should have.

    Examples
    --------
    >>> import bayesgmm as bg, xarray as xr
    >>> bg.diagnose(xr.DataTree())
    Traceback (most recent call last):
    ...
    bayesgmm.errors.SchemaError: ...
    """


class NotFittedError(BayesGMMError, ValueError, AttributeError):
    """An estimator has not been fitted."""


class MissingDependencyError(BayesGMMError, ImportError):
    """An optional dependency is not installed."""


class BayesGMMWarning(UserWarning):
    """Any warning that the package gives.

    Examples
    --------
    >>> import bayesgmm as bg, warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", bg.BayesGMMWarning)  # of a row without a cell
    ...     point = bg.estimate([[1.0], [2.0], [float("nan")]], bg.MixtureSpec(1), random_seed=1)
    """


class ConvergenceWarning(BayesGMMWarning):
    """A computation stopped before it had converged.

    Examples
    --------
    >>> import bayesgmm as bg, warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     likelihood = bg.EM(objective="likelihood")
    ...     point = bg.estimate([[1.0], [1.0], [2.0]], bg.MixtureSpec(2), solver=likelihood)
    >>> [warning.category.__name__ for warning in caught]
    ['ConvergenceWarning']
    """


class LabelSwitchingWarning(BayesGMMWarning):
    """The labels of the components switched during sampling.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> issubclass(bg.LabelSwitchingWarning, bg.BayesGMMWarning)
    True
    """


def warn(
    message: str, category: type[Warning] = BayesGMMWarning, *, beyond: tuple[str, ...] = ()
) -> None:
    """Warn at the line that called the package, whatever the depth of the stack.

    Parameters
    ----------
    message : str
    category : type, default BayesGMMWarning
    beyond : tuple of str
        Folders of other packages whose frames are passed over, too.

    Examples
    --------
    >>> import warnings
    >>> from bayesgmm.errors import warn
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("2 rows have no observed cell.")
    >>> caught[0].category.__name__
    'BayesGMMWarning'
    """
    warnings.warn(message, category, skip_file_prefixes=(_PACKAGE, *beyond))
