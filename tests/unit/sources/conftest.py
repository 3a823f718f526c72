"""Two small sources: sales in Parquet, visits in CSV."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.settings.section import parse_section
from include.settings.sources import SourceSettings

DAY = date(2026, 3, 9)


def describe_sources() -> dict[str, Any]:
    """What sources.yml would say."""
    return {
        "time_zone": "America/New_York",
        "sources": {
            "sales": {
                "kind": "files", "path": "sales/{day}.parquet", "format": "parquet", "grain": "daily",
                "key": ["sale_id"], "event_column": "sold_at", "allow_empty": "if_declared",
                "columns": {
                    "sale_id": {"type": "int64"},
                    "amount": {"type": "float64", "nullable": True},
                    "shop": {"type": "string", "nullable": True},
                    "sold_at": {"type": "timestamp"},
                },
            },
            "visits": {
                "kind": "files", "path": "visits/{day}.csv", "format": "csv", "grain": "daily", "critical": False,
                "key": ["visit_id"], "event_column": "visited_on",
                "columns": {
                    "visit_id": {"type": "int64"},
                    "minutes": {"type": "float64", "nullable": True},
                    "visited_on": {"type": "date"},
                    "seen_at": {"type": "timestamp", "nullable": True},
                },
            },
        },
    }  # fmt: skip


@pytest.fixture
def description() -> dict[str, Any]:
    """What sources.yml would say, to be changed by a test."""
    return describe_sources()


@pytest.fixture
def settings() -> SourceSettings:
    """The two sources as settings."""
    return parse_section(describe_sources(), SourceSettings, "development", "sources.yml")


@pytest.fixture
def sales() -> dict[str, pa.Array]:
    """The columns of a good sales file, to be changed by a test."""
    return {
        "sale_id": pa.array([1, 2, 3], pa.int64()),
        "amount": pa.array([9.5, None, 0.25], pa.float64()),
        "shop": pa.array(["north", None, "south"], pa.string()),
        "sold_at": pa.array(["2026-03-09T03:59:59", "2026-03-09T04:00:00", "2026-03-10T03:59:59"], pa.string()).cast(
            pa.timestamp("ns")
        ),
    }


@pytest.fixture
def write_sales(tmp_path: Path):
    """Writes one day of sales from columns."""

    def write(columns: dict[str, pa.Array], day: date = DAY, metadata: dict[str, str] | None = None) -> Path:
        path = tmp_path / "sales" / f"{day}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)
        return path

    return write


@pytest.fixture
def write_visits(tmp_path: Path):
    """Writes one day of visits from text or bytes."""

    def write(content: str | bytes, day: date = DAY) -> Path:
        path = tmp_path / "visits" / f"{day}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
