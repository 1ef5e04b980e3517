"""What documents and docstrings say of places in the house: every file that they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "README.md")]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))
PLACE = re.compile(r"`((?:[\w.]+/)*[\w]+\.(?:py|md|toml))`")


def _is_there(place: str) -> bool:
    if (ROOT / place).exists() or (ROOT / "bayesgmm" / place).exists():
        return True
    return any(
        file.as_posix().endswith(f"/{place}")
        for file in ROOT.glob(f"bayesgmm/**/{Path(place).name}")
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_names_are_there(document):
    places = set(PLACE.findall(document.read_text()))
    assert sorted(place for place in places if not _is_there(place)) == []


def test_files_that_docstrings_name_are_there():
    named = {
        (file.relative_to(ROOT).as_posix(), place)
        for file in (ROOT / "bayesgmm").rglob("*.py")
        for place in PLACE.findall(file.read_text())
    }
    assert sorted(pair for pair in named if not _is_there(pair[1])) == []


def test_the_map_of_the_house_is_short():
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) < 180
