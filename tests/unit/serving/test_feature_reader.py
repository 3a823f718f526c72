"""Reads of the online tables are shared, and one reader's failure is its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, TypeVar

import pytest

from include.errors import SourceError, WarehouseError
from include.registry.contract import ModelContract
from include.serving.feature_reader import FeatureReader, OnlineStore, select_entities
from include.serving.warehouse_pool import WarehousePool
from include.warehouse.session import open_session
from tests.unit.serving.onnx_files import UNITS, make_contract, make_group

Result = TypeVar("Result")


class CountingPool(WarehousePool):
    """A real pool that counts its queries."""

    queries = 0

    async def fetch_all(self, *arguments: Any) -> list[dict[str, Any]]:
        """Count, and ask."""
        self.queries += 1
        return await super().fetch_all(*arguments)


def with_reader(
    uri: str,
    ask: Callable[[FeatureReader, CountingPool], Awaitable[Result]],
    contract: ModelContract | None = None,
    timeout_s: float = 3600,
) -> Result:
    """Run ``ask`` with a reader on a pool of its own."""

    async def run() -> Result:
        pool = CountingPool(uri, 4, timeout_s, "test")
        await pool.open()
        try:
            return await ask(FeatureReader(OnlineStore(pool, 4), contract or make_contract()), pool)
        finally:
            await pool.close()

    return asyncio.run(run())


def test_many_who_ask_at_once_share_few_queries(online_uri: str) -> None:
    async def ask(reader: FeatureReader, pool: CountingPool) -> None:
        rows = await asyncio.gather(*(reader.read((1 + number % 400,)) for number in range(2000)))
        assert pool.queries <= 2
        for number, row in enumerate(rows):
            assert row is not None
            assert row.features["days_idle"] == (1 + number % 400) % 50

    with_reader(online_uri, ask)


def test_a_row_has_its_keys_its_date_and_its_features_and_an_unknown_entity_none(online_uri: str) -> None:
    async def ask(reader: FeatureReader, _: CountingPool) -> None:
        found, unknown, other = await asyncio.gather(
            *(reader.read(keys) for keys in ((2, "nut"), (9, "nut"), (2, "cap")))
        )
        assert unknown is None
        assert found is not None
        assert (found.keys, found.as_of_date) == ({"site_id": 2, "part": "nut"}, date(2026, 12, 2))
        assert found.features == {"stock": 2.0, "is_open": False, "zone": "south"}
        assert other is not None
        assert other.features["zone"] == "east"

    with_reader(online_uri, ask, UNITS)


def test_features_of_two_groups_come_in_one_row(online_uri: str) -> None:
    with open_session(online_uri) as session:
        session.execute(
            "create table online.visits_latest as select 2::bigint as machine_id, date '2026-11-30' as as_of_date, "
            '5 as "visits 100%"'
        )
    visits = make_contract(group=make_group("visits"), kinds={"visits 100%": "numeric"})
    load = make_contract()
    both = make_contract(groups=(*load.groups, *visits.groups), features=(*load.features, *visits.features))

    async def ask(reader: FeatureReader, _: CountingPool) -> None:
        known, unvisited = await asyncio.gather(reader.read((2,)), reader.read((3,)))
        assert known is not None
        assert unvisited is not None
        assert (known.features["visits 100%"], known.features["days_idle"], known.as_of_date) == (
            5,
            2,
            date(2026, 12, 1),
        )
        assert unvisited.features["visits 100%"] is None

    with_reader(online_uri, ask, both)


def test_a_group_without_an_online_table_is_named() -> None:
    group = make_contract().groups[0]
    offline = type(group)(group.name, group.table, None, group.event_time, 1)
    with pytest.raises(SourceError, match="machine_load has no online table"):
        select_entities(make_contract(groups=(offline,)))


def test_one_who_stops_waiting_takes_the_answer_from_nobody(online_uri: str) -> None:
    async def ask(reader: FeatureReader, _: CountingPool) -> None:
        impatient, patient = (asyncio.create_task(reader.read((1,))) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        assert await patient is not None

    with_reader(online_uri, ask)


def test_everybody_who_asked_hears_of_a_failure_and_the_next_is_served(online_uri: str) -> None:
    async def ask(reader: FeatureReader, _: CountingPool) -> None:
        with open_session(online_uri) as session:
            session.execute("alter table online.machine_load_latest rename to away")
        failures = await asyncio.gather(*(reader.read((number,)) for number in (1, 1, 2)), return_exceptions=True)
        with open_session(online_uri) as session:
            session.execute("alter table online.away rename to machine_load_latest")
        assert [type(failure) for failure in failures] == [WarehouseError] * 3
        assert "does not exist" in str(failures[0])
        assert await reader.read((1,)) is not None

    with_reader(online_uri, ask)


def test_connections_that_died_unnoticed_cost_no_request(online_uri: str) -> None:
    async def ask(reader: FeatureReader, pool: CountingPool) -> None:
        await asyncio.gather(*(pool.fetch_all("select pg_sleep(0.5)", ()) for _ in range(4)))
        with open_session(online_uri) as session:
            killed = session.fetch_all(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() "
                "and pid <> pg_backend_pid()"
            )
        assert len(killed) >= 2
        assert await reader.read((1,)) is not None

    with_reader(online_uri, ask)


def test_a_dead_warehouse_is_not_asked_again_at_once() -> None:
    async def ask(_: FeatureReader, pool: CountingPool) -> None:
        messages = []
        for _ in range(2):
            with pytest.raises(WarehouseError) as failure:
                await pool.fetch_all("select 1", ())
            messages.append(str(failure.value))
        assert "cannot be reached" in messages[0]
        assert "Connection refused" in messages[0]
        assert "tried a moment ago" in messages[1]

    with_reader("postgresql://nobody@127.0.0.1:1/none", ask)


def test_a_server_that_takes_no_more_connections_is_asked_on_those_that_there_are(online_uri: str) -> None:
    with open_session(online_uri) as session:
        session.execute("create role narrow login connection limit 1 password 'narrow'")
        session.execute("grant usage on schema online to narrow")
        session.execute("grant select on all tables in schema online to narrow")
    scheme, _, place = online_uri.partition("://")
    uri = f"{scheme}://narrow:narrow@{place.rpartition('@')[2]}"

    async def ask(reader: FeatureReader, pool: CountingPool) -> None:
        await reader.read((1,))
        rows = await asyncio.gather(*(pool.fetch_all("select pg_sleep(0.2)", ()) for _ in range(4)), reader.read((2,)))
        assert all(rows)

    try:
        with_reader(uri, ask)
    finally:
        with open_session(online_uri) as session:
            session.execute("drop owned by narrow")
            session.execute("drop role narrow")
