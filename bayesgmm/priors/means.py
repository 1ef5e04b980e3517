"""The prior of the component means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesgmm.priors.hyperparameters import (
    Hyperparameter,
    checked,
    collapsed,
    expanded,
    expect_size,
    filled,
    words,
)
from bayesgmm.priors.scales import Columns


@dataclass(frozen=True)
class NormalMeans:
    """Independent normal priors on the component means.

    mu_kj ~ Normal(loc_j, scale_j^2), for every component k and feature j.

    Parameters
    ----------
    loc : float, sequence of d floats, mapping, or None
        Centre of the prior, in the units of the features. ``None``, the default, takes the mean
        of each column. A mapping has numbers by the names of columns; those that it does not name
        are left to the default.
    scale : float, sequence of d floats, mapping, or None
        Standard deviation of the prior, in the units of the features. ``None``, the default,
        takes twice the standard deviation of each column: components may lie anywhere among
        the rows, and somewhat beyond. A mapping is read as that of ``loc``.

    Raises
    ------
    SpecificationError
        If ``loc`` is not finite or ``scale`` is not positive.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.NormalMeans(loc=(0.0, 5.0), scale=10.0))
    Normal(loc (0, 5), scale 10)
    >>> print(bg.NormalMeans(loc={"age": 40.0}))
    Normal(loc (age 40, others scaled to the data), scale scaled to the data)
    """

    loc: Hyperparameter = None
    scale: Hyperparameter = None

    def __post_init__(self) -> None:
        for name, positive in (("loc", False), ("scale", True)):
            given = getattr(self, name)
            value = checked("NormalMeans", name, given, positive=positive, by_column=True)
            object.__setattr__(self, name, value)

    def __str__(self) -> str:
        return f"Normal(loc {words(self.loc)}, scale {words(self.scale)})"

    def expect_features(self, n_features: int) -> None:
        """Raise a ``SpecificationError`` if the hyperparameters are for another number."""
        for name in ("loc", "scale"):
            expect_size("NormalMeans", name, getattr(self, name), n_features)

    def resolved(self, columns: Columns) -> NormalMeans:
        """Fill what was left open from the means and standard deviations of the columns."""
        return NormalMeans(
            filled(self.loc, columns.centre, columns.names),
            filled(self.scale, 2.0 * columns.deviation, columns.names),
        )

    def standardized(self, shift: np.ndarray, factor: np.ndarray) -> NormalMeans:
        """Return the prior of (mu - shift) / factor."""
        loc = (np.asarray(self.loc) - shift) / factor
        return NormalMeans(collapsed(loc), collapsed(np.asarray(self.scale) / factor))

    def expanded(self, n_features: int) -> tuple[np.ndarray, np.ndarray]:
        """Return location and precision (one over the variance) as arrays of shape (d,)."""
        loc = expanded("NormalMeans", "loc", self.loc, n_features)
        scale = expanded("NormalMeans", "scale", self.scale, n_features)
        return loc, scale**-2
