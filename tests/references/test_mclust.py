"""Maximum likelihood, against the R package mclust 6.0.0 (tolerance 1e-10, no prior).

The best of twenty starts must reach mclust's log-likelihood, which may itself be a local
optimum, to 1e-4; beyond it, the optimum must be a proper one (no component collapsed).
"""

from __future__ import annotations

import pytest

import bayesgmm as bg
from tests.references.tables import records_of, rows_of

STRUCTURES = {
    "VVV": bg.Full(), "EEE": bg.Tied(), "VVI": bg.Diagonal(),
    "VII": bg.Spherical(), "EEI": bg.TiedDiagonal(), "EII": bg.TiedSpherical(),
}  # fmt: skip


def _case(record: dict[str, str]):
    values = (
        record["data"], record["family"], int(record["n_components"]),
        float(record["log_likelihood"]),
    )  # fmt: skip
    quick = values[2] <= 2 or (values[2] == 3 and values[1] == "VVV")
    marks = () if quick else pytest.mark.slow
    return pytest.param(*values, marks=marks, id="-".join(map(str, values[:3])))


@pytest.mark.parametrize(
    ("data", "family", "n_components", "log_likelihood"),
    [_case(record) for record in records_of("mclust_families")],
)
def test_log_likelihood_reaches_that_of_mclust(data, family, n_components, log_likelihood):
    estimate = bg.estimate(
        rows_of(data),
        bg.MixtureSpec(n_components, covariances=STRUCTURES[family]),
        solver=bg.EM("likelihood", n_starts=20),
        random_seed=1,
    )
    assert estimate.converged
    assert estimate.log_likelihood >= log_likelihood - 1e-4
    if n_components == 1:  # one normal: a closed form, the same for everybody
        assert estimate.log_likelihood == pytest.approx(log_likelihood, abs=1e-6)
