"""Which days of one source a run loads for its window, and when it goes on without the source."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from include.errors import SourceError
from include.settings.source_base import ConnectedSource, SourceBase
from include.sources.deliveries import find_missing_days, find_snapshots, list_days
from include.sources.source import Deliveries
from include.warehouse.session import Session

log = logging.getLogger(__name__)


@contextmanager
def left_out_if_optional(source: SourceBase) -> Iterator[None]:
    """Go on, with a warning, without a source that is not critical and cannot be opened or reached.

    Raises:
        SourceError: the source is critical.
    """
    try:
        yield
    except SourceError as error:
        if source.critical:
            raise
        log.warning("%s It is not critical: the run goes on without.", error)


@dataclass(frozen=True)
class SourcePlan:
    """One source, and what of it is published."""

    session: Session
    time_zone: str
    name: str
    source: SourceBase
    deliveries: Deliveries

    def find_window(self, from_day: date, to_day: date, *, may_be_newer: bool) -> tuple[date, date] | None:
        """The first and the last day to load; None for nothing to load, with a warning where there should be some.

        Args:
            may_be_newer: whether a live copy is loaded that is newer than the window.

        Raises:
            SourceError: a critical source has not delivered, or cannot be reached.
        """
        if self.source.grain == "snapshot":
            days = self._find_snapshots(from_day, to_day, may_be_newer)
        else:
            days = self._find_daily(from_day, to_day)
        return (days[0], days[-1]) if days else None

    def _find_daily(self, from_day: date, to_day: date) -> list[date]:
        days = list_days(from_day, to_day)
        missing = find_missing_days(self.deliveries, from_day, to_day)
        if missing:
            self._report_missing(missing)
        if not isinstance(self.source, ConnectedSource):  # to load a file is as cheap as to compare it
            return days if len(missing) < len(days) else []
        return self._find_changed([day for day in days if day not in missing])

    def _find_snapshots(self, from_day: date, to_day: date, may_be_newer: bool) -> list[date]:
        days = find_snapshots(self.deliveries, from_day, date.max if may_be_newer and self.source.is_live else to_day)
        if days:
            return self._find_changed(days)
        newer = self.deliveries.find_days(to_day, date.max) if self.source.is_live else []
        if newer:
            log.warning(
                "The live copy of %s is of %s, after the window: a run without from_day and to_day loads it.",
                self.name, newer[-1],
            )  # fmt: skip
        elif not self._read_versions():
            self._report_missing([to_day])
        return []

    def _report_missing(self, days: list[date]) -> None:
        with left_out_if_optional(self.source):
            raise self.deliveries.explain_missing(days)

    def _find_changed(self, days: list[date]) -> list[date]:
        """Those of the days that are not published, or may be delivered with other content since."""
        published = self._read_versions()
        return [
            day
            for day in days
            if day not in published
            or (version := mark_version(self.time_zone, self.source, self.deliveries.find_version(day))) is None
            or version != published[day]
        ]

    def _read_versions(self) -> dict[date, str | None]:
        """The published days, with the version of each."""
        rows = self.session.fetch_all("select batch_day, version from raw.partitions where source = %s", (self.name,))
        return {row["batch_day"]: row["version"] for row in rows}


def mark_version(time_zone: str, source: SourceBase, version: str | None) -> str | None:
    """The version of a delivery together with how it is read: what is declared otherwise since makes it another one."""
    if version is None:
        return None
    declared = f"{time_zone} {source.model_dump_json()}"
    return f"{version} {hashlib.sha256(declared.encode()).hexdigest()[:16]}"
