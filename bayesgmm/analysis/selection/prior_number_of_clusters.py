"""What a spec says about the number of clusters before the rows are seen."""

from __future__ import annotations

from typing import Any

import xarray as xr

from bayesgmm.data.answers import Tabular
from bayesgmm.errors import SpecificationError
from bayesgmm.options import expect_whole_number
from bayesgmm.posterior.number import most_likely_in_words, prior_of_number
from bayesgmm.priors.spec import MixtureSpec


def prior_number_of_clusters(spec: MixtureSpec, n_rows: Any) -> xr.Dataset:
    """Return the prior of the number of clusters among so many rows, computed exactly.

    Clusters are components with rows. Users have opinions on their number, which depends on the
    priors of the number of components and of the weights, and on the number of rows (Greve et al.,
    2022).

    Parameters
    ----------
    spec : MixtureSpec
        With a prior of the number of components.
    n_rows : int
        Number of rows.

    Returns
    -------
    xarray.Dataset
        ``components`` and ``clusters``, the prior probabilities of each ``number``. The attribute
        ``in_words`` has the most probable numbers of clusters.

    Raises
    ------
    SpecificationError
        If ``spec`` has a known number of components, or ``n_rows`` is not a whole number of at
        least 1.

    References
    ----------
    Greve, J., Gruen, B., Malsiner-Walli, G. and Fruehwirth-Schnatter, S. (2022). Spying on the
    prior of the number of data clusters and the partition distribution in Bayesian cluster
    analysis. Australian & New Zealand Journal of Statistics 64, 205-229.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> spec = bg.MixtureSpec(bg.BetaNegativeBinomial(), weights=bg.DynamicDirichlet())
    >>> table = bg.prior_number_of_clusters(spec, n_rows=100)
    >>> table["clusters"].sel(number=[1, 2, 3]).values.round(2)
    array([0.63, 0.23, 0.08])
    >>> table.attrs["in_words"]
    'before the rows are seen, 1 or 2 clusters have probability 0.86'
    """
    if not isinstance(spec, MixtureSpec) or not spec.infers_number:
        raise SpecificationError(
            "spec must be a MixtureSpec with a prior of the number of components, such as "
            f"MixtureSpec(BetaNegativeBinomial()), not {spec!r}."
        )
    expect_whole_number("n_rows", n_rows)
    table = prior_of_number(spec, int(n_rows))
    words = most_likely_in_words(table["clusters"].values)
    return Tabular.of(table.assign_attrs(in_words=f"before the rows are seen, {words}"))
