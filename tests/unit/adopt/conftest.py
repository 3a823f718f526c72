"""A folder of settings with one source, and files of a plant that nobody has declared."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.adopt.proposal import NewSource, propose_source

FIRST = date(2026, 3, 2)
SOURCES = """\
# Where the data of the plant comes from.
root: inbox
time_zone: Europe/Berlin

sources:
  # The first one.
  machines:
    kind: files
    path: machines/{day}.csv
    format: csv
    grain: snapshot
    key: [machine_id]
    columns:
      machine_id: {type: int64}   # never reused
      site: {type: string, nullable: true,
             allowed: [north, south]}
      # No more columns.

environments:
  production:
    schedule: "0 5 * * *"
"""


@dataclass
class Inbox:
    """Files to be declared, and the settings beside them."""

    config: Path
    folder: Path

    def write(self, name: str, content: bytes | str) -> Path:
        """One file; text is written in UTF-8."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def write_csv(self, name: str, header: str, rows: Sequence[str]) -> Path:
        """One CSV file."""
        return self.write(name, "\n".join((header, *rows)) + "\n")

    def write_json(self, name: str, rows: Sequence[dict[str, Any]]) -> Path:
        """One file of JSON lines, packed where its name says so."""
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        return self.write(name, gzip.compress(content) if name.endswith(".gz") else content)

    def propose(self, start: Path | None = None, name: str | None = None) -> NewSource:
        """What is declared of the folder, or of a file."""
        return propose_source(start or self.folder, name, self.config, "development")

    def declare(self, start: Path | None = None) -> dict[str, Any]:
        """The entry alone."""
        return self.propose(start).declaration.content

    def ask(self, start: Path | None = None) -> str:
        """The questions, one a line."""
        return "\n".join(self.propose(start).declaration.questions)


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """An empty folder below the sources' one."""
    config = tmp_path / "config" / "sources.yml"
    config.parent.mkdir()
    config.write_text(SOURCES)
    folder = tmp_path / "inbox" / "orders"
    folder.mkdir(parents=True)
    monkeypatch.setenv("ORRERY_SOURCES_DIR", str(tmp_path / "inbox"))
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(config.parent))
    return Inbox(config, folder)


@pytest.fixture
def days() -> list[date]:
    """Three days in a row."""
    return [FIRST + timedelta(days=offset) for offset in range(3)]


WriteDays = Callable[..., None]


@pytest.fixture
def write_days(inbox: Inbox, days: list[date]) -> WriteDays:
    """Three daily CSV files of four rows each: a number that is unique, a moment, and what a test adds.

    ``more`` gives the added values of a row by its number in all files.
    """

    def write(header: str = "", more: Callable[[int], str] = lambda number: "", pattern: str = "{day}.csv") -> None:
        for position, day in enumerate(days):
            rows = []
            for number in range(position * 4, position * 4 + 4):
                added = f",{more(number)}" if header else ""
                rows.append(f"{1000 + number},{day}T{8 + number % 4:02}:30:00Z{added}")
            name = pattern.replace("{day}", str(day))
            inbox.write_csv(name, "order_id,ordered_at" + (f",{header}" if header else ""), rows)

    return write
