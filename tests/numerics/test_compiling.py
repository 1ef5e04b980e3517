"""Compiled code: one version of every kernel serves all, and survives processes that race."""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bayesgmm
from bayesgmm.numerics import kernels

VARIED_WORK = """
import importlib, pkgutil, re
import numpy as np
import bayesgmm as bg
import bayesgmm.numerics.kernels as kernels
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.problem import Problem

rng = np.random.default_rng(0)
tables = [
    rng.normal(size=(60, 2)), np.asfortranarray(rng.normal(size=(80, 3))), rng.normal(size=(50, 1)),
    rng.normal(size=(9000, 2)), rng.normal(size=(70, 4))[::2],
]
frozen = rng.normal(size=(40, 2))
frozen.flags.writeable = False
for X in [*tables, frozen]:
    for covariances in (bg.Full(), bg.Tied(bg.HalfNormal()), bg.Spherical(), bg.InverseWishart()):
        for weights in (bg.Dirichlet(), bg.Dirichlet((1.0, 2.0))):
            spec = bg.MixtureSpec(2, weights=weights, covariances=covariances)
            for goal in ("posterior", "likelihood"):
                bg.estimate(X, spec, solver=bg.EM(goal, n_starts=2), random_seed=1)
for X in (tables[0], tables[2], frozen):
    bg.select(X, [1, 2, 4], random_seed=1, progress=False)
for X in (tables[0], tables[3], frozen):
    for covariances in (bg.Full(), bg.Diagonal(bg.LogNormal()), bg.TiedInverseWishart()):
        spec = bg.MixtureSpec(2, covariances=covariances)
        for engine in (bg.NUTS(5, 20, 1), bg.Gibbs(5, 5, 2), bg.Laplace(20)):
            tree = bg.fit(X, spec, engine=engine, random_seed=1, progress=False)
        bg.cluster(tree)
        bg.log_density(tree, X[:7])
        bg.diagnose(tree)
for module in pkgutil.iter_modules(kernels.__path__):
    for name, item in vars(importlib.import_module(f"{kernels.__name__}.{module.name}")).items():
        is_kernel = hasattr(item, "signatures") and not isinstance(item, type)
        if is_kernel and item.py_func.__module__.endswith(module.name):
            signatures = [str(each) for each in item.signatures]
            axes = {tuple(re.findall(r"[Aa]rray\\(\\w+, (\\d)", each)) for each in signatures}
            print(module.name, name, len(item.signatures) - len(axes))
"""

COMPILE_AND_PRINT = """
import numpy as np
import bayesgmm as bg
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.problem import Problem
from bayesgmm.numerics.kernels.rows import statistics

X = np.random.default_rng(0).normal(size=(200, 2))
problem = Problem.pose(X, bg.MixtureSpec(2))
target = Target(problem.scaled_spec, problem.scaled_data)
value, gradient = target(np.linspace(-0.5, 0.5, target.layout.size))
print(value.hex(), *(entry.hex() for entry in gradient.tolist()))
print(sum(statistics.stats.cache_misses.values()))
"""


def python(program: str, *, folder: Path | None = None, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=folder,  # where modules are looked for first
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.slow
def test_no_size_kind_of_table_or_prior_compiles_a_kernel_twice():
    """Versions of a kernel differ in numbers of axes: with and without correlations."""
    python(VARIED_WORK).communicate(timeout=900)  # fills the cache: what it compiles has parts
    output, _ = python(VARIED_WORK).communicate(timeout=900)
    superfluous = {}
    for line in output.splitlines():
        module, name, count = line.split()
        superfluous[f"{module}.{name}"] = int(count)
    assert len(superfluous) > 50
    assert {name: count for name, count in superfluous.items() if count > 0} == {}


@pytest.mark.slow
def test_a_change_of_one_kernel_compiles_those_that_call_it_again(tmp_path):
    package = Path(bayesgmm.__file__).parent
    shutil.copytree(package, tmp_path / "bayesgmm", ignore=shutil.ignore_patterns("*.nb?"))
    here = {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    misses = []
    for _ in range(3):
        process = python(COMPILE_AND_PRINT, folder=tmp_path, **here)
        misses.append(int(process.communicate(timeout=900)[0].splitlines()[1]))
        if len(misses) == 2:
            with (tmp_path / "bayesgmm" / "numerics" / "kernels" / "products.py").open("a") as file:
                file.write("# changed\n")
    assert misses == [1, 0, 1]


@pytest.mark.slow
def test_processes_that_compile_at_once_leave_a_good_cache(tmp_path):
    racing = [python(COMPILE_AND_PRINT, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(3)]
    results = [process.communicate(timeout=900)[0].splitlines() for process in racing]
    assert all(process.returncode == 0 for process in racing)
    last = python(COMPILE_AND_PRINT, NUMBA_CACHE_DIR=str(tmp_path))
    numbers, misses = last.communicate(timeout=900)[0].splitlines()
    assert misses == "0"
    assert all(result[0] == numbers for result in results)  # to the last bit


def test_no_kernel_raises_where_it_divides_by_zero():
    """A value that is not finite is looked at by whoever asked; an exception would end a search."""
    names = [
        f"{module.name}.{name}"
        for module in pkgutil.iter_modules(kernels.__path__)
        for name, item in vars(importlib.import_module(f"{kernels.__name__}.{module.name}")).items()
        if hasattr(item, "targetoptions") and item.targetoptions.get("error_model") != "numpy"
    ]
    assert names == []
