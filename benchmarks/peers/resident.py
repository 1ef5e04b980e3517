"""How far resident memory rises during some work (Linux). Imports nothing of the project."""

from collections.abc import Callable
from pathlib import Path


def rise(run: Callable[[], object]) -> float:
    """Run it, and return by how many MB its peak was above what was there before."""
    Path("/proc/self/clear_refs").write_text("5")  # forget earlier peaks
    before = _status("VmRSS")
    run()
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise RuntimeError(f"{name} is not told here.")
