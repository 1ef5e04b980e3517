"""The data sets and reference numbers in ``data/``, as arrays and dictionaries."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

_FOLDER = Path(__file__).parent / "data"

DATA_SETS = ("faithful", "iris", "synthetic_k3", "low_dim_gauss_mix")


def rows_of(name: str) -> np.ndarray:
    """Return one of the data sets, shape (n, d)."""
    return np.loadtxt(_FOLDER / f"{name}.csv", delimiter=",", skiprows=1, ndmin=2)


def records_of(name: str) -> list[dict[str, str]]:
    """Return a table of reference numbers, a dictionary for each row."""
    with (_FOLDER / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))
