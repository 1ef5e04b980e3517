"""Merging by entropy, against `combi` and `pcws2_reg` of the R package mclust 6.0.0."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from bayesgmm.analysis.clustering.merge_by_entropy import elbow, hierarchy
from tests.references.tables import records_of, rows_of

WEIGHTS = [0.15, 0.2, 0.1, 0.25, 0.2, 0.1]
MEANS = [(1.9, 52), (2.1, 57), (3.0, 65), (4.2, 78), (4.5, 82), (4.4, 86)]
SCALES = [(0.2, 5), (0.3, 5), (0.7, 8), (0.4, 5), (0.3, 4), (0.4, 6)]

CLUSTERS_AT_THE_ELBOW = 3
"""By `pcws2_reg(6:1, entropy)`: entropy against the number of clusters."""


@pytest.fixture(scope="module")
def responsibilities() -> np.ndarray:
    rows = rows_of("faithful")
    joint = [
        weight * norm.pdf(rows, mean, scale).prod(axis=1)
        for weight, mean, scale in zip(WEIGHTS, MEANS, SCALES, strict=True)
    ]
    return (np.array(joint) / np.sum(joint, axis=0)).T


def test_merges_and_entropies_are_those_of_mclust(responsibilities):
    found, records = hierarchy(responsibilities), records_of("mclust_combining")
    expected = [[int(label) for label in record["labels"].split()] for record in records]
    assert found.labels.tolist() == expected
    entropies = [float(record["entropy"]) for record in records]
    np.testing.assert_allclose(found.entropy, entropies, rtol=1e-10, atol=1e-9)


def test_the_elbow_is_that_of_mclust(responsibilities):
    assert 6 - elbow(np.arange(6.0), hierarchy(responsibilities).entropy) == CLUSTERS_AT_THE_ELBOW
