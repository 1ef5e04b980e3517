"""Other processes: peers that answer questions, and jobs of ours that need a fresh start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_MARK = "ANSWER "  # other lines on the standard output are chatter of libraries
_FOLDER = Path(__file__).parent


class Peer:
    """A program that answers every line of JSON with another, until its input ends.

    It lives as long as the comparison, so that rounds can alternate, and times itself.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command

    def __enter__(self) -> Peer:
        self._messages = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._messages.close()

    def ask(self, job: str, **arguments: Any) -> dict[str, Any]:
        """Send a question and wait for the answer."""
        self._process.stdin.write(json.dumps({"job": job, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(_MARK):
                return json.loads(line.removeprefix(_MARK))
        self._messages.seek(0)
        told = self._messages.read()[-2000:]
        raise RuntimeError(f"{' '.join(self._command)} ended without an answer:\n{told}")


def run_job(name: str, *arguments: object, caches: Path | None = None) -> dict[str, Any]:
    """Run ``jobs/name.py`` in a new process and return its answer, with its seconds in all.

    ``caches`` is a folder for everything that numba and PyTensor compile; an empty one makes
    the process the first of its kind.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_FOLDER), *sys.path])}
    if caches is not None:
        environment["NUMBA_CACHE_DIR"] = str(caches / "numba")
        environment["PYTENSOR_FLAGS"] = f"base_compiledir={caches / 'pytensor'}"
    command = [sys.executable, str(_FOLDER / "jobs" / f"{name}.py"), *map(str, arguments)]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, check=False, text=True, capture_output=True)
    seconds = time.perf_counter() - started
    answers = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if done.returncode or not answers:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return {**json.loads(answers[-1].removeprefix(_MARK)), "process": seconds}


def answer(**values: Any) -> None:
    """Say the answer of a job."""
    print(_MARK + json.dumps(values), flush=True)
