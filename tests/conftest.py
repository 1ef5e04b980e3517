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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from numpy.random import SeedSequence
from threadpoolctl import threadpool_limits

from tests import shape_checks

PACKAGE = "bayesgmm"
COMPILED = f"{PACKAGE}.numerics.kernels"
"""The functions in here are compiled by numba, which cannot compile the check."""


# PyTensor would compile what a test evaluates a few hundred times, by numba and, inside, by a C
# compiler: minutes on a machine that has compiled nothing. It looks here when it is imported.
os.environ.setdefault("PYTENSOR_FLAGS", "linker=py,optimizer=fast_compile,traceback__limit=0,cxx=")

# Workers share the cores, and on matrices as small as those of tests more threads of linear algebra
# wait for each other most of the time: some tests took three times as long. NumPy is there by now;
# libraries that come later, and processes that tests start, look into the environment. Tests that
# are about threads set their number.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")
threadpool_limits(int(os.environ["OPENBLAS_NUM_THREADS"]), user_api="blas")

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


MOST_WORKERS = 4  # each may take 1.5 GB


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Use several cores for the whole suite; a part of it is sooner done without workers."""
    option = config.option
    is_whole = config.args_source is config.ArgsSource.TESTPATHS
    if not is_whole or not config.pluginmanager.hasplugin("xdist") or option.usepdb:
        return
    if option.numprocesses is None and "PYTEST_XDIST_WORKER" not in os.environ:
        option.numprocesses = min(MOST_WORKERS, _cores())
        option.dist = "loadfile"  # tests of one file share their fits


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on every operating system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run check that tests hold for other draws, too.

    The same seed gives other chains on another kind of processor, whose sums differ in the last
    bits: a test that holds for one stream of random numbers only would fail there.
    """
    parser.addoption("--stream", type=int, default=0, help="of random numbers, that chains take")


def pytest_configure(config: pytest.Config) -> None:
    """Have chains take the stream that was asked for."""
    if stream := config.getoption("--stream"):
        from bayesgmm.engines import advi, sampling, telescoping

        others = partial(_spawn_others, sampling.spawn, stream)
        sampling.spawn = advi.spawn = telescoping.spawn = others


def _spawn_others(spawn: Callable, stream: int, seed: Any, n_children: int) -> list[SeedSequence]:
    children = spawn(seed, n_children)
    return [SeedSequence(one.entropy, spawn_key=(*one.spawn_key, stream)) for one in children]


def pytest_runtest_setup() -> None:
    """Let every test check the shapes of what it calls."""
    shape_checks.begin_anew()


@pytest.fixture(scope="session")
def tree() -> Any:
    """Return the example fit: 342 penguins, four features, three components."""
    import bayesgmm as bg  # only now: what is imported before the hook is never checked

    return bg.example_fit()
