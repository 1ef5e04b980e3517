"""The prior of the correlation matrices."""

from __future__ import annotations

from dataclasses import dataclass

from bayesgmm.errors import SpecificationError
from bayesgmm.priors.hyperparameters import checked_number, words


@dataclass(frozen=True)
class LKJ:
    """LKJ prior on correlation matrices (Lewandowski, Kurowicka & Joe, 2009), slightly shrunk.

    R = (1 - shrinkage) C + shrinkage I, where p(C) is proportional to det(C)^(eta - 1).

    Without shrinkage, no LKJ prior is strong enough to keep a component from collapsing onto
    rows that lie exactly in a plane, as rounded measurements often do: the density grows like
    det(C)^(eta - 1 - n/2) for n such rows, and from about 2 eta + 1 of them on the posterior
    is not even a probability distribution. The shrinkage bounds the smallest eigenvalue of R
    from below and changes nothing else that one could notice: correlations up to
    1 - shrinkage remain possible.

    Parameters
    ----------
    eta : float, default 2.0
        Shape: 1 makes all correlation matrices equally likely, larger values favour weak
        correlations.
    shrinkage : float, default 1e-4
        At least 0 and below 1. Zero gives the plain LKJ prior.

    Raises
    ------
    SpecificationError
        If ``eta`` is not positive or ``shrinkage`` not in [0, 1).

    References
    ----------
    Lewandowski, D., Kurowicka, D. and Joe, H. (2009). Generating random correlation matrices
    based on vines and extended onion method. Journal of Multivariate Analysis 100, 1989-2001.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.LKJ(eta=4.0))
    LKJ(eta 4, shrinkage 0.0001)
    """

    eta: float = 2.0
    shrinkage: float = 1e-4

    def __post_init__(self) -> None:
        object.__setattr__(self, "eta", checked_number("LKJ", "eta", self.eta))
        is_number = isinstance(self.shrinkage, int | float) and not isinstance(self.shrinkage, bool)
        if not is_number or not 0 <= self.shrinkage < 1:
            raise SpecificationError(
                f"LKJ: shrinkage must be a number from 0 up to, but not including, 1, "
                f"not {self.shrinkage!r}."
            )
        object.__setattr__(self, "shrinkage", float(self.shrinkage))

    def __str__(self) -> str:
        return f"LKJ(eta {words(self.eta)}, shrinkage {words(self.shrinkage)})"
