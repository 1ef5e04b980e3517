"""What holds in every test: shapes are checked, and nothing is left to chance.

The package declares shapes as ``Float[np.ndarray, "n d"]``; jaxtyping and beartype check every
array that enters or leaves a function. ``BAYESGMM_SHAPE_CHECKS=0`` in the environment switches
the checks off.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from pathlib import Path

from hypothesis import settings

from tests import shape_checks

PACKAGE = "bayesgmm"
COMPILED = f"{PACKAGE}.numerics.kernels"
"""The functions in here are compiled by numba, which cannot compile the check."""


CHECKER = "bayesgmm_shape_checks"
# The hook imports the checker by name, and pytest may load the package ``tests`` afresh.
sys.modules[CHECKER] = shape_checks


def _modules_to_check(name: str, folder: Path) -> list[str]:
    """List the modules and packages in a folder, going inside those that hold compiled ones."""
    names = []
    for entry in sorted(folder.iterdir()):
        inner = f"{name}.{entry.stem}"
        is_module = entry.suffix == ".py" or (entry / "__init__.py").exists()
        if not is_module or entry.stem == "__init__" or inner == COMPILED:
            continue
        if COMPILED.startswith(f"{inner}."):
            names += _modules_to_check(inner, entry)
        else:
            names.append(inner)
    return names


def _switch_shape_checks_on() -> None:
    # find_spec locates the package without importing it: what is imported before the hook is
    # installed is never checked.
    specification = importlib.util.find_spec(PACKAGE)
    folder = Path(specification.submodule_search_locations[0])
    shape_checks.install(_modules_to_check(PACKAGE, folder), f"{CHECKER}.checked")


if os.environ.get("BAYESGMM_SHAPE_CHECKS", "1") != "0":
    _switch_shape_checks_on()

# A shell makes what runs in the background deaf to interrupts; tests send some.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples are the same in every run, and a busy machine fails no test.
settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")


def pytest_runtest_setup() -> None:
    """Let every test check the shapes of what it calls."""
    shape_checks.begin_anew()
