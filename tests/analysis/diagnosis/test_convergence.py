"""The worst entry of a quantity, also where there are very many."""

from __future__ import annotations

import numpy as np

from bayesgmm.analysis.diagnosis.convergence import Quantity, convergence, largest_rhat


def test_the_worst_of_very_many_entries_is_found():
    values = np.random.default_rng(0).normal(size=(4, 200, 40, 50))
    alone = values[:, :, 17, 31]
    alone[2] += 3.0
    figures = convergence([Quantity("many", values, label_free=True)])
    assert float(figures["rhat"][0]) == largest_rhat(alone)
    assert float(figures["rhat"][0]) > 1.3


def test_what_cannot_be_told_is_not_a_number():
    assert np.isnan(largest_rhat(np.zeros((1, 100))))
    assert np.isnan(largest_rhat(np.zeros((4, 3))))
