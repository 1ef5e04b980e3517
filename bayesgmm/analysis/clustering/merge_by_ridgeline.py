"""Merging of components that share a mode, by ridgelines (Ray & Lindsay)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.ridgeline import survey
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.options import is_number
from bayesgmm.parameters import MixtureParameters


@dataclass(frozen=True)
class RidgelineMerging:
    """Merge components that share a mode of the density.

    The means of any two components are connected by the ridgelines

    x(a) = [(1-a) S_i^-1 + a S_j^-1]^-1 [(1-a) S_i^-1 mu_i + a S_j^-1 mu_j],  0 <= a <= 1,

    on which all modes of the two components lie (Ray and Lindsay, 2005). A component merges with
    one whose mean has a higher density of the mixture, if between them the density nowhere drops
    below ``ratio`` times the lower of the two peaks on that path (the ridgeline ratio of Hennig,
    2010). With two components that is all. With more, the density is that of all components, and
    each component joins only one with a higher density, the one that adds most to the density at
    its own mean: a light component between two modes is assigned to one of them, and does not
    connect them, as merging all unimodal pairs would.

    It finds any number of clusters from one to k. A skewed or curved cluster, which takes several
    components to fit, has one mode and is one cluster. It fails if clusters differ in shape only: a
    narrow cluster within a wide one, or two that cross, share one mode. With ``ratio=1`` the
    smallest dip separates two clusters, and nearly every draw of a smooth mode that takes several
    components has shallow dips; the default ignores dips of less than a fifth. If a ridge bends
    away from all ridgelines, or three components form one mode between them, a mode may be counted
    as two.

    Parameters
    ----------
    ratio : float, default 0.8
        Minimum density between two peaks of one cluster, relative to the lower peak;
        above 0, at most 1.

    Raises
    ------
    SpecificationError
        If ``ratio`` is not above 0 and at most 1.

    References
    ----------
    Ray, S. and Lindsay, B. G. (2005). The topography of multivariate normal mixtures. Annals of
    Statistics 33, 2042-2065.

    Hennig, C. (2010). Methods for merging Gaussian mixture components. Advances in Data Analysis
    and Classification 4, 3-34.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.RidgelineMerging(ratio=1.0)
    RidgelineMerging(ratio=1.0)
    """

    ratio: float = 0.8

    def __post_init__(self) -> None:
        if not is_number(self.ratio) or not 0 < self.ratio <= 1:
            raise SpecificationError(
                f"RidgelineMerging: ratio must be a number above 0 and at most 1, "
                f"not {self.ratio!r}."
            )

    def groups(self, rows: RowsInMemory, draws: MixtureParameters) -> Int[np.ndarray, "draws k"]:
        """Return the cluster of every component in every draw; the rows are not used."""
        return survey(draws).modes(float(self.ratio))

    def figures(
        self, responsibilities: Float[np.ndarray, "n k"], names: np.ndarray
    ) -> dict[str, xr.DataArray]:
        """Return no additional statistics."""
        return {}
