"""Warnings point at the line that called the package, wherever their reason was found."""

from __future__ import annotations

import subprocess
import sys

import pytest

CALLS = """
import warnings
import numpy as np
import pytest

import bayesgmm as bg

rows = np.vstack([np.random.default_rng(0).normal(size=(30, 2)), [[np.nan, np.nan]]])
quick = bg.Laplace(draws=10)
calls = (
    lambda: bg.fit(rows, bg.MixtureSpec(1), engine=quick, random_seed=1, progress=False),
    lambda: bg.estimate(rows, bg.MixtureSpec(1), random_seed=1),
    lambda: bg.BayesianGaussianMixture(engine=quick).fit(rows),
    lambda: bg.GaussianMixture(3, max_iter=1, random_state=1).fit(rows),
)
for call in calls:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    print(*{warning.filename for warning in caught})
"""


@pytest.mark.slow
def test_warnings_name_the_line_of_the_caller():
    """In a process of its own: checks of shapes, as tests have them, are frames, too."""
    command = [sys.executable, "-c", CALLS]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["<string>"] * 4
