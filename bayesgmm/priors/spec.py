"""The specification of a mixture: number of components, a prior for every part, free parameters."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from bayesgmm.digits import counted
from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.mixture_prior import CovariancePrior
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.options import expect_whole_number
from bayesgmm.priors.catalog import expect_registered, part_named
from bayesgmm.priors.covariances import CovarianceStructure, Full
from bayesgmm.priors.hyperparameters import (
    ByColumn,
    Hyperparameter,
    checked,
    collapsed,
    expanded,
    expect_size,
    filled,
    has_rows,
    words,
)
from bayesgmm.priors.means import NormalMeans
from bayesgmm.priors.number import DynamicDirichlet, NumberPrior
from bayesgmm.priors.scales import Columns
from bayesgmm.priors.weights import Dirichlet


@dataclass(frozen=True)
class MixtureSpec:
    """A Gaussian mixture and its priors, before any data are seen.

    Hyperparameters with units are one number for all features, one per feature in the order of the
    columns, or a mapping from names of columns to numbers; those of means may also be one of these
    for each component. Those left at ``None``, and those of
    columns that a mapping does not name, are scaled to the data when the model is fitted, so that
    the defaults are weakly informative in any unit. They were chosen by three requirements: every
    location of rows is a plausible mean (twice the standard deviation of a column); standard
    deviations and correlations are weakly informative, however narrow or elongated a component is
    (see :class:`HalfT`); and the posterior is proper and has a mode for any
    rows, including equal rows and outliers (``resolution``). :func:`bayesgmm.prior_predictive`
    simulates from a spec.

    Parameters
    ----------
    n_components : int, or prior of the number
        Number of components, at least 1; or, where it is unknown, its prior:
        ``BetaNegativeBinomial()``, ``UniformCount()``, ``Geometric()``, ``PoissonCount()`` or
        ``FixedCount()``. ``weights=DynamicDirichlet()`` and
        ``covariances=InverseWishart(scale_matrix=Wishart())`` are recommended with it.
    weights : Dirichlet or DynamicDirichlet, default Dirichlet(1.0)
        Prior of the mixing weights. ``DynamicDirichlet()`` is for an unknown number of components.
    means : NormalMeans, default NormalMeans()
        Prior of the component means.
    covariances : covariance structure, default Full()
        One of ``Full``, ``Tied``, ``Diagonal``, ``Spherical``, ``TiedDiagonal``,
        ``TiedSpherical``, ``InverseWishart``, ``TiedInverseWishart`` and ``Factors``, with its
        priors.
    resolution : float, sequence of d floats, mapping, or None
        How finely the columns were recorded, in the units of the features. Partial standard
        deviations, of one feature given all others, well below resolution / sqrt(12), the standard
        deviation of a rounding error, have prior density zero: the prior of a covariance matrix
        is multiplied by exp(-sum_j (resolution_j^2 (Sigma^-1)_jj / 12)^4). Without this, equal
        rows, or rows in a plane, would lead to components of zero width. ``None`` takes the
        smallest distance between different values of a column, or 3.5e-5 of its spread if that is
        more. Inverse-Wishart priors vanish at singular matrices and are left as they are.

    Raises
    ------
    SpecificationError
        If ``n_components`` is not a positive integer or a prior of one, or a prior is not one of
        the above, nor a class that was registered (``bayesgmm.priors.catalog.register``); if priors
        of components differ although their number is unknown, or a hyperparameter has a prior
        although it is known.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> spec = bg.MixtureSpec(n_components=2, covariances=bg.Diagonal())
    >>> print(spec)
    Gaussian mixture with 2 components
      weights      ~ Dirichlet(concentration 1)
      means        ~ Normal(loc scaled to the data, scale scaled to the data)
      covariances  : Diagonal (own variances, no correlations)
      scales       ~ HalfT(scale scaled to the data, degrees_of_freedom 2)
      resolution   : scaled to the data
    >>> bg.MixtureSpec.from_json(spec.to_json()) == spec
    True
    """

    n_components: Any  # a whole number, or a NumberPrior
    weights: Dirichlet | DynamicDirichlet = field(default_factory=Dirichlet)
    means: NormalMeans = field(default_factory=NormalMeans)
    covariances: CovarianceStructure = field(default_factory=Full)
    resolution: Hyperparameter = None

    def __post_init__(self) -> None:
        resolution = checked("MixtureSpec", "resolution", self.resolution, by_column=True)
        object.__setattr__(self, "resolution", resolution)
        if not self.infers_number:
            expect_whole_number("n_components", self.n_components)
            object.__setattr__(self, "n_components", int(self.n_components))
        for name, kind, example in (
            ("weights", Dirichlet | DynamicDirichlet, "Dirichlet(1.0)"),
            ("means", NormalMeans, "NormalMeans()"),
            ("covariances", CovarianceStructure, "Full() or Tied()"),
        ):
            if not isinstance(getattr(self, name), kind):
                named = getattr(kind, "__name__", "Dirichlet")
                raise SpecificationError(
                    f"{name} must be a {named} such as {example}, not {getattr(self, name)!r}."
                )
        if self.infers_number:
            self._expect_alike()
        else:
            self._expect_for_known_number()
        for part in _parts_of(self):
            expect_registered(part)

    def _expect_alike(self) -> None:
        """Raise unless components have one prior, as any number of them may come."""
        per_component = {
            "Dirichlet: concentration": isinstance(
                getattr(self.weights, "concentration", None), tuple
            ),
            "NormalMeans: loc": has_rows(self.means.loc),
            "NormalMeans: scale": has_rows(self.means.scale),
        }
        for name, is_given in per_component.items():
            if is_given:
                raise SpecificationError(
                    f"{name} has entries for each component, and the number of components is "
                    "unknown: give one for all, or a number of components."
                )

    def _expect_for_known_number(self) -> None:
        """Raise if a prior is for an unknown number of components only, or for another number."""
        only = {
            str(self.weights): isinstance(self.weights, DynamicDirichlet),
            str(self.covariances.hyperprior): self.covariances.hyperprior is not None,
        }
        for name, is_given in only.items():
            if is_given:
                raise SpecificationError(
                    f"{name} is for an unknown number of components. Give n_components a prior: "
                    f"FixedCount({self.n_components}) if the number is known after all."
                )
        assert isinstance(self.weights, Dirichlet)
        if isinstance(self.weights.concentration, tuple):
            self.weights.expanded(self.n_components)
        self.means.expect_components(self.n_components)

    @property
    def infers_number(self) -> bool:
        """Whether the number of components is unknown and has a prior."""
        return isinstance(self.n_components, NumberPrior)

    def expect_known_number(self, who: str) -> None:
        """Raise if the number of components has a prior, which the function ``who`` cannot take.

        Raises
        ------
        SpecificationError
            If it has.
        """
        if self.infers_number:
            raise SpecificationError(
                f"{who} needs a known number of components, and n_components has the prior "
                f"{self.n_components}. Give a number, or infer it: bayesgmm.fit(X, spec)."
            )

    @property
    def most_components(self) -> int:
        """The number of components, or the largest one that its prior allows."""
        return self.n_components.largest if self.infers_number else self.n_components

    def given(self, n_components: int) -> MixtureSpec:
        """Return the spec for this number of components, hyperparameters at their prior means.

        It is the spec itself where the number is known.
        """
        if not self.infers_number:
            return self
        concentration = float(self.weights.expanded(n_components)[0])
        return replace(
            self,
            n_components=n_components,
            weights=Dirichlet(concentration),
            covariances=self.covariances.at_mean_of_hyperprior(),
        )

    def expect_features(self, n_features: int) -> None:
        """Raise a ``SpecificationError`` if a prior has another number of features."""
        self.means.expect_features(n_features)
        self.covariances.expect_features(n_features)
        expect_size("MixtureSpec", "resolution", self.resolution, n_features)

    def resolved(self, columns: Columns) -> MixtureSpec:
        """Fill every hyperparameter that was left open from summaries of the columns."""
        resolution = self.resolution
        if resolution is not None or not self.covariances.conjugate:
            resolution = filled(resolution, columns.resolution, columns.names)
        return replace(
            self,
            means=self.means.resolved(columns),
            covariances=self.covariances.resolved(columns),
            resolution=resolution,
        )

    def covariance_prior(self, n_features: int, *, of_mode: bool = False) -> CovariancePrior:
        """Return the prior of every free covariance matrix as numbers.

        With ``of_mode``, the density over the coordinates of the mode.
        """
        structure = self.covariances
        if of_mode:
            prior = structure.mode_prior(n_features, self.n_components)
        else:
            prior = structure.prior(n_features)
        return prior._replace(floor=self.floor(n_features))

    def of_each_component(self, n_features: int) -> Float[np.ndarray, "k h"]:
        """Return the hyperparameters of weights and means, a row for each component.

        Components are exchangeable a priori where their rows are equal.
        """
        n_components = self.n_components
        means = self.means.expanded(n_components, n_features)
        return np.column_stack([self.weights.expanded(n_components), *means])

    def floor(self, n_features: int) -> np.ndarray:
        """Return the floor of partial standard deviations, one for every free scale."""
        if self.covariances.conjugate:
            return np.zeros(n_features)
        resolution = expanded("MixtureSpec", "resolution", self.resolution, n_features)
        if self.covariances.isotropic:
            resolution = np.sqrt(np.mean(resolution**2, keepdims=True))
        return resolution / math.sqrt(12)

    def standardized(self, shift: np.ndarray, factor: np.ndarray) -> MixtureSpec:
        """Return the same prior for (x - shift) / factor; every prior must be resolved."""
        resolution = self.resolution
        if resolution is not None:
            resolution = collapsed(np.asarray(resolution) / factor)
        return replace(
            self,
            means=self.means.standardized(shift, factor),
            covariances=self.covariances.standardized(factor),
            resolution=resolution,
        )

    def to_json(self) -> str:
        """Write the spec as JSON; ``from_json`` reads it back unchanged."""
        return json.dumps(_as_plain(self))

    @classmethod
    def from_json(cls, text: str) -> MixtureSpec:
        """Read a spec that ``to_json`` wrote.

        Raises
        ------
        SpecificationError
            If the text is not JSON, or does not describe a spec.
        """
        try:
            value = _from_plain(json.loads(text))
        except SpecificationError:
            raise
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise SpecificationError(
                f"This text does not describe a MixtureSpec: {error}"
            ) from error
        if not isinstance(value, cls):
            raise SpecificationError(f"This JSON describes {value!r}, not a MixtureSpec.")
        return value

    def __str__(self) -> str:
        size = f"K ~ {self.n_components} components"
        if not self.infers_number:
            size = counted(self.n_components, "component")
        lines = [
            f"Gaussian mixture with {size}",
            f"  weights      ~ {self.weights}",
            f"  means        ~ {self.means}",
            *(f"  {name} {text}" for name, text in self.covariances.sentences().items()),
        ]
        if not self.covariances.conjugate:
            lines.append(f"  resolution   : {words(self.resolution)}")
        return "\n".join(lines)


def _parts_of(value: Any) -> Iterator[Any]:
    """Go through the priors in a spec, and those in them."""
    for item in fields(value):
        part = getattr(value, item.name)
        if is_dataclass(part):
            yield part
            yield from _parts_of(part)


def _as_plain(value: Any) -> Any:
    if isinstance(value, ByColumn):
        return dict(value)
    if isinstance(value, tuple):
        return [_as_plain(part) for part in value]
    if not is_dataclass(value):
        return value
    parts = {item.name: _as_plain(getattr(value, item.name)) for item in fields(value)}
    return {"class": type(value).__name__, **parts}


def _from_plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_plain(part) for part in value)
    if not isinstance(value, dict):
        return value
    if not isinstance(value.get("class"), str):
        return value  # numbers by the names of columns, one of which may be "class"
    parts = {name: _from_plain(part) for name, part in value.items() if name != "class"}
    return part_named(value["class"])(**parts)


def layout_of(spec: MixtureSpec, n_features: int) -> Layout:
    """Return the layout of the spec's parameters for this number of features."""
    return Layout(spec.covariances.covariance_map(spec.n_components, n_features))
