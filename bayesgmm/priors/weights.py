"""The prior of the mixing weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesgmm.errors import SpecificationError
from bayesgmm.priors.hyperparameters import Hyperparameter, checked, words


@dataclass(frozen=True)
class Dirichlet:
    """Dirichlet prior on the mixing weights.

    p(pi) is proportional to prod_k pi_k^(a_k - 1). With concentration 1, the default, all
    weights are equally likely; below 1, components that the data do not need tend to empty out
    (Rousseau & Mengersen, 2011).

    Parameters
    ----------
    concentration : float or sequence of k floats, default 1.0
        The a_k, positive: one for all components, or one each. Unequal values give the
        components different priors, and their order is then kept.

    Raises
    ------
    SpecificationError
        If a concentration is not a positive number.

    References
    ----------
    Rousseau, J. and Mengersen, K. (2011). Asymptotic behavior of the posterior distribution in
    overfitted mixture models. Journal of the Royal Statistical Society B 73, 689-710.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.Dirichlet(0.5))
    Dirichlet(concentration 0.5)
    """

    concentration: Hyperparameter = 1.0

    def __post_init__(self) -> None:
        if self.concentration is None:
            raise SpecificationError(
                "Dirichlet: concentration must be a positive number, not None."
            )
        object.__setattr__(
            self,
            "concentration",
            checked("Dirichlet", "concentration", self.concentration, each="component"),
        )

    def __str__(self) -> str:
        return f"Dirichlet(concentration {words(self.concentration)})"

    def expanded(self, n_components: int) -> np.ndarray:
        """Return the concentrations as an array of shape (k,)."""
        numbers = np.atleast_1d(np.asarray(self.concentration, dtype=float))
        if numbers.size not in (1, n_components):
            raise SpecificationError(
                f"Dirichlet: concentration has {numbers.size} entries for {n_components} "
                "components; give one number, or one per component."
            )
        return np.broadcast_to(numbers, (n_components,)).copy()
