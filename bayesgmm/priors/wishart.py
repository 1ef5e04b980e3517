"""The prior of the scale matrix of an inverse-Wishart prior."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from bayesgmm.errors import SpecificationError
from bayesgmm.priors.hyperparameters import (
    Matrix,
    as_tuples,
    checked,
    checked_matrix,
    collapsed,
    expanded_matrix,
    filled,
    words,
)
from bayesgmm.priors.scales import Columns


@dataclass(frozen=True)
class Wishart:
    """Wishart prior of the scale matrix Psi of :class:`InverseWishart`.

    With an unknown number of components only: filled components then say how wide components are,
    and empty ones follow. p(Psi) is proportional to |Psi|^((nu - d - 1) / 2) exp(-tr(V^-1 Psi) / 2)
    with nu degrees of freedom, as in SciPy's ``wishart``; its mean is nu V. With one feature
    Psi / 2 has a gamma distribution with shape nu / 2 and rate 1 / V: with ``Wishart(0.4, R**2 /
    10)`` and ``InverseWishart(4, ...)`` variances have the prior of Richardson & Green (1997).

    Parameters
    ----------
    degrees_of_freedom : float, optional
        nu, above d - 1; ``None`` is d.
    scale : float, sequence of d floats, d x d matrix, or None
        V, in *squared* units of the features, in the forms of a scale matrix. ``None``
        makes the mean of Psi that of :class:`InverseWishart` without it.

    Raises
    ------
    SpecificationError
        If ``degrees_of_freedom`` is not positive, or ``scale`` neither positive numbers nor a
        symmetric positive definite matrix.

    References
    ----------
    Richardson, S. and Green, P. J. (1997). On Bayesian analysis of mixtures with an unknown number
    of components. Journal of the Royal Statistical Society B 59, 731-792.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> covariances = bg.InverseWishart(4, bg.Wishart(0.4, 62.9))
    >>> spec = bg.MixtureSpec(bg.UniformCount(1, 30), covariances=covariances)
    """

    degrees_of_freedom: float | None = None
    scale: Matrix = None

    def __post_init__(self) -> None:
        freedom = checked("Wishart", "degrees_of_freedom", self.degrees_of_freedom, each=None)
        object.__setattr__(self, "degrees_of_freedom", freedom)
        object.__setattr__(self, "scale", checked_matrix("Wishart", "scale", self.scale))

    def __str__(self) -> str:
        freedom = "d" if self.degrees_of_freedom is None else words(self.degrees_of_freedom)
        return f"Wishart(degrees_of_freedom {freedom}, scale {words(self.scale)})"

    def resolved(self, columns: Columns, mean: np.ndarray) -> Wishart:
        """Fill what was left open, for a mean of the diagonal."""
        size = mean.size
        freedom = float(size) if self.degrees_of_freedom is None else self.degrees_of_freedom
        if freedom <= size - 1:
            raise SpecificationError(
                f"Wishart: degrees_of_freedom is {freedom:g} but must be above {size - 1}, the "
                f"number of features minus one; leave it out for {size}."
            )
        return Wishart(freedom, filled(self.scale, mean / freedom, columns.names))

    def standardized(self, factor: np.ndarray) -> Wishart:
        """Return the same prior in other units; see :meth:`ScalePrior.standardized`."""
        return replace(self, scale=rescaled(self.scale, factor))

    def matrix(self, size: int) -> Float[np.ndarray, "d d"]:
        """Return V; it must not be ``None``."""
        return expanded_matrix("Wishart", "scale", self.scale, size)

    @property
    def mean(self) -> Matrix:
        """The mean of Psi; hyperparameters must be resolved."""
        assert self.degrees_of_freedom is not None
        scale = self.degrees_of_freedom * np.asarray(self.scale, dtype=float)
        return as_tuples(scale) if scale.ndim == 2 else collapsed(scale)


def rescaled(matrix: Matrix, factor: np.ndarray) -> Matrix:
    """Return a matrix in squared units, in one of its forms, after division of the features."""
    scale = np.asarray(matrix, dtype=float)
    if scale.ndim == 2:
        return as_tuples(scale / np.outer(factor, factor))
    return collapsed(scale / factor**2)
