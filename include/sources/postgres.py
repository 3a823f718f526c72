"""The deliveries of a PostgreSQL table or query: the rows of a day, or its live copy, fetched into a Parquet file."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.errors import DeliveryMissingError, SourceError
from include.settings.clock import read_today
from include.settings.postgres_source import PostgresSource
from include.settings.source_names import ColumnType
from include.sources.postgres_client import PostgresClient, Snapshot, find_conninfo
from include.sources.postgres_columns import (
    ColumnProblem,
    TableColumn,
    check_watermark,
    find_day,
    name_relation,
    select_columns,
    select_day,
)
from include.sources.source import SourceAccess, explain_missing_days
from include.warehouse.names import quote_column

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


def open_table(name: str, source: PostgresSource, access: SourceAccess, time_zone: str) -> PostgresDeliveries:
    """The deliveries of a table or query; no connection is opened yet.

    Raises:
        SourceError: the connection names no host or no database.
    """
    client = PostgresClient(name, source.connection, find_conninfo(source.connection, access))
    return PostgresDeliveries(name, source, client, time_zone)


@dataclass(frozen=True)
class PostgresDeliveries:
    """What a table holds, by day.

    Of a daily source a day is delivered when the table has rows of it or of an earlier day, and rows of it or of a
    later one, by their watermark: a day between others without rows is an empty delivery. A snapshot source has one
    delivery, the live copy: that of the day of its newest watermark, or of today without a watermark.
    """

    name: str
    source: PostgresSource
    client: PostgresClient
    time_zone: str

    def find_days(self, from_day: date, to_day: date) -> list[date]:
        """The days of a window that are delivered, oldest first, both ends included.

        Raises:
            SourceAwayError: the server is away, or does not let us in.
            SourceError: there is no such table or column.
        """
        span = self._find_span()
        if span is None:
            return []
        first, last = max(from_day, span[0]), min(to_day, span[1])
        return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]

    def explain_missing(self, days: Sequence[date]) -> DeliveryMissingError:
        """The error for days that are not between the oldest row and the newest, or that the live copy is not of.

        Raises:
            SourceAwayError, SourceError: see :meth:`find_days`.
        """
        remedy = "Have the rows delivered, or choose a window that was, and run again."
        span = self._find_span()
        found = f"It has the days {span[0]} to {span[1]}." if span else "It has no rows with a watermark."
        return explain_missing_days(self.name, days, self.describe(days[0]), found, remedy)

    def find_changed_at(self, day: date) -> datetime | None:  # noqa: ARG002 - of the interface
        """None: a database does not say when rows were changed."""
        return None

    def describe(self, day: date) -> str:
        """What is read, and where."""
        of_day = f", {self.source.watermark} on {day}" if self.source.grain == "daily" else ""
        return f"{self._what} in {self.client.server}{of_day}"

    def find_version(self, day: date) -> str:
        """The number of rows and a sum over the hashes of their declared columns, which the server calculates.

        A newest watermark would not show that rows were changed whose watermark was not.

        Raises:
            SourceAwayError, SourceError: see :meth:`find_days`.
        """
        columns = self._describe_columns()
        self._select_rows(day, columns)  # refuses columns that are not there
        values = ", ".join(quote_column(name) for name in self.source.columns)
        count, total = self._fetch_row(
            f"count(*), coalesce(sum(hashtextextended(row({values})::text, 0)), 0)", self._select_day(day, columns)
        )
        return f"{count} rows of {total}"

    def fetch(self, day: date, folder: Path) -> Path:
        """The declared columns of a day's rows, in order of the key, as a Parquet file in ``folder``.

        It is written while it is read, batch by batch, from one state of the database; nothing is left there of a
        part of it.

        Raises:
            SourceAwayError: the server is away, does not let us in, or ends the connection.
            SourceError: a table or column is not there or cannot be read as declared; or the live copy is younger
                than ``day``.
        """
        path = folder / f"{self.name}.{day}.parquet"
        partial = path.with_suffix(".partial")
        columns = self._describe_columns()
        sql = self._select_rows(day, columns)
        try:
            with self.client.open_snapshot(self._what) as snapshot:
                self._check_live_day(snapshot, day)
                self._warn_of_no_day(snapshot)
                rows = write_batches(*snapshot.read_batches(sql), partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        log.info("Source %r: %d row(s) from %s.", self.name, rows, self.describe(day))
        return path

    @property
    def _what(self) -> str:
        return f"table {self.source.table}" if self.source.table else "its query"

    @property
    def _declared(self) -> Mapping[str, ColumnType]:
        return {name: column.type for name, column in self.source.columns.items()}

    def _find_span(self) -> tuple[date, date] | None:
        """The first and the last day that are delivered; None if there is none."""
        if self.source.watermark is None:
            today = read_today(self.time_zone)
            return today, today
        self._check_watermark(self._describe_columns())
        quoted = quote_column(self.source.watermark)
        oldest, newest = self._fetch_row(f"min({quoted}), max({quoted})")
        if self.source.grain == "snapshot":
            live = self._find_live_day(newest)
            return live, live
        return (self._find_day(oldest), self._find_day(newest)) if newest is not None else None

    def _describe_columns(self) -> list[TableColumn]:
        return self.client.describe_columns(self._what, name_relation(self.source), self.source.table)

    def _fetch_row(self, what: str, condition: str = "true") -> tuple[Any, ...]:
        return self.client.fetch_row(self._what, f"select {what} from {name_relation(self.source)} where {condition}")

    def _check_watermark(self, columns: list[TableColumn]) -> None:
        if self.source.watermark is not None:
            try:
                check_watermark(self.source.watermark, columns)
            except ColumnProblem as problem:
                raise self.client.explain(self._what).explain_columns(problem) from None

    def _select_rows(self, day: date, columns: list[TableColumn]) -> str:
        try:
            selected = select_columns(self._declared, columns)
        except ColumnProblem as problem:
            raise self.client.explain(self._what).explain_columns(problem) from None
        # In one order: the same rows are the same file.
        order = ", ".join(f"delivered.{quote_column(name)}" for name in self.source.key)
        return (
            f"select {selected} from {name_relation(self.source)} where {self._select_day(day, columns)} "
            f"order by {order}"
        )

    def _select_day(self, day: date, columns: list[TableColumn]) -> str:
        self._check_watermark(columns)
        if self.source.watermark is None or self.source.grain == "snapshot":
            return "true"
        kind = check_watermark(self.source.watermark, columns)
        return select_day(self.source.watermark, kind, day, self.time_zone)

    def _find_day(self, watermark: date) -> date:
        return find_day(watermark, self.time_zone)

    def _find_live_day(self, newest: date | None) -> date:
        today = read_today(self.time_zone)
        return today if newest is None else min(self._find_day(newest), today)

    def _warn_of_no_day(self, snapshot: Snapshot) -> None:
        if self.source.grain == "snapshot" or self.source.watermark is None:
            return
        condition = f"{quote_column(self.source.watermark)} is null"
        lost = snapshot.fetch_value(f"select count(*) from {name_relation(self.source)} where {condition}")
        if lost:
            log.warning(
                "Source %r: %d row(s) of %s have no %s, and are in no day's delivery. Correct them there.",
                self.name, lost, self._what, self.source.watermark,
            )  # fmt: skip

    def _check_live_day(self, snapshot: Snapshot, day: date) -> None:
        """Refuse to date a live copy earlier than it was known."""
        if self.source.grain == "daily":
            return
        newest = None
        if self.source.watermark is not None:
            newest = snapshot.fetch_value(
                f"select max({quote_column(self.source.watermark)}) from {name_relation(self.source)}"
            )
        if (live := self._find_live_day(newest)) > day:
            raise SourceError(
                f"Source {self.name!r}, {self.describe(day)}: the live copy is that of {live} by now, and the run "
                f"asks for that of {day}, which is gone. Start a new run, which loads the one of {live}."
            )


def write_batches(schema: pa.Schema, batches: Iterator[pa.RecordBatch], path: Path) -> int:
    """Write batches into a Parquet file as they come, each as a row group; the number of rows."""
    import pyarrow.parquet as pq

    rows = 0
    with pq.ParquetWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows
