"""The covariance structures by name, for those who type: the command line and the estimators."""

from __future__ import annotations

from bayesgmm.errors import SpecificationError
from bayesgmm.priors.covariances import (
    CovarianceStructure,
    Diagonal,
    Full,
    Spherical,
    Tied,
    TiedDiagonal,
    TiedSpherical,
)
from bayesgmm.priors.inverse_wishart import InverseWishart, TiedInverseWishart

STRUCTURES: dict[str, type[CovarianceStructure]] = {
    "full": Full,
    "tied": Tied,
    "diagonal": Diagonal,
    "spherical": Spherical,
    "tied-diagonal": TiedDiagonal,
    "tied-spherical": TiedSpherical,
    "inverse-wishart": InverseWishart,
    "tied-inverse-wishart": TiedInverseWishart,
}

_SPELLINGS = {"diag": "diagonal"}
"""Other names of the same, as scikit-learn gives them."""


def structure_named(name: str) -> CovarianceStructure:
    """Return the covariance structure of this name, with its default priors.

    Raises
    ------
    SpecificationError
        If there is no such structure.

    Examples
    --------
    >>> from bayesgmm.priors.catalogue import structure_named
    >>> structure_named("diag") == structure_named("diagonal")
    True
    """
    known = _SPELLINGS.get(name, name)
    if known not in STRUCTURES:
        raise SpecificationError(
            f"There is no covariance structure {name!r}; choose one of {list(STRUCTURES)}."
        )
    return STRUCTURES[known]()
