"""A small shop that delivers files, and the steps that load them."""

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

from include.ingestion.audit import audit_batch
from include.ingestion.land import land_source
from include.ingestion.plan import LoadItem, plan_load
from include.ingestion.publish import publish_batch
from include.settings import load_settings
from include.settings.sources import SourceSettings
from include.warehouse.session import open_session

DAY = date(2026, 3, 9)
ROWS = 12
PUBLISHED = (
    "raw.transactions", "raw.coupon_redemptions", "raw.products", "raw.households", "raw.campaigns", "raw.partitions",
)  # fmt: skip
_ZONE = ZoneInfo("America/New_York")
Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


@dataclass
class Shop:
    """Writes what a shop delivers: 12 lines of receipts a day, one coupon, and snapshots of the rest."""

    root: Path

    def write_day(self, day: date, change: Change = lambda rows: rows, reason: str | None = None) -> None:
        """One day of transactions (``change`` gets its rows, to spoil them) and of redemptions."""
        self.write_transactions(day, change(self.list_lines(day)), reason)
        coupon = {"household_id": 1, "coupon_upc": 77, "campaign_id": 1, "redemption_date": day}
        self.write_csv("coupon_redemptions", day, list(coupon), [coupon])

    def write_days(self, first: date, count: int) -> None:
        """Good deliveries of several days."""
        for offset in range(count):
            self.write_day(first + timedelta(days=offset))

    def list_lines(self, day: date) -> list[dict[str, Any]]:
        """The rows of a good day, the last one sold just before the shop's midnight."""
        opening = datetime.combine(day, time(9), _ZONE)
        closing = datetime.combine(day, time(23, 55), _ZONE)
        return [
            {
                "household_id": number % 4 + 1, "store_id": 3, "basket_id": day.toordinal() * 10 + number // 3,
                "product_id": number % 3 + 1, "quantity": 1, "sales_value": 1.25 + number, "retail_disc": 0.1,
                "coupon_disc": 0.0, "coupon_match_disc": 0.0,
                "transaction_timestamp": (closing if number == ROWS - 1 else opening + timedelta(minutes=number))
                .astimezone(UTC).replace(tzinfo=None),
            }
            for number in range(ROWS)
        ]  # fmt: skip

    def write_transactions(self, day: date, rows: list[dict[str, Any]], reason: str | None = None) -> None:
        """A Parquet file of transactions, also one without rows."""
        kinds = {"transaction_timestamp": pa.timestamp("us")}
        floats = ("sales_value", "retail_disc", "coupon_disc", "coupon_match_disc")
        kinds |= dict.fromkeys(floats, pa.float64())
        schema = pa.schema([(name, kinds.get(name, pa.int64())) for name in self.list_lines(day)[0]])
        path = self.root / "transactions" / f"{day}.parquet"
        path.parent.mkdir(exist_ok=True)
        table = pa.Table.from_pylist(rows, schema)
        pq.write_table(table.replace_schema_metadata({"empty_because": reason} if reason else None), path)

    def write_snapshots(self, day: date, products: int = 3, brand: str = "National") -> None:
        """Products, households and campaigns as of a day."""
        catalogue = pa.table(
            {
                "product_id": list(range(1, products + 1)), "manufacturer_id": [9] * products,
                "department": ["GROCERY"] * products, "brand": [brand] * products,
                "product_category": ["BREAD"] * products, "product_type": ["RYE"] * products,
                "package_size": pa.array([None] * products, pa.string()),
            }
        )  # fmt: skip
        (self.root / "products").mkdir(exist_ok=True)
        pq.write_table(catalogue, self.root / "products" / f"{day}.parquet")
        self.write_households(day)
        campaigns = [
            {"campaign_id": 1, "household_id": number, "campaign_type": "Type A", "start_date": day, "end_date": day}
            for number in (1, 2)
        ]
        self.write_csv("campaigns", day, list(campaigns[0]), campaigns)

    def write_households(self, day: date, **changed: str) -> None:
        """Two households' demographics."""
        good = {
            "age": "65+", "income": "250K+", "home_ownership": "", "marital_status": "Married", "household_size": "2",
            "household_comp": "2 Adults No Kids", "kids_count": "0",
        }  # fmt: skip
        rows = [{"household_id": number, **good, **changed} for number in (1, 2)]
        self.write_csv("households", day, list(rows[0]), rows)

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

    def plan(self, first: date, last: date | None = None) -> list[LoadItem]:
        """Plan a window."""
        return plan_load(self.uri, self.settings, self.root, first, last or first)

    def land(self, items: list[LoadItem]) -> list[LoadItem]:
        """Land every item."""
        return [land_source(self.uri, self.settings, self.root, item) for item in items]

    def audit(self, items: list[LoadItem], audit_id: str = "audit") -> dict[str, Any]:
        """Audit landed items."""
        return audit_batch(self.uri, self.settings, items, audit_id)

    def publish(self, items: list[LoadItem]) -> dict[str, Any]:
        """Publish audited items."""
        return publish_batch(self.uri, self.settings, items)

    def run(self, first: date, last: date | None = None, audit_id: str = "audit") -> dict[str, Any]:
        """All four steps."""
        items = self.land(self.plan(first, last))
        self.audit(items, audit_id)
        return self.publish(items)

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
        return {table: self.fetch(query.format(table))[0]["digest"] for table in tables or PUBLISHED}


@pytest.fixture
def day() -> date:
    """The first day that the shop delivers in most tests: New York has changed its clocks the day before."""
    return DAY


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop that has delivered nothing yet."""
    return Shop(tmp_path)


@pytest.fixture
def settings() -> SourceSettings:
    """The shipped sources.yml."""
    return load_settings(environment="development").sources


@pytest.fixture
def pipeline(warehouse_uri: str, settings: SourceSettings, shop: Shop) -> Pipeline:
    """The steps on an empty warehouse."""
    return Pipeline(warehouse_uri, settings, shop.root)


@pytest.fixture
def another_pipeline(pipeline: Pipeline, request: pytest.FixtureRequest) -> Pipeline:
    """The same shop loaded into another empty warehouse."""
    server = request.getfixturevalue("postgres")
    name = pipeline.uri.rsplit("/", 1)[-1]
    uri = server.create_database(f"{name}_other", template="warehouse_template")
    return Pipeline(uri, pipeline.settings, pipeline.root)
