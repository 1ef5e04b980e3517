"""What the person at the keyboard chose, and where the other programs are."""

from __future__ import annotations

import subprocess
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from shutil import copy

from processes import Peer

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Settings:
    """Options of ``run.py``.

    Attributes
    ----------
    rounds : int
        The best of so many rounds counts.
    quick : bool
        Tiny sizes: shows that everything works, and measures nothing.
    slow : bool
        Also what takes many minutes.
    onedal_python, rscript : str or None
        Programs to run the peers with; ``None`` or nothing leaves them out.
    workspace : Path
        A folder for the time of the run: RStan leaves its compiled program there.
    """

    rounds: int
    quick: bool
    slow: bool
    onedal_python: str | None
    rscript: str | None
    workspace: Path

    def onedal(self) -> AbstractContextManager[Peer | None]:
        """Start oneDAL in its own environment."""
        if not self.onedal_python:
            return nullcontext(None)
        return Peer([self.onedal_python, str(_FOLDER / "peers" / "onedal_em.py")])

    def rstan(self, name: str = "mixture") -> AbstractContextManager[Peer | None]:
        """Start RStan on a program; it has to be asked to compile before anything else."""
        if not self.rscript:
            return nullcontext(None)
        program = self.workspace / f"{name}.stan"
        if not program.exists():
            copy(_FOLDER / "stan" / program.name, program)
        return Peer([self.rscript, str(_FOLDER / "peers" / "rstan.R"), str(program)])

    def mclust(self) -> AbstractContextManager[Peer | None]:
        """Start R with mclust, where both are found."""
        if not self.rscript or not _has_package(self.rscript, "mclust"):
            return nullcontext(None)
        return Peer([self.rscript, str(_FOLDER / "peers" / "mclust.R")])


def _has_package(rscript: str, name: str) -> bool:
    asked = f"quit(status = !all(c('{name}', 'jsonlite') %in% rownames(installed.packages())))"
    return subprocess.run([rscript, "-e", asked], check=False, capture_output=True).returncode == 0
