"""A small shop whose every purchase is known, as published data; and what the dbt project has built of it."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from include.ingestion.incoming import define_columns
from include.ingestion.publish import publish_source
from include.settings import PROJECT_ROOT, load_settings
from include.warehouse.names import TableName
from include.warehouse.partitions import ensure_day_partitions
from include.warehouse.session import Session, open_session
from tests.dbt_project import Project

DBT_DIR = PROJECT_ROOT / "dbt"
FIRST_DAY = date(2024, 1, 1)
LAST_DAY = date(2024, 5, 20)
AS_OF = date(2024, 4, 15)
CLOSED_DAY = date(2024, 4, 23)
FUEL, MILK = 1, 2
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
SALES_MONDAY = date(2024, 2, 26)
UNITS = {FUEL: 1, MILK: 2}
FIRST_LIST = {FUEL: "FUEL", MILK: "MILK"}
CLOSED_DAY = LAST_DAY - 3 * DAY
NULLABLE_COLUMNS = ["quantity", "sales_value", "retail_disc", "coupon_disc", "coupon_match_disc"]

Purchase = tuple[int, date]


def copy_project(folder: Path, target: Path) -> Project:
    """The dbt project with what dbt has kept of it in a target folder, so that only what is edited is parsed again."""
    ignored = shutil.ignore_patterns("target", "logs")
    (folder / "target").mkdir()
    shutil.copy(target / "partial_parse.msgpack", folder / "target")
    return Project(Path(shutil.copytree(DBT_DIR, folder / "dbt", ignore=ignored)), folder / "target")


def replace_text(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def find_failures(nodes: dict[str, Any]) -> dict[str, str]:
    return {
        name: f"{node.status}: {node.message}"
        for name, node in nodes.items()
        if node.status in ("error", "fail", "warn")
    }


def make_raw_tables(uri: str) -> None:
    """The published tables, as ingestion makes them from sources.yml."""
    if importlib.util.find_spec("include.ingestion.tables") is not None:
        tables = importlib.import_module("include.ingestion.tables")
        tables.ensure_raw_tables(uri, load_settings().sources)


def plant_snapshots(uri: str) -> None:
    """What is known of products, households and campaigns from the first day on."""
    plant_snapshot(uri, "products", FIRST_DAY, FIRST_DAY, list_products("MILK", "Private"))
    plant_snapshot(uri, "households", FIRST_DAY, FIRST_DAY, list_households("65+"))
    campaigns = [(1, 1, "Type A", AS_OF - DAY, AS_OF), (2, 1, "Type B", AS_OF, AS_OF + DAY)]
    plant_snapshot(uri, "campaigns", FIRST_DAY, FIRST_DAY, campaigns)


def list_products(category: str, brand: str) -> list[tuple[Any, ...]]:
    """Fuel, and milk of a category and brand."""
    fuel = (FUEL, 1, "FUEL", "National", "FUEL", "GASOLINE-REG UNLEADED", None)
    return [fuel, (MILK, 1, "GROCERY", brand, category, "MILK", "1 L")]


def list_households(age: str) -> list[tuple[Any, ...]]:
    """Two households, of which the first tells its age."""
    return [(1, age, "250K+", None, None, "5+", None, "3+"), (2, *[None] * 7)]


def plant_snapshot(uri: str, name: str, day: date, today: date, rows: list[tuple[Any, ...]]) -> None:
    """Publish a snapshot as ingestion does, or its correction of ``today``."""
    source = load_settings().sources.find_source(name)
    with open_session(uri) as session:
        session.execute(f"drop table if exists landing.{name}")
        session.execute(f"create table landing.{name} ({define_columns(source)})")
        places = ", ".join(["%s"] * (len(source.columns) + 1))
        session.execute_many(f"insert into landing.{name} values ({places})", [(*row, day) for row in rows])
        session.execute(
            "insert into landing.deliveries (source, batch_day, path, row_count) values (%s, %s, '', %s) "
            "on conflict do nothing",
            (name, day, len(rows)),
        )
        publish_source(session, name, source, [day], today)


def plant_delivery(uri: str, batch_day: date, purchases: list[Purchase]) -> None:
    """Publish one day's delivery in the place of an earlier one: per purchase, fuel and two milks for $30.

    A household always goes to the same store of three.
    """
    rows = [
        (household, 10 + household % 3, household * 100_000 + (day - FIRST_DAY).days,
         product, quantity, dollars, 1, 0, 0,
         datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=15), day, batch_day)
        for household, day in purchases
        for product, quantity, dollars in ((FUEL, 9000, 20), (MILK, 2, 10))
    ]  # fmt: skip
    with open_session(uri) as session:
        ensure_day_partitions(session, TableName("raw", "transactions"), [batch_day])
        session.execute("delete from raw.transactions where batch_day = %s", (batch_day,))
        session.execute_many(f"insert into raw.transactions values ({', '.join(['%s'] * 12)})", rows)
        note_delivery(session, "transactions", batch_day)


def note_delivery(session: Session, name: str, batch_day: date) -> None:
    """Enter the rows of one delivery into the ledgers of ingestion, as published at this moment."""
    session.execute("delete from raw.arrivals where source = %s and batch_day = %s", (name, batch_day))
    session.execute(
        "insert into raw.arrivals (source, batch_day, day, row_count) "
        f"select %s, batch_day, day, count(*) from raw.{name} where batch_day = %s group by batch_day, day",
        (name, batch_day),
    )
    session.execute(
        "insert into raw.partitions (source, batch_day, row_count, content_hash, published_at) "
        f"select %s, %s, count(*), 'hash', clock_timestamp() from raw.{name} where batch_day = %s "
        "on conflict (source, batch_day) do update set published_at = excluded.published_at",
        (name, batch_day, batch_day),
    )


def lose_delivery(uri: str, batch_day: date) -> None:
    """Take one day's delivery back, as if its file had never come."""
    with psycopg.connect(uri) as connection:
        for table in ("transactions", "arrivals", "partitions"):
            connection.execute(f"delete from raw.{table} where batch_day = %s", (batch_day,))


def fetch_all(uri: str, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(uri) as connection:
        return connection.execute(sql, parameters).fetchall()


def hash_rows(uri: str, table: str, key: str = "as_of_date") -> dict[date, str]:
    """The content of a table by its key, without what says only when it was built."""
    rows = fetch_all(uri, f"select {key}, md5(string_agg(t::text, '|' order by t::text)) from {table} as t group by 1")
    return dict(rows)


def hash_marts(uri: str) -> dict[str, dict[date, str]]:
    tables = (
        "features.customer_features", "features.churn_labels", "latest.customer_features",
        "features.store_category_features", "features.demand_labels", "latest.store_category_features",
    )  # fmt: skip
    return {table: hash_rows(uri, table) for table in tables}


def find_changes(before: dict[str, dict[date, str]], after: dict[str, dict[date, str]], table: str) -> set[date]:
    """The as-of dates whose rows differ."""
    days = {*before[table], *after[table]}
    return {day for day in days if before[table].get(day) != after[table].get(day)}
