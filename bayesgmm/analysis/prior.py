"""What the priors say before they meet the likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.analysis.generate import draw_rows
from bayesgmm.estimation.draws import parameters_dataset, rows_dataset
from bayesgmm.estimation.problem import Problem
from bayesgmm.options import expect_whole_number
from bayesgmm.priors.sampling import draw_parameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import CHAIN, COMPONENT, DATA, DRAW, FEATURE, FEATURE_BIS, ROW
from bayesgmm.seeds import RandomSeed, generator


def prior_predictive(
    X: Any,
    spec: MixtureSpec,
    *,
    draws: int = 500,
    rows: int = 20,
    random_seed: RandomSeed = None,
) -> xr.DataTree:
    """Draw mixtures from the prior, and rows from each of them.

    Parameters
    ----------
    X : table of n rows and d features
        What the priors are scaled to.
    spec : MixtureSpec
        Number of components and priors.
    draws : int, default 500
        Mixtures to draw.
    rows : int, default 20
        Rows to draw from each mixture.
    random_seed : int, SeedSequence or Generator, optional
        The same seed gives the same tree.

    Returns
    -------
    xarray.DataTree
        Groups ``prior`` (the parameters), ``prior_predictive`` (``x``, dims chain, draw, obs_id,
        feature) and ``observed_data``, in the units of the data.

    Raises
    ------
    DataError
        If the table cannot be used.
    SpecificationError
        If ``draws`` or ``rows`` is not a positive whole number.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("penguins")[["bill_length_mm"]].dropna()
    >>> tree = bg.prior_predictive(X, bg.MixtureSpec(n_components=2), random_seed=1)
    >>> tree["prior_predictive"]["x"].shape
    (1, 500, 20, 1)
    """
    expect_whole_number("draws", draws)
    expect_whole_number("rows", rows)
    problem, rng = Problem.pose(X, spec), generator(random_seed)
    data = problem.data
    parameters = draw_parameters(problem.spec, data.n_features, draws, rng)
    tables, _ = draw_rows(parameters.draw((np.repeat(np.arange(draws), rows),)), rng)
    coords = {
        COMPONENT: np.arange(spec.n_components),
        FEATURE: list(data.feature_names),
        FEATURE_BIS: list(data.feature_names),
    }
    predictive = xr.Dataset(
        {DATA: ((CHAIN, DRAW, ROW, FEATURE), tables.reshape(1, draws, rows, data.n_features))},
        coords={CHAIN: [0], DRAW: np.arange(draws), ROW: np.arange(rows), FEATURE: coords[FEATURE]},
    )
    return xr.DataTree.from_dict(
        {
            "prior": parameters_dataset(parameters.draw((None,)), (CHAIN, DRAW), coords),
            "prior_predictive": predictive,
            "observed_data": rows_dataset(data),
        }
    )
