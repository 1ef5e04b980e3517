"""What the figures were measured on, and how fast that is at its best."""

from __future__ import annotations

import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info
from timing import Clock, clocked

LIBRARIES = (
    "numpy", "scipy", "numba", "scikit-learn", "pymc", "pytensor", "nutpie", "arviz", "xarray",
)  # fmt: skip


def describe() -> dict[str, str | int]:
    """Return date, processor, cores, load and versions."""
    import bayesgmm

    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "load at the start": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "blas": ", ".join(
            f"{library['internal_api']} {library['version']} x{library['num_threads']}"
            for library in threadpool_info()
            if library["user_api"] == "blas"
        ),
        "python": platform.python_version(),
        "bayesgmm": bayesgmm.__version__,
        **{name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def dgemm(size: int = 2000) -> tuple[Clock, int]:
    """Return a clock for the product of two matrices on all cores, and its flops."""
    left, right = np.random.default_rng(0).normal(size=(2, size, size))
    return clocked(lambda: left @ right), 2 * size**3
