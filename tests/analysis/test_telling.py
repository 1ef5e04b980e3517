"""Features that tell components apart are found, and come in their order."""

from __future__ import annotations

import numpy as np

import bayesgmm as bg
from bayesgmm.analysis.summarize import discriminating_features


def test_the_feature_with_the_difference_is_found():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(100, 4)) * [1.0, 1000.0, 0.001, 1.0]
    rows[:50] += [0.0, 0.0, 0.01, 0.0]
    rows[:50, 3] += 5.0
    tree = bg.fit(
        rows, bg.MixtureSpec(2), engine=bg.Laplace(draws=50), random_seed=1, progress=False
    )
    assert discriminating_features(tree, 1) == ["x2"]
    assert discriminating_features(tree, 2) == ["x2", "x3"]
    assert discriminating_features(tree, 9) == ["x0", "x1", "x2", "x3"]
