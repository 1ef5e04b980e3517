"""A table of figures: what was counted, and one record for each line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import rich.table

Record = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """Figures, and the sentence without which they mean nothing."""

    title: str
    note: str
    records: list[Record]

    @property
    def columns(self) -> list[str]:
        """All names that occur, in the order in which they first occur."""
        return list(dict.fromkeys(name for record in self.records for name in record))

    def to_plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"title": self.title, "note": self.note, "records": self.records}

    def to_rich(self) -> rich.table.Table:
        """Return the table for a terminal."""
        table = rich.table.Table(
            title=self.title, caption=self.note, title_justify="left", caption_justify="left"
        )
        for name in self.columns:
            table.add_column(name, justify="right")
        for record in self.records:
            table.add_row(*self._cells(record))
        return table

    def to_markdown(self) -> str:
        """Return the table for ``README.md``."""
        head = [f"### {self.title}", "", self.note, ""]
        rule = [_line(self.columns), _line(["---:"] * len(self.columns))]
        body = [_line(self._cells(record)) for record in self.records]
        return "\n".join([*head, *rule, *body, ""])

    def _cells(self, record: Record) -> list[str]:
        return [_shown(record.get(name)) for name in self.columns]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace(",", " ")
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)
