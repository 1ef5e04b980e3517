"""The prior of the component means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesgmm.priors.hyperparameters import Hyperparameter, checked, collapsed, expanded, words


@dataclass(frozen=True)
class NormalMeans:
    """Independent normal priors on the component means.

    mu_kj ~ Normal(loc_j, scale_j^2), for every component k and feature j.

    Parameters
    ----------
    loc : float, sequence of d floats, or None
        Centre of the prior, in the units of the features. ``None``, the default, takes the mean
        of each column.
    scale : float, sequence of d floats, or None
        Standard deviation of the prior, in the units of the features. ``None``, the default,
        takes twice the standard deviation of each column: components may lie anywhere among
        the rows, and somewhat beyond.

    Raises
    ------
    SpecificationError
        If ``loc`` is not finite or ``scale`` is not positive.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.NormalMeans(loc=(0.0, 5.0), scale=10.0))
    Normal(loc (0, 5), scale 10)
    """

    loc: Hyperparameter = None
    scale: Hyperparameter = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "loc", checked("NormalMeans", "loc", self.loc, positive=False))
        object.__setattr__(self, "scale", checked("NormalMeans", "scale", self.scale))

    def __str__(self) -> str:
        return f"Normal(loc {words(self.loc)}, scale {words(self.scale)})"

    def expect_features(self, n_features: int) -> None:
        """Raise a ``SpecificationError`` if the hyperparameters are for another number."""
        for name in ("loc", "scale"):
            if getattr(self, name) is not None:
                expanded("NormalMeans", name, getattr(self, name), n_features)

    def resolved(self, centre: np.ndarray, deviation: np.ndarray) -> NormalMeans:
        """Fill what is ``None`` from the means and standard deviations of the columns."""
        loc = collapsed(centre) if self.loc is None else self.loc
        scale = collapsed(2.0 * deviation) if self.scale is None else self.scale
        return NormalMeans(loc, scale)

    def standardized(self, shift: np.ndarray, factor: np.ndarray) -> NormalMeans:
        """Return the prior of (mu - shift) / factor."""
        loc = (np.asarray(self.loc) - shift) / factor
        return NormalMeans(collapsed(loc), collapsed(np.asarray(self.scale) / factor))

    def expanded(self, n_features: int) -> tuple[np.ndarray, np.ndarray]:
        """Return location and precision (one over the variance) as arrays of shape (d,)."""
        loc = expanded("NormalMeans", "loc", self.loc, n_features)
        scale = expanded("NormalMeans", "scale", self.scale, n_features)
        return loc, scale**-2
