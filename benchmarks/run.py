"""Print the tables of the benchmark, and write them as JSON.

python benchmarks/run.py                    print
python benchmarks/run.py --out figures.json print and write
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import em
import samplers
from rich.console import Console
from rich.table import Table

TABLES = {
    "EM, full covariances, seconds for the iterations": em.measure,
    "Samplers, four chains": samplers.measure,
}
LIBRARIES = ("numpy", "numba", "nutpie", "scikit-learn", "pymc")


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="best of so many rounds counts")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args()
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }
    results = {title: measure(options.rounds) for title, measure in TABLES.items()}
    console = Console(width=110)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()))
    for title, records in results.items():
        console.print(_table(title, records))
    if options.out:
        options.out.write_text(json.dumps({"machine": machine, **results}, indent=1))


def _table(title: str, records: list[dict[str, float | str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in records[0]:
        table.add_column(name, justify="right")
    for record in records:
        table.add_row(*(_shown(value) for value in record.values()))
    return table


def _shown(value: float | str) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
