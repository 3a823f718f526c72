"""Deliveries that are files in a folder which tasks see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from include.errors import DeliveryMissingError
from include.settings.source_kinds import FileSource
from include.sources.dated_names import DatedName
from include.sources.source import explain_missing_days, hash_file


@dataclass(frozen=True)
class FileDeliveries:
    """The files of one source; see :class:`include.sources.source.Deliveries`."""

    name: str
    source: FileSource
    root: Path

    def path(self, day: date) -> Path:
        """Where the file of one day is, or should be."""
        return self.root / self.source.path.replace("{day}", day.isoformat())

    def find_days(self, from_day: date, to_day: date) -> list[date]:
        """The days for which files exist."""
        return self._pattern.find_days(self._list_names(), from_day, to_day)

    def describe(self, day: date) -> str:
        """The path."""
        return str(self.path(day))

    def explain_missing(self, days: Sequence[date]) -> DeliveryMissingError:
        """Says what the folder holds instead."""
        first, names = self.path(days[0]), self._list_names()
        delivered = self._pattern.find_days(names, date.min, date.max)
        if delivered:
            found = f"Its files are of {delivered[0]} to {delivered[-1]}."
        else:
            found = f"Its folder {first.parent} holds no file named like {self._pattern.pattern}."
        near = self._pattern.find_near(days[0], names)
        return explain_missing_days(
            self.name, days, str(first), found + (f" Nearest name there: {near}." if near else ""),
            "Have the source deliver the file, or choose a window that was delivered, and run again.",
        )  # fmt: skip

    def find_version(self, day: date) -> str | None:
        """SHA-256 of the file's bytes."""
        return hash_file(self.path(day))

    def find_changed_at(self, day: date) -> datetime | None:
        """When a file was written or put in its place, whichever is later: a copy may keep an old time of writing."""
        try:
            status = self.path(day).stat()
        except OSError:
            return None
        return datetime.fromtimestamp(max(status.st_mtime, status.st_ctime), UTC)

    def fetch(self, day: date, folder: Path) -> Path:  # noqa: ARG002 - of the interface
        """The file itself; reading says what is wrong with it."""
        return self.path(day)

    @property
    def _pattern(self) -> DatedName:
        return DatedName(Path(self.source.path).name)

    def _list_names(self) -> list[str]:
        folder = self.path(date.min).parent
        return [path.name for path in folder.iterdir()] if folder.is_dir() else []
