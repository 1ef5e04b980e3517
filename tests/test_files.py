"""Files and folders are replaced whole, also where folders cannot change places in one step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bayesgmm import files
from bayesgmm.files import present, replacing, try_place


def write(path: Path, text: str) -> None:
    with replacing(path) as unfinished:
        unfinished.mkdir()
        (unfinished / "text").write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_folder_takes_the_place_of_another(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(files, "_exchanged", lambda one, other: False)
    for text in ("old", "new"):
        write(tmp_path / "a", text)
        assert (tmp_path / "a" / "text").read_text() == text
        assert names(tmp_path) == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need permissions")
@pytest.mark.parametrize("exchanges", [True, False])
def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(files, "_exchanged", lambda one, other: False)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("middle")
    (tmp_path / "middle").symlink_to(Path("real") / "a")  # which is not there yet
    for text in ("old", "new"):
        write(tmp_path / "link", text)
        assert (tmp_path / "real" / "a" / "text").read_text() == text
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "middle").is_symlink()
    assert names(tmp_path) == ["link", "middle", "real"]
    assert names(tmp_path / "real") == ["a"]
    (tmp_path / "real" / "a").rename(files._aside(tmp_path / "real" / "a"))
    assert (present(tmp_path / "link") / "text").read_text() == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="names have other limits")
def test_what_cannot_be_written_is_told_by_the_name_that_was_given(tmp_path):
    path = tmp_path / ("a" * 240)  # the hidden name is longer than systems allow
    with pytest.raises(OSError, match="too long") as told:
        try_place(path)
    assert told.value.filename == str(path)
    with pytest.raises(OSError, match="too long") as told, replacing(path) as unfinished:
        unfinished.write_text("new")
    assert told.value.filename == str(path)
    assert names(tmp_path) == []


def test_between_two_renames_the_old_folder_can_be_read_and_comes_back(tmp_path, monkeypatch):
    """Where nothing exchanges folders, and the process ends after the first rename."""
    write(tmp_path / "a", "old")
    monkeypatch.setattr(files, "_exchanged", lambda one, other: False)
    rename = Path.rename

    def die(self, target):
        if self.name.endswith(".part"):
            raise SystemExit
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", die)
    with pytest.raises(SystemExit):
        write(tmp_path / "a", "new")
    assert not (tmp_path / "a").exists()
    assert (present(tmp_path / "a") / "text").read_text() == "old"
    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a"):
        raise ZeroDivisionError
    assert (tmp_path / "a" / "text").read_text() == "old"
    write(tmp_path / "a", "new")
    assert names(tmp_path) == ["a"]
    assert (present(tmp_path / "a") / "text").read_text() == "new"


def test_only_leftovers_of_processes_that_are_gone_are_removed(tmp_path):
    code = (
        "import os, pathlib, sys\nfrom bayesgmm.files import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as unfinished:\n"
        "    unfinished.write_text('half')\n    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "a"], check=False)
    (gone,) = names(tmp_path)
    other = tmp_path / gone.replace(".a.", ".b.")
    other.write_text("of another file")
    alive = tmp_path / gone.replace(gone.split("-")[-2], str(os.getppid()))
    alive.write_text("of a process that runs")
    with replacing(tmp_path / "a") as unfinished:
        unfinished.write_text("whole")
    assert names(tmp_path) == sorted([alive.name, other.name, "a"])
    os.utime(alive, (0, 0))
    with replacing(tmp_path / "a") as unfinished:
        unfinished.write_text("whole")
    assert names(tmp_path) == sorted([other.name, "a"])
