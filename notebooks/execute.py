"""Run every notebook from its first cell to its last, and fail if one of them fails.

As many run at a time as there are cores.

python notebooks/execute.py           run copies; the notebooks stay as they are
python notebooks/execute.py --save    keep the new outputs in the notebooks
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

SECONDS_PER_CELL = 900

_PLACE = re.compile(r"^/\S*/ipykernel_\d+/\d+\.py:\d+: ", re.MULTILINE)

_QUIET = ["--IPKernelApp.log_level=40"]  # errors only: kernels warn that this machine hears them


def execute(path: Path, *, save: bool) -> bool:
    """Run one notebook and report; return whether it ran through."""
    notebook = nbformat.read(path, as_version=4)
    started = time.monotonic()
    # Files that a notebook writes belong to nobody: they go with the temporary folder.
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=SECONDS_PER_CELL,
            kernel_name="python3",
            extra_arguments=_QUIET,
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute()
        except CellExecutionError as error:
            print(f"{path.name}: failed\n{error}", file=sys.stderr)
            return False
    if save:
        _leave_out_places(notebook)
        nbformat.write(notebook, path)
    print(f"{path.name}: ran in {time.monotonic() - started:.0f} s", flush=True)
    return True


def _leave_out_places(notebook: nbformat.NotebookNode) -> None:
    """Leave the temporary files of cells, which warnings name, out of the outputs."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = _PLACE.sub("", output.text)


def main() -> int:
    """Run all notebooks beside this file; return 1 if any of them failed."""
    parser = argparse.ArgumentParser(description="Run every notebook beside this file.")
    parser.add_argument("--save", action="store_true", help="keep the new outputs")
    save = parser.parse_args().save
    paths = sorted(Path(__file__).parent.glob("*.ipynb"), reverse=True)  # the last takes longest
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        results = list(pool.map(partial(execute, save=save), paths))
    return 0 if all(results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
