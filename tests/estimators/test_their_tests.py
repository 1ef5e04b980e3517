"""scikit-learn's tests of its class hold for ours; ``their_tests.py`` says which are left out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_what_scikit_learn_asks_of_its_class_holds_for_ours():
    command = [sys.executable, "-m", "tests.estimators.their_tests"]
    root = Path(__file__).parents[2]
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    outcomes = [line.split()[0] for line in result.stdout.splitlines() if " test_" in line]
    assert result.returncode == 0, result.stdout
    assert outcomes.count("passed") > 40, result.stdout
