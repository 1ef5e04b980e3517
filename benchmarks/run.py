"""Print the tables of the benchmark, and write them as JSON.

python benchmarks/run.py                       print
python benchmarks/run.py --quick               see that everything works, with tiny sizes
python benchmarks/run.py --only em gradient    some of the tables
python benchmarks/run.py --slow --out figures.json --markdown figures.md
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import machine
from rich.console import Console
from settings import Settings
from tables import Table

TABLES = (
    "em", "em_scaling", "passes", "search", "gradient", "sweeps", "samplers", "posterior",
    "dimension", "number", "clusters", "selection", "missing", "estimators", "large", "verdicts",
)  # fmt: skip
"""Every one is a module of this folder with a function ``measure``."""


def main() -> None:
    """Measure, print, and write if asked to."""
    with tempfile.TemporaryDirectory() as workspace:
        _run(_parser().parse_args(), Path(workspace))


def _run(options: argparse.Namespace, workspace: Path) -> None:
    warnings.filterwarnings(
        "ignore", message="PyTensor could not link to a BLAS"
    )  # numba's is used
    os.environ["PYTENSOR_FLAGS"] = f"base_compiledir={workspace / 'pytensor'}"  # compiles afresh
    settings = Settings(
        rounds=1 if options.quick else options.rounds,
        quick=options.quick,
        slow=options.slow,
        onedal_python=options.onedal_python,
        rscript=options.rscript,
        workspace=workspace,
    )
    console = Console(width=150)
    about = machine.describe()
    about["quick"] = settings.quick  # then the figures mean nothing
    console.print(", ".join(f"{name} {value}" for name, value in about.items()))
    results: list[Table] = []
    for name in options.only:
        for table in importlib.import_module(name).measure(settings):
            console.print(table.to_rich())
            results.append(table)
        _write(options, about, results)  # after each, so that a long run leaves what it has


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=TABLES, default=TABLES, metavar="TABLE",
                        help=f"of {', '.join(TABLES)}")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="best of so many rounds counts")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try everything")
    parser.add_argument("--slow", action="store_true", help="also what takes many minutes")
    parser.add_argument("--onedal-python", default=os.environ.get("ONEDAL_PYTHON"),
                        help="Python with daal4py; also the variable ONEDAL_PYTHON")  # fmt: skip
    parser.add_argument("--rscript", default=shutil.which("Rscript"),
                        help="Rscript with rstan, by default on the path; '': none")  # fmt: skip
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--markdown", type=Path, help="Markdown file to write")
    return parser


def _write(options: argparse.Namespace, about: dict, results: list[Table]) -> None:
    if options.out:
        plain = [table.to_plain() for table in results]
        options.out.write_text(json.dumps({"machine": about, "tables": plain}, indent=1))
    if options.markdown:
        options.markdown.write_text("\n".join(table.to_markdown() for table in results))


if __name__ == "__main__":
    main()
