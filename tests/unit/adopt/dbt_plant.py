"""A plant whose readings are declared and published, and the dbt project of a house that has no models yet."""

from __future__ import annotations

import csv
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from include.adopt.new_model import main
from include.ingestion.land import land_source
from include.ingestion.plan import plan_load
from include.ingestion.publish import publish_batch
from include.settings import CONFIG_DIR, PROJECT_ROOT
from include.settings.section import load_section
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener
from include.warehouse.session import open_session
from tests.dbt_project import Project

SOURCES = """\
time_zone: UTC
sources:
  readings:
    description: "What machines measure; \\"raw\\" values. Grain: reading."
    kind: files
    path: readings/{day}.csv
    format: csv
    grain: daily
    key: [reading_no]
    critical: false
    allow_empty: true
    event_column: measured_at
    allowed_lateness_days: 7
    columns:
      reading_no: {type: int64, critical: true}
      machine_id: {type: int64, critical: true, description: "Machine: the one that measures."}
      Hall Name: {type: string, critical: true, publish_as: hall}
      built_on: {type: date}
      state: {type: string, nullable: true, allowed: [run, idle, stop]}
      part_id: {type: int64, nullable: true}
      heat: {type: float64, nullable: true}
      Order: {type: int64, nullable: true, publish_as: order, description: "Ordered {{ pieces }}."}
      spare_no: {type: int64, nullable: true, publish_type: "numeric(12, 0)"}
      checked_at: {type: timestamp, nullable: true}
      measured_at: {type: timestamp, critical: true, publish_as: read_at}
  pings:
    kind: files
    path: pings/{day}.csv
    format: csv
    grain: daily
    key: [machine_id, pinged_on]
    critical: false
    allow_empty: true
    event_column: pinged_on
    allowed_lateness_days: 7
    columns:
      machine_id: {type: int64}
      pinged_on: {type: date, publish_as: day}
  machines:
    kind: files
    path: machines/{day}.csv
    format: csv
    grain: snapshot
    key: [machine_id]
    columns:
      machine_id: {type: int64}
      power: {type: float64, nullable: true, description: "Power. In kW."}
      site: {type: string, nullable: true, allowed: [north, south]}
      note: {type: string, nullable: true}
      maker_id: {type: int64, nullable: true}
      broke_on: {type: date, nullable: true}
"""
MACHINE_COLUMNS = ("machine_id", "power", "site", "note", "maker_id", "broke_on")
COLUMNS = (
    "reading_no", "machine_id", "Hall Name", "built_on", "state", "part_id", "heat", "Order", "spare_no", "checked_at",
    "measured_at",
)  # fmt: skip
FIRST = date(2026, 1, 5)
LAST = FIRST + timedelta(days=160)
LOST = FIRST + timedelta(days=90)
EMPTY = FIRST + timedelta(days=100)
LATE = FIRST + timedelta(days=130)
DAY = timedelta(days=1)
Row = dict[str, Any]


def make_rows() -> dict[date, list[Row]]:
    """Rows by the day of their delivery, up to the day after the last one.

    Machines differ in how often they measure; some stop, one is without any heat, and one holds numbers that cannot be
    added up. A day was lost but for its late rows, one is empty, and three deliveries bring rows of earlier days.
    """
    dice, number, late_days = random.Random(11), 0, (LOST, LATE, LAST - DAY)
    rows: dict[date, list[Row]] = {FIRST + n * DAY: [] for n in range(162)}
    for day in list(rows):
        for machine in range(1, 7):
            has_stopped = machine % 3 == 0 and (day - FIRST).days > 95 + 3 * machine
            if day == EMPTY or has_stopped or (day not in late_days and dice.random() > machine / 7):
                continue
            for _ in range(dice.randint(1, 3)):
                number += 1
                delivered = day
                if day in late_days and number % 2:
                    delivered = day + 2 * DAY
                rows[delivered].append(make_row(dice, number, machine, day))
    return rows


def make_row(dice: random.Random, number: int, machine: int, day: date) -> Row:
    """One reading."""
    heat = None if machine == 4 or dice.random() < 0.2 else round(dice.uniform(-5, 50), 3)
    if machine == 5 and dice.random() < 0.2:
        heat = 1.7e308
    return {
        "reading_no": number,
        "machine_id": machine,
        "Hall Name": dice.choice(["north", 'it\'s "south"', "Öst"]),
        # Not critical: the audit would let it through.
        "built_on": None if number % 9 == 0 and day < LOST + 40 * DAY else date(2020, 1, 1 + machine % 3),
        "state": dice.choice(["run", "run", "idle", "stop", None]) if machine != 6 else None,
        "part_id": dice.choice([1, 2, 3, None]),
        "heat": heat,
        "Order": dice.choice([0, 1, 5, None]),
        "spare_no": dice.choice([7, 8, None]),
        "checked_at": None,
        "measured_at": datetime.combine(day, time(dice.choice([0, 9, 23]), 59)),
        "day": day,
    }


