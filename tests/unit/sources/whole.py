"""Deliveries read as a whole, for tests of what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.sources.files import read_blocks
from include.sources.read import SourceReading, plan_reading
from include.sources.source import Deliveries


@dataclass(frozen=True)
class WholeRead:
    """All rows of a window, and what they came from."""

    table: pa.Table
    deliveries: list
    bad: list


def read_file(name: str, source: SourceBase, path: Path, time_zone: str, place: str = "") -> pa.Table:
    """One file."""
    return pa.concat_tables(read_blocks(name, source, path, time_zone, place))


def read_source(settings: SourceSettings, name: str, deliveries: Deliveries, from_day: date, to_day: date) -> WholeRead:
    """All deliveries of a window."""
    tables: list[pa.Table] = []

    def put(blocks) -> int:
        table = pa.concat_tables(blocks)
        tables.append(table)
        return table.num_rows

    reading: SourceReading = plan_reading(settings, name, deliveries, from_day, to_day)
    reading.read(put)
    return WholeRead(pa.concat_tables(tables), reading.deliveries, reading.bad)
