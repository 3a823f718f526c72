"""What it costs to land, audit and publish a delivery, beside a bare COPY of the same rows.

Measured: for one Parquet file of 1 M rows (``--rows``) and one of ten times as many, ten columns each: rows per
second from the plan to the published table, and the greatest memory that the process had. The peer copies the same
rows out of a CSV file into a table of the same columns by psycopg's ``COPY``, without any check; ``ratio`` (ours /
peer) is the share of its rows per second, or how many times its memory. Besides, the seconds of the content hash over
the published rows, and over 1.5 M rows of 11 columns.

Fair because: one PostgreSQL server, both sides commit durably, each in a new process for each repetition, with imports
not counted in the seconds; both tables hold the same rows in the end, which is compared.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.apart import run_apart
from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare, state
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Tell, interleave
from include.servers.postgres import PostgresServer, temporary_postgres
from include.settings.sources import SourceSettings
from include.warehouse.migrate import migrate_warehouse
from include.warehouse.names import TableName
from include.warehouse.partitions import ensure_day_partitions
from include.warehouse.session import open_session

REPETITIONS: Final = 3
DAY: Final = date(2026, 1, 5)
SOURCE: Final = "readings"
GROWTH: Final = 10
HASHED_ROWS: Final = 1_500_000
_NUMBERS: Final = {"type": "float64", "nullable": True, "min": 0, "max": 10_000}
_COLUMNS: Final[dict[str, dict[str, Any]]] = {
    "reading_id": {"type": "int64", "critical": True, "min": 1},
    "machine_id": {"type": "int64", "critical": True, "min": 1},
    "site": {"type": "string", "allowed": ["north", "south", "west"]},
    "samples": {"type": "int64", "nullable": True, "critical": True, "min": 0, "max": 1_000_000},
    "heat": {**_NUMBERS, "publish_type": "numeric(12, 2)", "critical": True},
    "noise": {**_NUMBERS, "publish_type": "numeric(12, 2)"},
    "pressure": {**_NUMBERS, "publish_type": "numeric(12, 2)"},
    "humidity": _NUMBERS,
    "note": {"type": "string", "nullable": True},
    "measured_at": {"type": "timestamp", "critical": True},
}


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Rows per second and memory at both sizes, and the hash."""
    figures = []
    for rows in (options.rows, options.rows * GROWTH):
        tell(f"  {rows:,} rows")
        with temporary_folder() as folder, temporary_postgres(folder) as server:
            figures += measure_size(server, folder, rows, options.repetitions or REPETITIONS, tell)
    tell(f"  content hash of {HASHED_ROWS:,} rows")
    with temporary_folder() as folder, temporary_postgres(folder) as server:
        return [*figures, measure_hash(server, folder, options.repetitions or REPETITIONS)]


def measure_hash(server: PostgresServer, folder: Path, repetitions: int) -> Figure:
    """The content hash of a table of 11 columns."""
    uri = server.create_database("hashed")
    migrate_warehouse(uri)
    write_delivery(folder, HASHED_ROWS)
    copy_rows(uri, folder)
    with open_session(uri) as session:
        session.execute(f"alter table raw.{SOURCE} drop column note")
    return state(f"{HASHED_ROWS:,} rows x 11: content hash", [hash_rows(uri) for _ in range(repetitions)], "s")


def measure_size(server: PostgresServer, folder: Path, rows: int, repetitions: int, tell: Tell) -> list[Figure]:
    """The figures of one delivery of ``rows`` rows."""
    migrate_warehouse(server.create_database("template"))
    write_delivery(folder, rows)
    numbers = {"ours": itertools.count(), "peer": itertools.count()}
    memory: dict[str, list[float]] = {"ours": [], "peer": []}

    def run(side: str, work: Callable[[str, Path], float]) -> float:
        uri = server.create_database(f"{side}_{next(numbers[side])}", template="template")
        seconds, peak_mb = run_apart(work, uri, folder)
        check_rows(uri, rows)
        memory[side].append(peak_mb)
        return rows / seconds

    sides = {"ours": partial(run, "ours", ingest), "peer": partial(run, "peer", copy_rows)}
    speed = interleave(sides, repetitions, tell)
    hashed = [hash_rows(server.uri("ours_0")) for _ in range(repetitions)]
    size = f"{rows:,} rows"
    return [
        compare(f"{size}: ingestion; peer: COPY", speed["ours"], speed["peer"], "rows/s", "ours / peer"),
        compare(f"{size}: most memory; peer: COPY", memory["ours"], memory["peer"], "MB", "ours / peer"),
        state(f"{size}: content hash", hashed, "s"),
    ]


