"""A small plant that delivers files, and the steps that load them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.ingestion.audit import audit_batch, audit_run
from include.ingestion.land import land_source
from include.ingestion.plan import LoadItem, plan_load
from include.ingestion.publish import publish_batch
from include.settings.section import load_section
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener
from include.warehouse.session import open_session

DAY = date(2026, 3, 9)
SOURCES = Path(__file__).with_name("sources.yml")
ROWS = 12
_ZONE = ZoneInfo("America/New_York")
Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


@dataclass
class Plant:
    """Writes what a plant delivers: 12 readings a day, one repair, and snapshots of the rest."""

    root: Path

    def write_day(self, day: date, change: Change = lambda rows: rows, reason: str | None = None) -> None:
        """One day of readings (``change`` gets its rows, to spoil them) and of repairs."""
        self.write_readings(day, change(self.list_lines(day)), reason)
        repair = {"machine_id": 1, "order_id": 77, "contract_id": 1, "repaired_on": day}
        self.write_csv("repairs", day, list(repair), [repair])

    def write_days(self, first: date, count: int) -> None:
        """Good deliveries of several days."""
        for offset in range(count):
            self.write_day(first + timedelta(days=offset))

    def list_lines(self, day: date) -> list[dict[str, Any]]:
        """The rows of a good day, the last one measured just before midnight."""
        opening = datetime.combine(day, time(9), _ZONE)
        closing = datetime.combine(day, time(23, 55), _ZONE)
        return [
            {
                "machine_id": number % 4 + 1, "site_id": 3, "series_id": day.toordinal() * 10 + number // 3,
                "part_id": number % 3 + 1, "samples": 1, "heat": 1.25 + number, "noise": 0.1,
                "pressure": 0.0, "humidity": 0.0,
                "measured_at": (closing if number == ROWS - 1 else opening + timedelta(minutes=number))
                .astimezone(UTC).replace(tzinfo=None),
            }
            for number in range(ROWS)
        ]  # fmt: skip

    def write_readings(self, day: date, rows: list[dict[str, Any]], reason: str | None = None) -> None:
        """A Parquet file of readings, also one without rows."""
        kinds = {"measured_at": pa.timestamp("us")}
        floats = ("heat", "noise", "pressure", "humidity")
        kinds |= dict.fromkeys(floats, pa.float64())
        schema = pa.schema([(name, kinds.get(name, pa.int64())) for name in self.list_lines(day)[0]])
        path = self.root / "readings" / f"{day}.parquet"
        path.parent.mkdir(exist_ok=True)
        table = pa.Table.from_pylist(rows, schema)
        pq.write_table(table.replace_schema_metadata({"empty_because": reason} if reason else None), path)

    def write_snapshots(self, day: date, parts: int = 3, grade: str = "Fine") -> None:
        """Parts, machines and contracts as of a day."""
        listed = pa.table(
            {
                "part_id": list(range(1, parts + 1)), "maker_id": [9] * parts,
                "hall": ["NORTH"] * parts, "grade": [grade] * parts,
                "category": ["PUMP"] * parts, "model": ["P1"] * parts,
                "size": pa.array([None] * parts, pa.string()),
            }
        )  # fmt: skip
        (self.root / "parts").mkdir(exist_ok=True)
        pq.write_table(listed, self.root / "parts" / f"{day}.parquet")
        self.write_machines(day)
        contracts = [
            {"contract_id": 1, "machine_id": number, "contract_type": "Type A", "start_date": day, "end_date": day}
            for number in (1, 2)
        ]
        self.write_csv("contracts", day, list(contracts[0]), contracts)

    def write_machines(self, day: date, **changed: str) -> None:
        """Two machines' data."""
        good = {
            "age": "10+", "power": "5kW", "owner_kind": "", "mount": "Wall", "size_class": "2",
            "layout": "Open", "spare_count": "0",
        }  # fmt: skip
        rows = [{"machine_id": number, **good, **changed} for number in (1, 2)]
        self.write_csv("machines", day, list(rows[0]), rows)

    def write_csv(self, name: str, day: date, columns: list[str], rows: list[dict[str, Any]]) -> None:
        """A CSV file, also one with only its header."""
        path = self.root / name / f"{day}.csv"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)


@dataclass
class Pipeline:
    """The steps of a run on one warehouse."""

    uri: str
    settings: SourceSettings
    root: Path

    @property
    def opener(self) -> SourceOpener:
        """Opens the plant's sources."""
        return SourceOpener(self.settings, self.root)

    @property
    def published(self) -> list[str]:
        """The tables of ``raw``."""
        return [*(f"raw.{name}" for name in self.settings.sources), "raw.partitions", "raw.snapshots"]

    def plan(self, first: date, last: date | None = None) -> list[LoadItem]:
        """Plan a window."""
        return plan_load(self.uri, self.opener, first, last or first)

    def land(self, items: list[LoadItem]) -> list[LoadItem]:
        """Land every item."""
        return [land_source(self.uri, self.opener, item) for item in items]

    def audit(self, items: list[LoadItem], audit_id: str = "audit") -> dict[str, Any]:
        """Audit landed items."""
        return audit_batch(self.uri, self.settings, items, audit_id)

    def publish(self, items: list[LoadItem]) -> dict[str, Any]:
        """Publish audited items."""
        return publish_batch(self.uri, self.settings, items)

    def run(self, first: date, last: date | None = None, audit_id: str = "audit") -> dict[str, Any]:
        """All four steps."""
        items = self.land(self.plan(first, last))
        return self.publish(audit_run(self.uri, self.settings, items, audit_id))

    def land_and_approve(self, first: date, last: date | None = None) -> list[LoadItem]:
        """Land a window and mark it as audited, without the cost of an audit."""
        items = self.land(self.plan(first, last))
        self.approve()
        return items

    def approve(self) -> None:
        """Mark what has landed as audited."""
        with open_session(self.uri) as session:
            session.execute("update landing.deliveries set state = 'audited' where state = 'landed'")

    def load(self, first: date, last: date | None = None) -> dict[str, Any]:
        """Land, approve and publish a window, without the cost of an audit."""
        return self.publish(self.land_and_approve(first, last))

    def fetch(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows of a query."""
        with open_session(self.uri) as session:
            return session.fetch_all(sql, parameters)

    def hash_tables(self, *tables: str) -> dict[str, str]:
        """A hash over the full content of each published table (all of them by default)."""
        query = "select coalesce(md5(string_agg(t::text, '|' order by t::text)), 'empty') as digest from {} as t"
        return {table: self.fetch(query.format(table))[0]["digest"] for table in tables or self.published}


@pytest.fixture
def day() -> date:
    """The first day that the plant delivers in most tests: New York has changed its clocks the day before."""
    return DAY


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """A plant that has delivered nothing yet."""
    return Plant(tmp_path)


@pytest.fixture
def settings() -> SourceSettings:
    """What the plant delivers, as ``sources.yml`` beside this file declares it."""
    return load_section(SOURCES, SourceSettings, "development")


@pytest.fixture
def pipeline(warehouse_uri: str, settings: SourceSettings, plant: Plant) -> Pipeline:
    """The steps on an empty warehouse."""
    return Pipeline(warehouse_uri, settings, plant.root)


@pytest.fixture
def another_pipeline(pipeline: Pipeline, request: pytest.FixtureRequest) -> Pipeline:
    """The same plant loaded into another empty warehouse."""
    server = request.getfixturevalue("postgres")
    name = pipeline.uri.rsplit("/", 1)[-1]
    uri = server.create_database(f"{name}_other", template="warehouse_template")
    return Pipeline(uri, pipeline.settings, pipeline.root)
