"""Reads of the online store are shared, and nobody's failure is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from include.errors import WarehouseError
from include.serving.database import Database
from include.serving.features import FeatureReader, FeatureRow, parse_row
from include.warehouse.session import open_session


def test_a_row_is_split_into_its_date_and_its_features() -> None:
    row = {"household_id": 3, "as_of_date": date(2017, 12, 1), "a": 1.5, "b": None, "c": float("nan"), "d": Decimal(2)}
    assert parse_row(row) == FeatureRow(date(2017, 12, 1), {"a": 1.5, "b": None, "c": None, "d": 2.0})


class CountingDatabase(Database):
    """A real database that counts its queries."""

    queries = 0

    async def fetch_all(self, sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        """Count, and ask."""
        self.queries += 1
        return await super().fetch_all(sql, parameters)


def test_many_who_ask_at_once_share_few_queries(online_uri: str) -> None:
    async def ask() -> tuple[list[FeatureRow | None], int]:
        database = CountingDatabase(online_uri, 10, "test")
        reader = FeatureReader(database)
        rows = await asyncio.gather(*(reader.read(1 + number % 400) for number in range(2000)))
        await database.close()
        return rows, database.queries

    rows, queries = asyncio.run(ask())
    assert queries <= 2
    assert len(rows) == 2000
    for number, row in enumerate(rows):
        assert row is not None
        assert row.features["days_since_purchase"] == (1 + number % 400) % 50


def test_a_household_that_is_not_there_is_none_beside_those_that_are(online_uri: str) -> None:
    async def ask() -> list[FeatureRow | None]:
        database = Database(online_uri, 10, "test")
        reader = FeatureReader(database)
        rows = await asyncio.gather(*(reader.read(number) for number in (1, 5000, 2)))
        await database.close()
        return rows

    first, unknown, second = asyncio.run(ask())
    assert unknown is None
    assert first is not None
    assert second is not None


def test_one_who_stops_waiting_takes_the_answer_from_nobody(online_uri: str) -> None:
    async def ask() -> FeatureRow | None:
        database = Database(online_uri, 10, "test")
        reader = FeatureReader(database)
        impatient, patient = (asyncio.create_task(reader.read(1)) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        row = await patient
        await database.close()
        return row

    assert asyncio.run(ask()) is not None


def test_everybody_who_asked_hears_of_an_outage_and_the_next_is_served(online_uri: str) -> None:
    async def ask() -> list[object]:
        database = Database(online_uri, 10, "test")
        reader = FeatureReader(database)
        with open_session(online_uri) as session:
            session.execute("alter table online.customer_features rename to away")
        failures = await asyncio.gather(*(reader.read(number) for number in (1, 1, 2)), return_exceptions=True)
        with open_session(online_uri) as session:
            session.execute("alter table online.away rename to customer_features")
        assert await reader.read(1) is not None
        await database.close()
        return list(failures)

    failures = asyncio.run(ask())
    assert [type(failure) for failure in failures] == [WarehouseError] * 3
    assert "does not exist" in str(failures[0])


def test_a_dead_warehouse_is_not_asked_again_at_once() -> None:
    async def ask() -> list[str]:
        database = Database("postgresql://nobody@127.0.0.1:1/none", 5, "test")
        messages = []
        for _ in range(2):
            with pytest.raises(WarehouseError) as failure:
                await database.fetch_all("select 1", ())
            messages.append(str(failure.value))
        return messages

    first, second = asyncio.run(ask())
    assert "cannot be reached" in first
    assert "tried a moment ago" in second
