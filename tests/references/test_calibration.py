"""NUTS and Gibbs draw from the posterior: simulation-based calibration of every free structure.

That of factors is in ``tests/engines/test_factors.py``.

Not every combination is run, but each structure with each engine, and each number of features
and of components with both. ``benchmarks/calibration.py`` is the long form.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.analysis.calibration.value import uniformity_p_value
from tests.cases import FREE

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("calibration")]  # they share runs

REPLICATIONS, N_ROWS = 40, 50

SIZES = {
    "full": (2, 2),
    "tied": (2, 3),
    "diagonal": (1, 3),
    "spherical": (2, 2),
    "tied-diagonal": (2, 3),
    "tied-spherical": (1, 2),
    "inverse-wishart": (2, 1),
    "tied-inverse-wishart": (2, 2),
}
"""Features and components with which a structure is run."""

ENGINES = {
    "nuts": bg.NUTS(draws=250, tune=300, chains=2),
    "gibbs": bg.Gibbs(draws=500, tune=200, chains=2, thin=10),
}

ERROR_RATE = 0.01
"""Of the p-values of one parametrized test together, by Bonferroni; seeds are fixed."""


def spec(structure: str, n_components: int) -> bg.MixtureSpec:
    kind = FREE[structure]
    if "wishart" in structure:
        covariances = kind(degrees_of_freedom=8.0, scale_matrix=4.0)
    else:
        options = {"correlations": bg.LKJ(2.0)} if kind.correlated else {}
        covariances = kind(scales=bg.InverseGamma(8.0, 6.0), **options)
    return bg.MixtureSpec(
        n_components,
        weights=bg.Dirichlet(4.0),
        means=bg.NormalMeans(0.0, 2.0),
        covariances=covariances,
    )


@cache
def calibrated(engine: str, structure: str) -> bg.Calibration:
    n_features, n_components = SIZES[structure]
    return bg.calibrate(
        spec(structure, n_components), ENGINES[engine], n_rows=N_ROWS, n_features=n_features,
        n_replications=REPLICATIONS, solver=bg.EM(n_starts=6), progress=False,
        random_seed=7 + list(SIZES).index(structure),  # so that pooled ranks are independent
    )  # fmt: skip


@pytest.mark.parametrize("structure", FREE)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_structure(engine, structure):
    calibration = calibrated(engine, structure)
    assert calibration.ranks.attrs["failures"] == {}
    assert float(calibration.figures["effective"].min()) > 0.7
    limit = ERROR_RATE / sum(len(one.figures["quantity"]) for one in every(engine))
    assert float(calibration.figures["p_value"].min()) > limit, str(calibration)


@pytest.mark.parametrize("engine", ENGINES)
def test_all_structures_together(engine):
    """320 replications see smaller errors, of those quantities that every structure has."""
    ranks = [calibration.ranks["ranks"] for calibration in every(engine)]
    shared = set.intersection(*(set(one["quantity"].values) for one in ranks))
    p_values = {
        name: uniformity_p_value(
            np.concatenate([one.sel(quantity=name).values for one in ranks]), 99
        )
        for name in shared
    }
    assert len(p_values) >= 7
    assert min(p_values.values()) > ERROR_RATE / len(p_values), p_values


def every(engine: str) -> list[bg.Calibration]:
    return [calibrated(engine, structure) for structure in FREE]


def test_a_normal_approximation_is_found_out():
    """Laplace's is too narrow or to the side for fifteen rows of two components."""
    calibration = bg.calibrate(
        spec("full", 2), bg.Laplace(draws=99), n_rows=15, n_features=2, n_replications=80,
        solver=bg.EM(n_starts=6), random_seed=7, progress=False,
    )  # fmt: skip
    assert not calibration.passed
