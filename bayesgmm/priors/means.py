"""The prior of the component means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesgmm.priors.hyperparameters import (
    Hyperparameter,
    Rows,
    checked_rows,
    collapsed_rows,
    expanded_rows,
    expect_rows,
    expect_size,
    filled_rows,
    has_rows,
    words,
)
from bayesgmm.priors.scales import Columns


@dataclass(frozen=True)
class NormalMeans:
    """Independent normal priors on the component means.

    mu_kj ~ Normal(loc_kj, scale_kj^2), for every component k and feature j; by default loc and
    scale are the same for all components.

    Parameters
    ----------
    loc : float, sequence of d floats, mapping, None, or one row per component
        Center of the prior, in the units of the features. ``None``, the default, takes the mean
        of each column. A mapping has numbers by the names of columns; those that it does not name
        have the default. An array of shape (k, d), or a sequence of k entries, gives every
        component a prior of its own; each entry is d numbers, a mapping, or ``None``. Components
        whose priors differ are not exchangeable: EM assigns them to match their priors, and they
        keep their order.
    scale : float, sequence of d floats, mapping, None, or one row per component
        Standard deviation of the prior, in the units of the features. ``None``, the default,
        takes twice the standard deviation of each column: components may lie anywhere among
        the rows, and somewhat beyond. Other values as for ``loc``.

    Raises
    ------
    SpecificationError
        If ``loc`` is not finite or ``scale`` is not positive.

    Notes
    -----
    Priors that differ, but overlap, do not prevent the exchange of two components: the
    posterior then has a mode for each order. EM also tries the most probable exchanges, so
    they are among the optima that chains may start at (``NUTS(init="multi")``), and
    :func:`diagnose` reports those with mass that no chain has visited.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.NormalMeans(loc=(0.0, 5.0), scale=10.0))
    Normal(loc (0, 5), scale 10)
    >>> print(bg.NormalMeans(loc={"age": 40.0}))
    Normal(loc (age 40, others scaled to the data), scale scaled to the data)

    Two components of faithful, the first of which is that of short eruptions:

    >>> X = bg.datasets.load("faithful")
    >>> means = bg.NormalMeans(
    ...     loc=[{"eruptions": 2.0}, {"eruptions": 4.5}],
    ...     scale=[{"eruptions": 0.5}, {"eruptions": 0.5}],
    ... )
    >>> point = bg.estimate(X, bg.MixtureSpec(2, means=means), random_seed=1)
    >>> point.means[:, 0].round()
    array([2., 4.])
    """

    loc: Hyperparameter | Rows = None
    scale: Hyperparameter | Rows = None

    def __post_init__(self) -> None:
        for name, positive in (("loc", False), ("scale", True)):
            value = checked_rows("NormalMeans", name, getattr(self, name), positive=positive)
            object.__setattr__(self, name, value)

    def __str__(self) -> str:
        return f"Normal(loc {words(self.loc)}, scale {words(self.scale)})"

    def expect_components(self, n_components: int) -> None:
        """Raise a ``SpecificationError`` if there are rows for another number of components."""
        for name in ("loc", "scale"):
            expect_rows("NormalMeans", name, getattr(self, name), n_components=n_components)

    def expect_features(self, n_features: int) -> None:
        """Raise a ``SpecificationError`` if the hyperparameters are for another number."""
        for name in ("loc", "scale"):
            value = getattr(self, name)
            if has_rows(value):
                expect_rows("NormalMeans", name, value, n_features=n_features)
            else:
                expect_size("NormalMeans", name, value, n_features)

    def resolved(self, columns: Columns) -> NormalMeans:
        """Fill what was left open from the means and standard deviations of the columns."""
        return NormalMeans(
            filled_rows(self.loc, columns.center, columns.names),
            filled_rows(self.scale, 2.0 * columns.deviation, columns.names),
        )

    def standardized(self, shift: np.ndarray, factor: np.ndarray) -> NormalMeans:
        """Return the prior of (mu - shift) / factor."""
        loc = (np.asarray(self.loc) - shift) / factor
        return NormalMeans(collapsed_rows(loc), collapsed_rows(np.asarray(self.scale) / factor))

    def expanded(self, n_components: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
        """Return location and precision (one over the variance) as arrays of shape (k, d)."""
        shape = n_components, n_features
        loc = expanded_rows("NormalMeans", "loc", self.loc, *shape)
        scale = expanded_rows("NormalMeans", "scale", self.scale, *shape)
        return loc, scale**-2
