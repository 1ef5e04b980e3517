"""Shapes of covariance matrices: what is cut off is what the structure repeats."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.estimators.spec_from_parameters import compact, from_sklearn, sklearn_shape
from tests.cases import STRUCTURES, example_spec, random_parameters


@pytest.mark.parametrize("structure", STRUCTURES)
def test_compact_matrices_hold_all_of_the_whole_ones(structure):
    parameters = random_parameters(example_spec(structure, "gamma"), 4)
    kind = STRUCTURES[structure]()
    seen = compact(parameters.covariances, kind)
    assert seen.shape == sklearn_shape(kind, 3, 4)
    matrices = from_sklearn(kind, seen)
    whole = matrices if kind.correlated else matrices[..., None] * np.eye(4)
    np.testing.assert_array_equal(np.broadcast_to(whole, (3, 4, 4)), parameters.covariances)
