"""How many free parameters a spec has, and where they lie in an unconstrained vector."""

from __future__ import annotations

from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.priors.spec import MixtureSpec


def layout_of(spec: MixtureSpec, n_features: int) -> Layout:
    """Return the layout of the spec's parameters for this number of features."""
    structure = spec.covariances
    return Layout(
        n_components=spec.n_components,
        n_features=n_features,
        n_matrices=structure.n_matrices(spec.n_components),
        n_scales=structure.n_scales(n_features),
        correlated=structure.correlated and n_features > 1,
    )
