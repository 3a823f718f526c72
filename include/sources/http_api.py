"""The deliveries of an HTTP API: the records of a day, or its live copy, fetched into a file of JSON lines."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from include.errors import DeliveryMissingError, SourceError
from include.settings.clock import read_today
from include.settings.http_source import HttpSource, fill_day
from include.sources.http_client import HttpClient, Query
from include.sources.http_credentials import HttpCredentials, read_credentials
from include.sources.http_pages import PageReader
from include.sources.http_waits import RateLimit, Timing, read_http_date
from include.sources.source import SourceAccess, explain_missing_days

log = logging.getLogger(__name__)


def open_api(name: str, source: HttpSource, access: SourceAccess, time_zone: str) -> HttpDeliveries:
    """The deliveries of an API; no request is sent yet.

    Raises:
        SourceError: the connection's address or headers cannot be used.
    """
    return HttpDeliveries(name, source, read_credentials(source.connection, access), time_zone)


@dataclass(frozen=True)
class HttpDeliveries:
    """What an API answers, by day.

    Every day that is over counts as delivered by a daily source; what it has is known when it is asked. A snapshot
    source has one delivery, the live copy: that of the day of its ``Last-Modified``, or of today where it does not
    say, or comes in pages, of which the first says nothing about the others.
    """

    name: str
    source: HttpSource
    credentials: HttpCredentials
    time_zone: str
    timing: Timing = field(default_factory=Timing)

    def find_days(self, from_day: date, to_day: date) -> list[date]:
        """The days of a window that are delivered, oldest first, both ends included.

        Raises:
            SourceAwayError, SourceError: the server does not answer, or with an error.
        """
        today = read_today(self.time_zone)
        if self.source.grain == "daily":
            last = min(to_day, today - timedelta(days=1))
            return [from_day + timedelta(days=offset) for offset in range((last - from_day).days + 1)]
        day = self._find_live_day(self._peek(today))
        return [day] if from_day <= day <= to_day else []

    def explain_missing(self, days: Sequence[date]) -> DeliveryMissingError:
        """The error for days that are not over, or for a live copy of which there is none at that time."""
        is_daily = self.source.grain == "daily"
        found = (
            "A day counts as delivered when it is over."
            if is_daily
            else "An API has its live copy only, of the day on which it is read or was changed last."
        )
        return explain_missing_days(
            self.name, days, self.describe(days[0]), found, "Choose a window that is delivered, and run again."
        )

    def find_changed_at(self, day: date) -> datetime | None:
        """When the server says that a day's records were changed last; None where it does not.

        Raises:
            SourceAwayError, SourceError: see :meth:`find_days`.
        """
        return read_http_date(self._peek(day).get("last-modified", "")) if self.source.pages is None else None

    def describe(self, day: date) -> str:
        """The URL of a day's records."""
        query = urlencode(self._fill_query(day), safe=":,/")
        return self._fill_url(day) + (f"?{query}" if query else "")

    def find_version(self, day: date) -> str | None:
        """What the server calls the version of an answer (``ETag``, ``Last-Modified``); None where it does not.

        Raises:
            SourceAwayError, SourceError: see :meth:`find_days`.
        """
        if self.source.pages is not None:
            return None
        headers = self._peek(day)
        return headers.get("etag") or headers.get("last-modified")

    def fetch(self, day: date, folder: Path) -> Path:
        """All records of a day as a file of JSON lines in ``folder``; nothing is left there of a part of them.

        Raises:
            SourceAwayError: the server does not answer, or does not let us in.
            SourceError: it answers with an error or what is no list of records; or the live copy is younger than
                ``day``.
        """
        path = folder / f"{self.name}.{day}.jsonl"
        partial = path.with_suffix(".partial")
        try:
            with partial.open("wb") as file, self._open() as client:
                pages = 0
                for page in PageReader(client, self.source, self._fill_url(day), self._fill_query(day)).read():
                    self._check_live_day(day, page.headers)
                    file.write(page.lines)
                    pages += 1
                if not file.tell():
                    file.write(b"\n")  # no records, which a file of no bytes would not say
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        log.info("Source %r: %d page(s), %d bytes from %s.", self.name, pages, path.stat().st_size, self.describe(day))
        return path

    @cached_property
    def _rate(self) -> RateLimit:
        return RateLimit(self.source.requests_per_second, self.timing)

    def _open(self) -> HttpClient:
        return HttpClient(self.name, self.source, self.credentials, self._rate)

    def _peek(self, day: date) -> Mapping[str, str]:
        """The headers of the answer, of which nothing more is read."""
        with self._open() as client:
            return client.get(self._fill_url(day), self._fill_query(day), "its headers", with_body=False).headers

    def _find_live_day(self, headers: Mapping[str, str]) -> date:
        today = read_today(self.time_zone)
        changed_at = read_http_date(headers.get("last-modified", "")) if self.source.pages is None else None
        return min(changed_at.astimezone(ZoneInfo(self.time_zone)).date(), today) if changed_at else today

    def _check_live_day(self, day: date, headers: Mapping[str, str]) -> None:
        """Refuse to date a live copy earlier than it was known."""
        if self.source.grain == "snapshot" and (live := self._find_live_day(headers)) > day:
            raise SourceError(
                f"Source {self.name!r}, {self.describe(day)}: the live copy is that of {live} by now, and the run "
                f"asks for that of {day}, which is gone. Start a new run, which loads the one of {live}."
            )

    def _fill_url(self, day: date) -> str:
        path = fill_day(self.source.path, day).lstrip("/")
        return f"{self.credentials.base_url}/{path}" if path else self.credentials.base_url

    def _fill_query(self, day: date) -> Query:
        parameters = self.source.parameters.items()
        return {name: fill_day(value, day) if isinstance(value, str) else value for name, value in parameters}
