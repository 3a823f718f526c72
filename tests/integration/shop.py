"""The example's shop, small: it writes the files that the shipped sources.yml declares."""

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
