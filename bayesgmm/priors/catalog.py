"""The parts of a spec by name: one table, read by files, the command line and the estimators.

A name in a file becomes an object only through this table, so that a file cannot reach any other
class. The table holds the names of modules, which are imported on first use: a list of
names needs no import.
"""

from __future__ import annotations

from importlib import import_module

from bayesgmm.errors import SpecificationError

# Only what costs no time is imported: ``import bayesgmm`` reads this table.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

    from bayesgmm.priors.covariances import CovarianceStructure

PRIOR_HOMES = {
    "priors.spec": ("MixtureSpec",),
    "priors.number": (
        "BetaNegativeBinomial", "UniformCount", "Geometric", "PoissonCount", "FixedCount",
        "DynamicDirichlet",
    ),
    "priors.weights": ("Dirichlet",),
    "priors.means": ("NormalMeans",),
    "priors.scales": (
        "HalfT", "HalfNormal", "LogNormal", "Exponential", "Gamma", "InverseGamma",
    ),
    "priors.correlations": ("LKJ",),
    "priors.wishart": ("Wishart",),
}  # fmt: skip
STRUCTURE_HOMES = {
    "priors.covariances": (
        "Full", "Tied", "Diagonal", "Spherical", "TiedDiagonal", "TiedSpherical",
    ),
    "priors.inverse_wishart": ("InverseWishart", "TiedInverseWishart"),
    "priors.factors": ("Factors",),
}  # fmt: skip

_OWN_STRUCTURES = [name for names in STRUCTURE_HOMES.values() for name in names]
_PARTS: dict[str, str | type] = {
    name: f"bayesgmm.{home}"
    for home, names in {**PRIOR_HOMES, **STRUCTURE_HOMES}.items()
    for name in names
}
"""The module of every part of a spec, or, of one from outside of the package, its class."""

SPELLINGS = {"diag": "diagonal"}
"""Other names of the same, as scikit-learn gives them."""


def register[Part](part: type[Part]) -> type[Part]:
    """Add a scale prior or a covariance structure from outside the package, as a decorator.

    Specs that hold it can then be fitted, written and read again, in every process that has
    imported the module of the class. Redefining a class replaces the previous definition.

    Raises
    ------
    SpecificationError
        If it is not a frozen dataclass, or another class has its name.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import bayesgmm as bg
    >>> from bayesgmm.priors.catalog import register, structure_named
    >>> @register
    ... @dataclass(frozen=True)
    ... class OneWidth(bg.TiedSpherical):
    ...     '''All components are balls of one width.'''
    >>> print(structure_named("one-width"))
    OneWidth, scales ~ HalfT(scale scaled to the data, degrees_of_freedom 2)
    """
    name, made = part.__name__, getattr(part, "__dataclass_params__", None)
    if made is None or not made.frozen:
        raise SpecificationError(f"{name} must be a dataclass, with @dataclass(frozen=True).")
    known = _PARTS.get(name, part)
    if isinstance(known, str) or _origin(known) != _origin(part):
        raise SpecificationError(
            f"There is a prior or a covariance structure {name} already; give the class another "
            "name."
        )
    _PARTS[name] = part
    return part


def expect_registered(part: object) -> None:
    """Raise unless the class of an object is in the table, so that a file can name it."""
    kind = type(part)
    if part_named(kind.__name__) is not kind:
        raise SpecificationError(
            f"Another class than that of {part!r} is registered as {kind.__name__}. Make the "
            "object anew."
        )


def part_named(name: str) -> type:
    """Return the class of this name.

    Raises
    ------
    SpecificationError
        If it is not in the table.
    """
    if name not in _PARTS:
        raise SpecificationError(
            f"No prior or covariance structure {name!r} is known here. If it is defined outside of "
            "bayesgmm, decorate its class with bayesgmm.priors.catalog.register, and import the "
            "module of the class first."
        )
    known = _PARTS[name]
    return getattr(import_module(known), name) if isinstance(known, str) else known


def typed(name: str) -> str:
    """Return a name as it is typed: ``TiedDiagonal`` is ``tied-diagonal``.

    Examples
    --------
    >>> from bayesgmm.priors.catalog import typed
    >>> typed("TiedInverseWishart"), typed("NUTS")
    ('tied-inverse-wishart', 'nuts')
    """
    pairs = zip(" " + name, name, strict=False)
    return "".join(
        f"-{here}" if here.isupper() and (before.islower() or before.isdigit()) else here
        for before, here in pairs
    ).lower()


def structure_names() -> list[str]:
    """Return the covariance structures of the package, as they are typed."""
    return [typed(name) for name in _OWN_STRUCTURES]


def structure_named(name: str) -> CovarianceStructure:
    """Return the covariance structure of this name, with its default priors.

    Raises
    ------
    SpecificationError
        If there is no such structure.

    Examples
    --------
    >>> from bayesgmm.priors.catalog import structure_named
    >>> structure_named("diag") == structure_named("diagonal")
    True
    """
    known = {typed(own): own for own in [*_OWN_STRUCTURES, *_structures_from_outside()]}
    spelled = SPELLINGS.get(name, name)
    if spelled not in known:
        raise SpecificationError(
            f"There is no covariance structure {name!r}; choose one of {list(known)}."
        )
    return part_named(known[spelled])()


def structures_by_likelihood() -> dict[str, CovarianceStructure]:
    """Return the structures whose maximum likelihood differs, by the names that are typed.

    Those with other priors of the same covariance matrices are left out.
    """
    kinds: dict[Hashable, str] = {}
    for name in structure_names():
        kinds.setdefault(structure_named(name).covariance_map(1, 1), name)
    return {name: structure_named(name) for name in kinds.values()}


def _structures_from_outside() -> list[str]:
    from bayesgmm.priors.covariances import CovarianceStructure

    outside = {name: part for name, part in _PARTS.items() if isinstance(part, type)}
    return [name for name, part in outside.items() if issubclass(part, CovarianceStructure)]


def _origin(part: type) -> tuple[str, str]:
    return part.__module__, part.__qualname__
