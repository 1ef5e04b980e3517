"""A small real fit, for trying things out."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from bayesgmm.data.datasets import load
from bayesgmm.fitting import fit
from bayesgmm.priors.spec import MixtureSpec

if TYPE_CHECKING:
    import xarray as xr


PENGUIN_MEASUREMENTS = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")


def example_fit() -> xr.DataTree:
    """Fit three components to the measurements of the Palmer penguins: a few seconds.

    Returns
    -------
    xarray.DataTree
        What :func:`bayesgmm.fit` returns; 4 chains of 1000 draws. The fit is done once in a
        process, and every call returns a copy.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.example_fit()["posterior"]["means"].dims
    ('chain', 'draw', 'component', 'feature')
    """
    return _example().copy(deep=True)


@cache
def _example() -> xr.DataTree:
    from bayesgmm.engines.nuts import NUTS

    X = load("penguins")[list(PENGUIN_MEASUREMENTS)].dropna()
    return fit(X, MixtureSpec(n_components=3), engine=NUTS(), random_seed=1, progress=False)