def make_settings() -> SourceSettings:
    """One daily source with ten columns."""
    source = {
        "kind": "files", "path": "{day}.parquet", "format": "parquet", "grain": "daily", "key": ["reading_id"],
        "event_column": "measured_at", "columns": _COLUMNS,
    }  # fmt: skip
    return SourceSettings.model_validate({"sources": {SOURCE: source}})


def write_delivery(folder: Path, rows: int) -> None:
    """The same rows as one Parquet file and as one CSV file, as they are published."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    dice = np.random.default_rng(7)
    begin = datetime.combine(DAY, datetime.min.time(), UTC)
    seconds = np.sort(dice.integers(0, 86_400, rows))
    sites = pa.array(["north", "south", "west"])
    table = pa.table(
        {
            "reading_id": np.arange(1, rows + 1),
            "machine_id": dice.integers(1, 5_000, rows),
            "site": sites.take(pa.array(dice.integers(0, 3, rows))),
            "samples": dice.integers(0, 500, rows),
            **{name: np.round(dice.gamma(3, 20, rows), 2) for name in ("heat", "noise", "pressure", "humidity")},
            "note": pa.array(np.where(dice.random(rows) < 0.1, "seen by hand", None)),  # type: ignore[call-overload]
            "measured_at": pa.array(
                seconds * 1_000_000 + int(begin.timestamp() * 1_000_000), pa.timestamp("us", "UTC")
            ),
        }
    )
    pq.write_table(table, folder / f"{DAY}.parquet")
    days = pa.array([DAY] * rows, pa.date32())
    published = table.append_column("day", days).append_column("batch_day", days)
    csv.write_csv(published, folder / f"{DAY}.csv", csv.WriteOptions(include_header=False))


def ingest(uri: str, folder: Path) -> float:
    """Plan, land, audit and publish the delivery; seconds."""
    from include.ingestion.audit import audit_run
    from include.ingestion.land import land_source
    from include.ingestion.plan import plan_load
    from include.ingestion.publish import publish_batch
    from include.quality.validate import prepare_great_expectations
    from include.sources.deliveries import SourceOpener

    prepare_great_expectations()
    sources = make_settings()
    opener = SourceOpener(sources, folder)
    began_at = time.perf_counter()
    items = [land_source(uri, opener, item) for item in plan_load(uri, opener, DAY, DAY)]
    publish_batch(uri, sources, audit_run(uri, sources, items, "benchmark"))
    return time.perf_counter() - began_at


def copy_rows(uri: str, folder: Path) -> float:
    """Copy the rows into a table of the same columns; seconds."""
    from include.ingestion.tables import ensure_raw_tables

    ensure_raw_tables(uri, make_settings())
    began_at = time.perf_counter()
    with open_session(uri) as session, (folder / f"{DAY}.csv").open("rb") as file:
        ensure_day_partitions(session, TableName("raw", SOURCE), [DAY])
        columns = ", ".join((*_COLUMNS, "day", "batch_day"))
        session.copy_in(
            f"copy raw.{SOURCE} ({columns}) from stdin (format csv)", iter(partial(file.read, 1 << 20), b"")
        )
    return time.perf_counter() - began_at


def check_rows(uri: str, rows: int) -> None:
    """Stop where a side did not publish all rows.

    Raises:
        BenchmarkError: the comparison would be of different work.
    """
    with open_session(uri) as session:
        found = session.fetch_one(f"select count(*) as rows, count(distinct reading_id) as ids from raw.{SOURCE}")
    if found != {"rows": rows, "ids": rows}:
        raise BenchmarkError(f"The sides did not do the same work: of {rows:,} rows, {found} arrived.")


def hash_rows(uri: str) -> float:
    """Seconds of the content hash over the published rows."""
    from include.ingestion.version import hash_days

    with open_session(uri) as session:
        began_at = time.perf_counter()
        hash_days(session, SOURCE, [DAY])
        return time.perf_counter() - began_at
