"""Specs from the parameters of estimators, and covariance matrices in the shapes of scikit-learn.

The shapes are (k, d, d), (k, d) or (k,); for a tied matrix (d, d), (d,) or (). Internally there is
always a leading axis of m matrices, see ``estimation/regularized.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.priors.catalog import SPELLINGS, structure_named, structures_by_likelihood
from bayesgmm.priors.covariances import CovarianceStructure
from bayesgmm.priors.inverse_wishart import InverseWishart
from bayesgmm.priors.number import BetaNegativeBinomial, DynamicDirichlet, NumberPrior
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.priors.wishart import Wishart

_OF_THE_SPEC = ("weights", "means", "resolution")


def structure_of(covariance_type: Any) -> CovarianceStructure:
    """Return a covariance structure that is given as such or by name.

    Raises
    ------
    SpecificationError
        If it is neither.

    Examples
    --------
    >>> from bayesgmm.estimators.spec_from_parameters import structure_of
    >>> type(structure_of("tied-diagonal")).__name__
    'TiedDiagonal'
    """
    if isinstance(covariance_type, str):
        return structure_named(covariance_type)
    if isinstance(covariance_type, CovarianceStructure):
        return covariance_type
    raise SpecificationError(
        "covariance_type must be a name such as 'full' or a covariance structure such as Full(), "
        f"not {covariance_type!r}."
    )


def spec_of(n_components: int, covariance_type: Any, priors: Any) -> MixtureSpec:
    """Return the spec that the parameters of an estimator describe.

    Parameters
    ----------
    n_components : int
    covariance_type : str or CovarianceStructure
    priors : MixtureSpec, mapping or None
        A whole spec, which must be for ``n_components`` and, unless ``covariance_type`` is
        ``"full"``, have a structure of that kind; or priors by the names of the parts that they
        belong to: ``weights``, ``means``, and the parts of the covariance structure, such as
        ``scales`` and ``correlations``.

    Raises
    ------
    SpecificationError
        If they contradict each other, or a name is not that of a part.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.estimators.spec_from_parameters import spec_of
    >>> print(spec_of(2, "diag", {"weights": bg.Dirichlet(0.5), "scales": bg.HalfNormal(2.0)}))
    Gaussian mixture with 2 components
      weights      ~ Dirichlet(concentration 0.5)
      means        ~ Normal(loc scaled to the data, scale scaled to the data)
      covariances  : Diagonal (own variances, no correlations)
      scales       ~ HalfNormal(scale 2)
      resolution   : scaled to the data
    """
    structure = structure_of(covariance_type)
    if isinstance(n_components, str):
        n_components, weights = unknown_number(n_components)
        if covariance_type == "full" and not isinstance(priors, MixtureSpec) and not priors:
            structure = WIDTHS_INFERRED
        if not isinstance(priors, MixtureSpec):
            priors = {"weights": weights, **(priors or {})}
    if priors is None:
        return MixtureSpec(n_components, covariances=structure)
    if isinstance(priors, MixtureSpec):
        _expect_agreement(priors, n_components, structure, covariance_type)
        return priors
    if not isinstance(priors, Mapping):
        raise SpecificationError(
            "priors must be a MixtureSpec, a mapping such as {'weights': Dirichlet(0.5)}, or "
            f"None, not {priors!r}."
        )
    _expect_parts(priors, structure)
    of_spec = {name: prior for name, prior in priors.items() if name in _OF_THE_SPEC}
    of_structure = {name: prior for name, prior in priors.items() if name not in of_spec}
    if "correlations" in of_structure:  # the default scales have correlations of their own
        of_structure = {"scales": None, **of_structure}
    return MixtureSpec(n_components, covariances=replace(structure, **of_structure), **of_spec)


WIDTHS_INFERRED = InverseWishart(scale_matrix=Wishart())
"""Full covariance matrices for an unknown number of components.

The rows say how wide components are. Under :class:`Full` a component may be as narrow as the
resolution, and there are chains that find such ones where values are equal, and others that do not.
"""


def unknown_number(name: str) -> tuple[NumberPrior, DynamicDirichlet]:
    """Return the priors of the number of components and of the weights that ``"auto"`` stands for.

    Those that Fruehwirth-Schnatter, Malsiner-Walli & Gruen (2021) recommend.

    Raises
    ------
    SpecificationError
        If it is another name.
    """
    if name != "auto":
        raise SpecificationError(
            f'n_components must be a number, a prior of it, or "auto", not {name!r}.'
        )
    return BetaNegativeBinomial(), DynamicDirichlet()


def _expect_parts(priors: Mapping[str, Any], structure: CovarianceStructure) -> None:
    known = [*_OF_THE_SPEC, *(item.name for item in fields(structure))]
    unknown = [name for name in priors if name not in known]
    if unknown:
        raise SpecificationError(
            f"priors: {unknown} are not parts of a mixture of this structure, "
            f"{type(structure).__name__}; its parts are {known}."
        )


def _expect_agreement(
    spec: MixtureSpec, n_components: int, structure: CovarianceStructure, covariance_type: Any
) -> None:
    if not spec.infers_number and spec.n_components != n_components:
        raise SpecificationError(
            f"priors is a MixtureSpec for n_components={spec.n_components}, but n_components is "
            f"{n_components!r}. Make them equal; a mapping of priors suits any number."
        )
    if covariance_type != "full" and type(spec.covariances) is not type(structure):
        raise SpecificationError(
            f"priors is a MixtureSpec with the structure {type(spec.covariances).__name__}, but "
            f"covariance_type is {covariance_type!r}. Leave covariance_type out."
        )


STRUCTURES = structures_by_likelihood()
"""The structures with distinct maximum likelihood."""

STRUCTURES |= {spelling: STRUCTURES[name] for spelling, name in SPELLINGS.items()}


def to_sklearn(structure: CovarianceStructure, matrices: Float[np.ndarray, "m ..."]) -> np.ndarray:
    """Return matrices in the shape that users see."""
    if structure.isotropic:
        matrices = matrices[:, 0]
    return matrices[0] if structure.tied else matrices


def compact(
    covariances: Float[np.ndarray, "k d d"], structure: CovarianceStructure
) -> Float[np.ndarray, ...]:
    """Return whole matrices, one for each component, in the shape that users see.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesgmm as bg
    >>> from bayesgmm.estimators.spec_from_parameters import compact
    >>> compact(np.array([2.0 * np.eye(3), 3.0 * np.eye(3)]), bg.Spherical())
    array([2., 3.])
    """
    if not structure.correlated:
        covariances = np.diagonal(covariances, axis1=-2, axis2=-1)
    return to_sklearn(structure, covariances)


def sklearn_shape(structure: CovarianceStructure, k: int, d: int) -> tuple[int, ...]:
    """Return that shape."""
    features = (d, d) if structure.correlated else () if structure.isotropic else (d,)
    return features if structure.tied else (k, *features)


def from_sklearn(structure: CovarianceStructure, matrices: Float[np.ndarray, ...]) -> np.ndarray:
    """Return matrices that a user gave with all their axes."""
    matrices = matrices[None] if structure.tied else matrices
    return matrices[:, None] if structure.isotropic else matrices


def n_parameters(structure: CovarianceStructure, k: int, d: int) -> int:
    """Return the number of free parameters of a mixture."""
    return Layout(structure.covariance_map(k, d)).size
