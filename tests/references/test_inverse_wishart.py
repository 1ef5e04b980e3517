"""An inverse-Wishart prior has an exact posterior where the means are known.

One component whose mean is all but fixed by its prior: the covariance then follows the
inverse-Wishart distribution with nu + n degrees of freedom and the scale Psi + S, S being the
scatter about that mean. The prior of the mean has a standard deviation of 0.001 here, which
changes S by 1e-6 relative to itself, far less than a Monte Carlo error.
"""

from __future__ import annotations

import arviz_stats
import numpy as np
import pytest

import bayesgmm as bg
from tests.cases import example_rows

ENGINES = {
    "nuts": bg.NUTS(draws=1500, tune=1000, chains=4),
    "gibbs": bg.Gibbs(draws=3000, tune=100, chains=4),
}
LIMIT = 4.5
"""Monte Carlo errors; fewer than 150 averages are compared: error rate 150 * 6.8e-6 = 0.1 %."""

CASES = [
    (bg.InverseWishart, 1, "nuts"),
    (bg.InverseWishart, 2, "gibbs"),
    (bg.TiedInverseWishart, 3, "nuts"),
    *(
        pytest.param(*case, marks=pytest.mark.slow)
        for case in ((bg.InverseWishart, 2, "nuts"), (bg.TiedInverseWishart, 3, "gibbs"))
    ),
]


@pytest.mark.parametrize(("kind", "n_features", "engine"), CASES)
def test_the_covariance_given_its_mean_is_inverse_wishart(kind, n_features, engine):
    rows, root = example_rows(15, n_features), np.tri(n_features)
    scale, freedom = root @ root.T, n_features + 1.5
    center = rows.mean(axis=0) + 0.3
    spec = bg.MixtureSpec(
        1,
        means=bg.NormalMeans(tuple(center), 0.001),
        covariances=kind(freedom, scale),
    )
    tree = bg.fit(rows, spec, engine=ENGINES[engine], random_seed=1, progress=False)
    matrices = tree["posterior"]["covariances"].values[:, :, 0]
    scatter = scale + (rows - center).T @ (rows - center)
    total = freedom + len(rows)
    expect_average(matrices, scatter / (total - n_features - 1))
    expect_average(np.linalg.inv(matrices), total * np.linalg.inv(scatter))
    # Var(Sigma_11) of an inverse-Wishart distribution, as a second moment.
    shape = (total - n_features + 1) / 2
    second = (scatter[0, 0] / 2) ** 2 / ((shape - 1) * (shape - 2))
    expect_average(matrices[..., :1, :1] ** 2, np.array([[second]]))


def expect_average(draws: np.ndarray, expected: np.ndarray) -> None:
    """Compare averages of matrices, axes chain and draw first, entry by entry."""
    for i, j in zip(*np.tril_indices(expected.shape[0]), strict=True):
        error = float(arviz_stats.mcse(draws[:, :, i, j], method="mean"))
        assert abs(draws[:, :, i, j].mean() - expected[i, j]) < LIMIT * error


@pytest.mark.parametrize(
    "kind", [bg.InverseWishart, pytest.param(bg.TiedInverseWishart, marks=pytest.mark.slow)]
)
def test_nuts_and_gibbs_agree_on_a_mixture(kind):
    rng = np.random.default_rng(5)
    rows = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(0, 0.6, (40, 2)) + [2.5, 1.0]])
    spec = bg.MixtureSpec(2, covariances=kind(scale_matrix=[[0.5, 0.2], [0.2, 0.5]]))
    posteriors = [
        bg.fit(rows, spec, engine=engine, random_seed=1, progress=False)["posterior"].to_dataset()
        for engine in (bg.NUTS(draws=800), bg.Gibbs(draws=4000))
    ]
    for name in ("weights", "means", "scales", "covariances"):
        ours, theirs = (posterior[[name]] for posterior in posteriors)
        difference = ours.mean(("chain", "draw")) - theirs.mean(("chain", "draw"))
        errors = np.hypot(*(arviz_stats.mcse(one)[name].values for one in (ours, theirs)))
        assert np.abs(difference[name].values / errors).max() < LIMIT
