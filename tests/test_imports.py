"""What an import costs: nothing until a name is used, and no sampler for a point estimate.

Editors and type checkers do not run the package, so ``bayesgmm/__init__.pyi`` tells them where each
name is at home. ``python -m tests.test_imports`` writes that file anew.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bayesgmm as bg

HEAVY = ("pymc", "pytensor", "arviz", "arviz_base", "nutpie", "matplotlib", "sklearn", "xarray")


STEPS = """
import sys

def report():
    print(*{name.partition('.')[0] for name in sys.modules})

import bayesgmm as bg
report()

import warnings, numpy as np
warnings.simplefilter("ignore", bg.ConvergenceWarning)  # of a single chain
rows = np.random.default_rng(0).normal(size=(30, 2))
bg.estimate(rows, bg.MixtureSpec(2), random_seed=1)
report()

engine = bg.NUTS(draws=10, tune=20, chains=1)
tree = bg.fit(rows[:, :1], bg.MixtureSpec(1), engine=engine, random_seed=1, progress=False)
report()
"""


@pytest.fixture(scope="module")
def loaded() -> list[set[str]]:
    """Return the top-level modules that a fresh interpreter has loaded after each step."""
    command = [sys.executable, "-c", STEPS]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    return [set(line.split()) for line in result.stdout.splitlines()]


@pytest.mark.slow
def test_the_package_alone_loads_nothing(loaded):
    assert not loaded[0] & {*HEAVY, "numpy", "scipy", "numba", "pandas"}


def test_a_point_estimate_needs_no_sampler(loaded):
    assert not loaded[1] & set(HEAVY)


def test_a_fit_needs_no_pymc(loaded):
    assert not loaded[2] & {"pymc", "pytensor", "sklearn"}


NOTHING_TO_RUN = {"MissingDependencyError", "NotFittedError"}
"""Both need what an example cannot have: a package that is absent, an estimator without a fit."""


def test_every_public_name_is_documented_with_an_example():
    for name in set(bg.__all__) - NOTHING_TO_RUN:
        assert ">>> " in (getattr(bg, name).__doc__ or ""), name


def test_public_names_are_listed():
    assert set(bg.__all__) <= set(dir(bg))


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no_such_name"):
        bg.no_such_name  # noqa: B018


STUB = Path(bg.__file__).with_suffix(".pyi")


def stub() -> str:
    """Write out for a type checker what the package imports when it is first used."""
    lines = [_import_from(f"bayesgmm.{home}", names) for home, names in bg._HOMES.items()]
    for name, module in bg._MODULES.items():
        lines.append(_import_from(module.removesuffix(f".{name}"), [name]))
    return "\n".join([*lines, "", "__version__: str", ""])


def _import_from(home: str, names: tuple[str, ...]) -> str:
    line = f"from {home} import " + ", ".join(f"{name} as {name}" for name in names)
    if len(names) == 1 and len(line) <= 100:
        return line
    inner = "".join(f"    {name} as {name},\n" for name in names)
    return f"from {home} import (\n{inner})"


def test_type_checkers_are_told_where_every_name_is_at_home():
    assert STUB.read_text() == stub(), "remake it: python -m tests.test_imports"


if __name__ == "__main__":
    STUB.write_text(stub())
