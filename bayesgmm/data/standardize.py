"""Exact transformation to the standard scale and back: rows, parameters and log densities.

z = (x - shift) / factor, feature by feature. Structures whose features share one scale allow one
common factor only: other factors would change the model.

Axes: batch axes first, then rows n or components k, then features d.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from bayesgmm.data.dataset import Dataset
from bayesgmm.parameters import MixtureParameters


@dataclass(frozen=True, eq=False)
class Scaling:
    """A shift and a factor for every feature.

    Attributes
    ----------
    shift, factor : arrays, shape (d,)
        In the units of the features; the factors are positive.

    Examples
    --------
    >>> from bayesgmm.data.dataset import read_table
    >>> from bayesgmm.data.standardize import Scaling
    >>> dataset = read_table([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0]])
    >>> scaling = Scaling.of(dataset, isotropic=False)
    >>> scaling.factor
    array([ 1., 20.])
    >>> scaling.standardize(dataset).values[0]
    array([-1., -1.])
    """

    shift: Float[np.ndarray, " d"]
    factor: Float[np.ndarray, " d"]

    @classmethod
    def of(cls, dataset: Dataset, *, isotropic: bool) -> Scaling:
        """Return the scaling that centers a table and gives it unit spread.

        Parameters
        ----------
        dataset : Dataset
        isotropic : bool
            Whether all features must keep one common factor, the root mean square of their
            standard deviations.
        """
        factor = dataset.deviation
        if isotropic:
            factor = np.full(dataset.n_features, np.sqrt(np.mean(factor**2)))
        return cls(dataset.center, factor)

    @classmethod
    def identity(cls, n_features: int) -> Scaling:
        """Return the scaling that changes nothing."""
        return cls(np.zeros(n_features), np.ones(n_features))

    def standardize(self, dataset: Dataset) -> Dataset:
        """Return the table on the standard scale, with the same names."""
        # Centering comes first: values far from zero lose no digits in the subtraction of
        # their own center, as they would after a division.
        return dataset.on_scale(self.shift, self.factor)

    def restore_rows(
        self, rows: Float[np.ndarray, "*batch n d"]
    ) -> Float[np.ndarray, "*batch n d"]:
        """Return rows of the standard scale in the units of the features."""
        return rows * self.factor + self.shift

    def standardize_parameters(self, parameters: MixtureParameters) -> MixtureParameters:
        """Return parameters for the standard scale; correlations and weights do not change."""
        means = (parameters.means - self.shift) / self.factor
        return replace(parameters, means=means, scales=parameters.scales / self.factor)

    def restore(self, parameters: MixtureParameters) -> MixtureParameters:
        """Return parameters of the standard scale in the units of the features."""
        means = parameters.means * self.factor + self.shift
        return replace(parameters, means=means, scales=parameters.scales * self.factor)

    def log_jacobian(self, n_observed: float | int | Float[np.ndarray, " d"] = 1) -> float:
        """Return sum_j n_j log(factor_j), for n_j observed cells of feature j.

        The log density of rows in the units of the features is their log density on the standard
        scale minus this number.
        """
        return float(np.sum(n_observed * np.log(self.factor)))

    def log_jacobians(self, data: Dataset) -> Float[np.ndarray, " n"]:
        """Return the same number for every row of a table."""
        if not data.has_gaps:
            return np.full(data.n_rows, self.log_jacobian())
        return ~np.isnan(data.values) @ np.log(self.factor)

    def to_plain(self) -> dict[str, list[float]]:
        """Return the scaling as lists, which JSON keeps to the last bit."""
        return {"shift": self.shift.tolist(), "factor": self.factor.tolist()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Sequence[float]]) -> Scaling:
        """Read what ``to_plain`` returned."""
        return cls(np.array(plain["shift"], dtype=float), np.array(plain["factor"], dtype=float))