@dataclass(frozen=True)
class House:
    """A folder with settings and a dbt project without models of its own."""

    config: Path
    dbt: Path

    def declare(self, *arguments: str, is_written: bool = True) -> None:
        """``make new-model``."""
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("ORRERY_CONFIG_DIR", str(self.config))
            assert main([*arguments, *(["--write"] if is_written else [])], self.dbt) == 0

    def list_files(self) -> dict[str, str]:
        """The content of every file by its path."""
        return {
            str(path.relative_to(self.dbt.parent)): path.read_text()
            for folder in (self.config, self.dbt)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and "target" not in path.parts
        }


def make_house(folder: Path) -> House:
    """The library's part of ``dbt/``, and the shared settings."""
    source, dbt, config = PROJECT_ROOT / "dbt", folder / "dbt", folder / "config"
    shutil.copytree(source / "macros", dbt / "macros")
    (dbt / "models" / "staging").mkdir(parents=True)
    (dbt / "data-tests").mkdir()
    for name in ("stg_deliveries", "stg_arrivals", "stg_snapshots"):
        for kind in ("sql", "yml"):
            shutil.copy(source / "models" / "staging" / f"{name}.{kind}", dbt / "models" / "staging")
    declared = yaml.safe_load((source / "models" / "staging" / "_sources.yml").read_text())
    tables = declared["sources"][0]["tables"]
    kept = [one for one in tables if one["name"] in ("arrivals", "partitions", "snapshot_periods")]
    declared["sources"][0]["tables"] = kept
    (dbt / "models" / "staging" / "_sources.yml").write_text(yaml.safe_dump(declared, sort_keys=False))
    project = yaml.safe_load((source / "dbt_project.yml").read_text()) | {"vars": {"shift_hours": 8}}
    (dbt / "dbt_project.yml").write_text(yaml.safe_dump(project, sort_keys=False))
    shutil.copy(source / "profiles.yml", dbt)
    (config / "models").mkdir(parents=True)
    for path in CONFIG_DIR.glob("*.yml"):
        shutil.copy(path, config)
    (config / "sources.yml").write_text(SOURCES)
    return House(config, dbt)


def deliver(uri: str, house: House, folder: Path, rows: dict[date, list[Row]], first: date, last: date) -> None:
    """Write the files of the days that have rows by key, and publish them."""
    day = first
    while day <= last:
        if day in rows:
            write_csv(folder / "readings" / f"{day}.csv", COLUMNS, rows[day])
            write_csv(folder / "pings" / f"{day}.csv", ("machine_id", "pinged_on"), list_pings(rows[day]))
        day += DAY
    publish_files(uri, house, folder, ("readings", "pings"), first, last)


def publish_files(uri: str, house: House, folder: Path, sources: Sequence[str], first: date, last: date) -> None:
    """Publish what the files of some sources hold of some days."""
    settings = load_section(house.config / "sources.yml", SourceSettings, "development")
    chosen = settings.model_copy(update={"sources": {name: settings.sources[name] for name in sources}})
    opener = SourceOpener(chosen, folder)
    items = [land_source(uri, opener, item) for item in plan_load(uri, opener, first, last)]
    with open_session(uri) as session:
        session.execute("update landing.deliveries set state = 'audited' where state = 'landed'")
    publish_batch(uri, chosen, items)


def list_pings(rows: list[Row]) -> list[Row]:
    """Each machine and day of some rows once, of what was delivered on its day."""
    days = dict.fromkeys((row["machine_id"], row["day"]) for row in rows if row["day"] == max(r["day"] for r in rows))
    return [{"machine_id": machine, "pinged_on": day, "day": day} for machine, day in days]


def write_csv(path: Path, columns: Sequence[str], rows: list[Row]) -> None:
    """A CSV file with its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def run_dbt(uri: str, house: House, *arguments: str) -> dict[str, str]:
    """Run dbt in this process; the status and message of each node by name."""
    nodes = Project(house.dbt, house.dbt.parent / "target").run(uri, *arguments)
    return {name: f"{node.status}: {node.message}" for name, node in nodes.items()}


def fetch(uri: str, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    """Rows of a query."""
    with psycopg.connect(uri, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(sql, parameters).fetchall()
