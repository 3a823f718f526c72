"""Landing and auditing eight times the rows takes no more memory."""

from __future__ import annotations

import multiprocessing
import resource
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.settings.section import parse_section
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener

FIRST, SECOND = date(2026, 3, 9), date(2026, 3, 10)
ROWS, GROWTH = 30_000, 8
SLACK_MB = 20
LIMIT_S = 300


def declare() -> SourceSettings:
    numbers = {f"value_{number}": {"type": "float64", "nullable": True, "min": 0} for number in range(8)}
    source = {
        "kind": "files", "path": "{day}.parquet", "format": "parquet", "grain": "daily", "key": ["reading_id"],
        "event_column": "made_on", "allowed_lateness_days": 1,
        "columns": {
            "reading_id": {"type": "int64"}, "label": {"type": "string"}, "made_on": {"type": "date"}, **numbers,
        },
    }  # fmt: skip
    return parse_section({"sources": {"readings": source}}, SourceSettings, "development", "sources.yml")


def write_day(root: Path, day: date, rows: int) -> None:
    """Numbers and texts of which nearly all are different."""
    dice = np.random.default_rng(7)
    columns = {f"value_{number}": dice.random(rows) for number in range(8)}
    ids = np.arange(rows)
    labels = [f"reading {one} of the day" for one in ids]
    table = pa.table({"reading_id": ids, "label": labels, "made_on": [day] * rows, **columns})
    pq.write_table(table, root / f"{day}.parquet", row_group_size=10_000)


def load_days(uri: str, root: Path, sender: Connection) -> None:
    """Load a day and one that is larger; send the greatest memory that the process had after each, in MB."""
    from include.ingestion import check, landed_rows
    from include.ingestion.audit import audit_run
    from include.ingestion.land import land_source
    from include.ingestion.plan import plan_load
    from include.sources import formats

    landed_rows.CHUNK_PAGES, formats._BLOCK_ROWS, check._MOST_VALUES = 128, 4_096, 5_000
    opener = SourceOpener(declare(), root)
    for day in (FIRST, SECOND):
        items = [land_source(uri, opener, item) for item in plan_load(uri, opener, day, day)]
        audit_run(uri, declare(), items, str(day))
        sender.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def test_memory_does_not_grow_with_the_rows(warehouse_uri: str, tmp_path: Path) -> None:
    write_day(tmp_path, FIRST, ROWS)
    write_day(tmp_path, SECOND, ROWS * GROWTH)
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=load_days, args=(warehouse_uri, tmp_path, sender))
    process.start()
    sender.close()
    try:
        peaks = [receiver.recv() if receiver.poll(LIMIT_S) else None for _ in range(2)]
        process.join(LIMIT_S)
    finally:
        process.kill()
    assert peaks[0] and peaks[1], "the child failed, see its error"
    assert peaks[1] < peaks[0] + SLACK_MB
