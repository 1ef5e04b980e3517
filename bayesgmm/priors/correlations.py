"""The prior of the correlation matrices."""

from __future__ import annotations

from dataclasses import dataclass

from bayesgmm.priors.hyperparameters import checked_number, words


@dataclass(frozen=True)
class LKJ:
    """LKJ prior on correlation matrices: p(R) proportional to det(R)^(eta - 1).

    A single correlation follows a Beta(eta + d / 2 - 1, eta + d / 2 - 1) distribution, stretched
    to (-1, 1). In two dimensions ``eta = 1`` is flat; in ten, every ``eta`` favors weak
    correlations strongly: with ``eta = 2`` a correlation of 0.8 lies beyond the 99.9th percentile
    of the prior. The default of :class:`Full` is flat in any dimension.

    Parameters
    ----------
    eta : float, default 2.0
        Shape: 1 makes all correlation matrices equally likely, larger values favor weak
        correlations.

    Raises
    ------
    SpecificationError
        If ``eta`` is not positive.

    References
    ----------
    Lewandowski, D., Kurowicka, D. and Joe, H. (2009). Generating random correlation matrices
    based on vines and extended onion method. Journal of Multivariate Analysis 100, 1989-2001.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.LKJ(eta=4.0))
    LKJ(eta 4)
    """

    eta: float = 2.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "eta", checked_number("LKJ", "eta", self.eta))

    def __str__(self) -> str:
        return f"LKJ(eta {words(self.eta)})"
