"""Tables from one mixture: the rows that as many equal mixtures give."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.analysis.generation.generate import draw_rows, draw_table
from bayesgmm.parameters import MixtureParameters


@pytest.mark.parametrize("correlated", [True, False])
def test_a_table_of_one_mixture_is_a_row_of_each_of_many(correlated):
    rng = np.random.default_rng(0)
    correlations = np.stack([np.corrcoef(rng.normal(size=(3, 9))) for _ in range(4)])
    one = MixtureParameters(
        np.array([0.2, 0.0, 0.5, 0.3]), rng.normal(size=(4, 3)), rng.uniform(1, 2, (4, 3)),
        correlations if correlated else None,
    )  # fmt: skip
    many = MixtureParameters(
        *(
            None if part is None else np.broadcast_to(part, (500, *part.shape))
            for part in (one.weights, one.means, one.scales, one.correlations)
        )
    )
    rows, components = draw_table(one, 500, np.random.default_rng(3))
    expected, places = draw_rows(many, np.random.default_rng(3))
    np.testing.assert_array_equal(components, places)
    np.testing.assert_allclose(rows, expected, rtol=1e-12, atol=1e-12)
