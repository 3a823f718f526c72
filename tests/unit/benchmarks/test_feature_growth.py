"""The large panel is the small one ten times over, and the newest day can be held back and published again."""

from __future__ import annotations

from datetime import date

import pytest

from benchmarks.feature_growth import describe, hold_newest_day, multiply, publish_held_day
from include.ingestion.tables import ensure_raw_tables
from include.settings import load_settings
from include.warehouse.names import TableName
from include.warehouse.partitions import ensure_day_partitions
from include.warehouse.session import open_session

FIRST, NEWEST = date(2026, 3, 8), date(2026, 3, 9)


@pytest.fixture
def uri(warehouse_uri: str) -> str:
    """Two days of two households' receipts, and one household that is known."""
    ensure_raw_tables(warehouse_uri, load_settings().sources)
    with open_session(warehouse_uri) as session:
        for day in (FIRST, NEWEST):
            ensure_day_partitions(session, TableName("raw", "transactions"), [day])
            for household in (1, 2):
                session.execute(
                    "insert into raw.transactions (household_id, basket_id, product_id, day, batch_day) "
                    "values (%s, %s, 7, %s, %s)",
                    (household, household, day, day),
                )
            session.execute("insert into raw.arrivals values ('transactions', %s, %s, 2)", (day, day))
            session.execute(
                "insert into raw.partitions (source, batch_day, row_count, content_hash, published_at) "
                "values ('transactions', %s, 2, 'hash', '2026-03-10')",
                (day,),
            )
        session.execute(
            "insert into raw.households (household_id, valid_from, valid_to) values (1, '0001-01-01', '9999-12-31')"
        )
    return warehouse_uri


def test_every_household_has_nine_more_that_buy_the_same_on_receipts_of_their_own(uri: str) -> None:
    with open_session(uri) as session:
        multiply(session)

        found = session.fetch_one(
            "select count(*), count(distinct household_id) as households, count(distinct basket_id) as baskets, "
            "count(distinct (household_id, basket_id)) as pairs, min(product_id) as least, max(product_id) as most "
            "from raw.transactions where batch_day = %s",
            (NEWEST,),
        )
        assert found == {"count": 20, "households": 20, "baskets": 20, "pairs": 20, "least": 7, "most": 7}
        assert session.fetch_value("select count(distinct household_id) from raw.households") == 10
        for ledger in ("arrivals", "partitions"):
            assert session.fetch_value(f"select min(row_count) from raw.{ledger} where source = 'transactions'") == 20


def test_the_newest_day_is_held_back_with_its_notes_and_comes_back_as_new(uri: str) -> None:
    with open_session(uri) as session:
        for _ in range(2):
            hold_newest_day(session)
            for table in ("transactions", "arrivals", "partitions"):
                assert session.fetch_all(f"select distinct batch_day from raw.{table}") == [{"batch_day": FIRST}]

            publish_held_day(session)
            assert session.fetch_value("select count(*) from raw.transactions") == 4
            assert session.fetch_value("select max(published_at) > '2026-03-10' from raw.partitions")


def test_work_is_what_a_build_takes_beyond_one_with_nothing_new() -> None:
    small = {"from nothing": [20.0], "nothing new": [10.0], "one more date": [11.0]}
    large = {"from nothing": [90.0], "nothing new": [10.0], "one more date": [16.0]}

    figures = describe(small, large)

    assert [round(figure.ratio or 0, 3) for figure in figures] == [4.5, 8.0, 0.55, 0.1, 0.178, 0.075]
