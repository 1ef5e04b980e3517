"""An estimation problem: data and priors, in their own units and on the standard scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bayesgmm.data.dataset import Dataset, read_table
from bayesgmm.data.standardize import Scaling
from bayesgmm.data.suitability import (
    expect_enough_rows,
    expect_like_units,
    judge_relations,
)
from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.priors.covariances import CorrelatedStructure
from bayesgmm.priors.scales import Columns
from bayesgmm.priors.spec import MixtureSpec, layout_of


@dataclass(frozen=True, eq=False)
class Problem:
    """A compatible table and spec.

    Attributes
    ----------
    data : Dataset
        In the units of the data.
    spec : MixtureSpec
        In the units of the data, every ``None`` replaced by a number scaled to the data.
    """

    data: Dataset
    spec: MixtureSpec

    @classmethod
    def pose(
        cls,
        X: Any,
        spec: MixtureSpec,
        sample_weight: Any | None = None,
        labels: Any | None = None,
        *,
        uses_prior: bool = True,
    ) -> Problem:
        """Read the table, fill the priors from it, and check that they are compatible.

        ``uses_prior``: posterior or maximum likelihood.

        Raises
        ------
        DataError
            If the table cannot be used, has fewer rows than components, or, where there is no
            prior, columns that depend on each other exactly.
        SpecificationError
            If ``spec`` is not a MixtureSpec, or a prior does not suit the number of features.
        """
        if not isinstance(spec, MixtureSpec):
            raise SpecificationError(
                f"spec must be a MixtureSpec, such as MixtureSpec(n_components=3), not {spec!r}."
            )
        data = read_table(X, sample_weight).labeled(labels, spec.most_components)
        return cls.of(data, spec, uses_prior=uses_prior)

    @classmethod
    def of(cls, data: Dataset, spec: MixtureSpec, *, uses_prior: bool = True) -> Problem:
        """Do the same with a table that has been read.

        Raises
        ------
        DataError
            If there are fewer rows than components, one scale cannot serve all features, or
            there is no prior and columns depend on each other exactly.
        SpecificationError
            If a prior does not suit the number of features.
        """
        expect_enough_rows(data, 1 if spec.infers_number else spec.n_components)
        if spec.covariances.isotropic:
            expect_like_units(data)
        if isinstance(spec.covariances, CorrelatedStructure):
            judge_relations(data, tied=spec.covariances.tied, uses_prior=uses_prior)
        spec.expect_features(data.n_features)
        columns = Columns(
            data.center, data.deviation, data.spread, data.resolution, data.feature_names
        )
        return cls(data, spec.resolved(columns))

    def given(self, n_components: int) -> Problem:
        """Return the problem with this number of components, where it is unknown."""
        if not self.spec.infers_number:
            return self
        return Problem(self.data.for_components(n_components), self.spec.given(n_components))

    @cached_property
    def scaling(self) -> Scaling:
        """The way to the standard scale and back."""
        return Scaling.of(self.data, isotropic=self.spec.covariances.isotropic)

    @cached_property
    def scaled_data(self) -> Dataset:
        """The table on the standard scale."""
        return self.scaling.standardize(self.data)

    @cached_property
    def scaled_spec(self) -> MixtureSpec:
        """The same priors for the scaled data."""
        return self.spec.standardized(self.scaling.shift, self.scaling.factor)

    @property
    def layout(self) -> Layout:
        """Sizes of the free parameters."""
        return layout_of(self.spec, self.data.n_features)

    def log_jacobian_of_parameters(self) -> float:
        """Return the log Jacobian of the prior density on the standard scale."""
        n_components = self.spec.n_components
        of_covariances = self.spec.covariances.log_jacobian(self.scaling.factor, n_components)
        return self.scaling.log_jacobian(n_components) + of_covariances
