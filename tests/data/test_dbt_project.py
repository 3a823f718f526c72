"""The dbt project on a real PostgreSQL, over a small shop whose every purchase is known here."""

from __future__ import annotations

import json
import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.feature_quality.publish import publish_group
from include.features.catalog import read_catalog
from include.features.dbt_docs import write_docs
from include.ingestion.retention import drop_expired_days
from include.servers.postgres import PostgresServer
from include.settings import load_settings
from include.settings.sources import SourceSettings
from include.warehouse.names import TableName
from include.warehouse.partitions import ensure_day_partitions
from include.warehouse.session import Session, open_session
from tests.data.edge_rows import USUAL, list_patterns, make_delivery, make_snapshot
from tests.data.shop import (
    AS_OF,
    CLOSED_DAY,
    DAY,
    DBT_DIR,
    FIRST_DAY,
    FIRST_LIST,
    FUEL,
    LAST_DAY,
    MILK,
    NULLABLE_COLUMNS,
    SALES_MONDAY,
    UNITS,
    WEEK,
    Purchase,
    copy_project,
    fetch_all,
    find_changes,
    find_failures,
    hash_marts,
    hash_rows,
    list_households,
    list_products,
    lose_delivery,
    make_raw_tables,
    note_delivery,
    plant_delivery,
    plant_snapshot,
    plant_snapshots,
    replace_text,
)
from tests.dbt_project import Project, lend_database, set_warehouse

NEXT_DELIVERY = (LAST_DAY + DAY, [(1, LAST_DAY + DAY)])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(DBT_DIR, tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="module")
def purchases() -> list[Purchase]:
    """One basket per household and day: regulars, some of whom stop, and the edges of each window; a closed day."""
    dice = random.Random(7)
    found = [
        (household, FIRST_DAY + offset * DAY)
        for household in range(1, 13)
        for offset in range((LAST_DAY - FIRST_DAY).days + 1)
        if dice.random() < household / 24 and not (household % 3 == 0 and offset > 90 + household)
        and FIRST_DAY + offset * DAY != CLOSED_DAY
    ]  # fmt: skip
    edges = {101: (-1, 28), 102: (-56, 27), 103: (-57,), 104: (-1, 0), 105: (-84, -2), 106: (-85, -2)}
    return found + [(household, AS_OF + offset * DAY) for household, days in edges.items() for offset in days]


@pytest.fixture(scope="module")
def built(postgres: PostgresServer, project: Project, purchases: list[Purchase]) -> str:
    """A warehouse with all purchases, after its first build."""
    uri = postgres.create_database("dbt_built", template="warehouse_template")
    make_raw_tables(uri)
    plant_snapshots(uri)
    day = FIRST_DAY
    while day <= LAST_DAY:
        plant_delivery(uri, day, [purchase for purchase in purchases if purchase[1] == day])
        day += DAY
    nodes = project.run(uri, "build")
    assert len(nodes) > 50
    assert find_failures(nodes) == {}
    return uri


@pytest.fixture
def warehouse(postgres: PostgresServer, built: str) -> Iterator[str]:
    """The built warehouse, for a test to change."""
    with lend_database(postgres, "dbt_built") as uri:
        yield uri


@pytest.fixture
def empty_warehouse(postgres: PostgresServer, built: str) -> Iterator[str]:
    """A migrated warehouse without rows."""
    with lend_database(postgres, "dbt_built", template="warehouse_template") as uri:
        yield uri


def test_features_are_those_of_the_days_before_the_as_of_date(built: str, purchases: list[Purchase]) -> None:
    """Counted again here, from the purchases of each household before each as-of date and nothing else."""

    def count(days: list[date], as_of: date, longest: int, shortest: int = 0) -> int:
        return sum(shortest < (as_of - day).days <= longest for day in days)

    expected = set()
    as_of_dates = [row[0] for row in fetch_all(built, "select as_of_date from intermediate.int_customer_as_of_dates")]
    for as_of in as_of_dates:
        for household in {household for household, _ in purchases}:
            known = [day for buyer, day in purchases if buyer == household and day < as_of]
            if count(known, as_of, 56):
                weeks = [count(known, as_of, 7 * n, 7 * (n - 1)) for n in (1, 2, 3, 4)]
                trend = (1.5 * weeks[0] + 0.5 * weeks[1] - 0.5 * weeks[2] - 1.5 * weeks[3]) / 5
                expected.add((
                    as_of, household, (as_of - max(known)).days,
                    count(known, as_of, 7), count(known, as_of, 28), count(known, as_of, 84),
                    count(known, as_of, 56, 28), round(trend, 9), 30 * count(known, as_of, 28),
                    3 * count(known, as_of, 28), max((as_of - day).days for day in known if (as_of - day).days <= 84),
                ))  # fmt: skip
    found = fetch_all(
        built,
        "select as_of_date, household_id, recency_days, orders_7d, orders_28d, orders_84d, orders_previous_28d, "
        "round(orders_trend_28d::numeric, 9)::float, spend_28d, items_28d, tenure_days from features.customer_features",
    )
    assert len(found) > 200
    assert set(found) == expected


def test_as_of_dates_are_mondays_and_the_days_up_to_the_newest(built: str) -> None:
    found = [row[0] for row in fetch_all(built, "select distinct as_of_date from features.customer_features")]
    newest = LAST_DAY + DAY
    days = [FIRST_DAY + n * DAY for n in range(84, (newest - FIRST_DAY).days + 1)]
    assert sorted(found) == [day for day in days if day.weekday() == 0 or newest - day < timedelta(days=28)]


def test_a_campaign_is_known_from_the_day_after_its_start(built: str) -> None:
    found = fetch_all(
        built,
        "select as_of_date, campaigns_active, campaigns_received_84d from features.customer_features "
        "where household_id = 1 and as_of_date between %s and %s order by 1",
        AS_OF - 7 * DAY, AS_OF + 7 * DAY,
    )  # fmt: skip
    assert found == [(AS_OF - 7 * DAY, 0, 0), (AS_OF, 1, 1), (AS_OF + 7 * DAY, 0, 2)]


def test_demographics_are_ordinals_and_null_when_unknown(built: str) -> None:
    found = fetch_all(
        built,
        "select distinct household_id, age_band, income_band, household_size, kids_count "
        "from features.customer_features where household_id <= 3 order by 1",
    )
    assert found == [(1, 6, 12, 5, 3), (2, None, None, None, None), (3, None, None, None, None)]


def test_labels_look_at_their_horizon_and_at_nothing_after(built: str, purchases: list[Purchase]) -> None:
    expected = set()
    as_of = date(2024, 3, 25)
    while as_of + timedelta(days=28) <= LAST_DAY + DAY:
        for household in {household for household, _ in purchases}:
            offsets = [(day - as_of).days for buyer, day in purchases if buyer == household]
            if any(-56 <= offset < 0 for offset in offsets):
                expected.add((as_of, household, not any(0 <= offset < 28 for offset in offsets)))
        as_of += timedelta(days=7)
    found = set(fetch_all(built, "select as_of_date, household_id, churned from features.churn_labels"))
    assert found == expected
    assert {(AS_OF, 101, True), (AS_OF, 102, False), (AS_OF, 104, False)} <= found
    assert (AS_OF, 103) not in {row[:2] for row in found}


def count_sales(purchases: list[Purchase]) -> dict[tuple[int, int, date], int]:
    """Units by store, product and Monday of the week."""
    found: dict[tuple[int, int, date], int] = {}
    for household, day in purchases:
        for product, units in UNITS.items():
            key = (10 + household % 3, product, day - day.weekday() * DAY)
            found[key] = found.get(key, 0) + units
    return found


def list_first(as_of: date) -> dict[int, str]:
    """The categories of the list that counts from the first day on."""
    return FIRST_LIST


def expect_sales_features(
    purchases: list[Purchase], categories: Callable[[date], dict[int, str]]
) -> set[tuple[Any, ...]]:
    """Counted here, from the purchases before each Monday and the categories of that Monday and nothing else."""
    sales = count_sales(purchases)
    expected, as_of = set(), SALES_MONDAY
    while as_of <= LAST_DAY:
        listed = categories(as_of)
        weeks = {
            (store, product): [sales.get((store, product, as_of - n * WEEK), 0) for n in range(1, 9)]
            for store in (10, 11, 12)
            for product in listed
        }
        for (store, product), units in weeks.items():
            if units[0] and sum(map(bool, units)) >= 5:
                of_store = [sum(week) for week in zip(*(weeks[store, other] for other in listed), strict=True)]
                of_all = [sum(week) for week in zip(*(weeks[other, product] for other in (10, 11, 12)), strict=True)]
                expected.add((
                    as_of, store, listed[product], units[0], sum(units[:4]) / 4, sum(units) / 8,
                    statistics.median(units), round(statistics.stdev(units), 9), max(units), sum(map(bool, units)),
                    sum(of_store) / 8, round(4 * sum(of_store[:2]) / sum(of_store), 9), sum(of_all) / 8,
                    round(4 * sum(of_all[:2]) / sum(of_all), 9), 1, False, "FUEL" if product == FUEL else "GROCERY",
                ))  # fmt: skip
        as_of += WEEK
    return expected


def fetch_sales_features(uri: str) -> list[tuple[Any, ...]]:
    return fetch_all(
        uri,
        "select as_of_date, store_id, product_category, units_1w, units_mean_4w, units_mean_8w, units_median_8w, "
        "round(units_std_8w::numeric, 9)::float, units_max_8w, weeks_sold_8w, store_units_mean_8w, "
        "round(store_units_trend::numeric, 9)::float, category_units_mean_8w, "
        "round(category_units_trend::numeric, 9)::float, offer_share_1w, is_on_offer, department "
        "from features.store_category_features",
    )


def expect_demand(
    uri: str, purchases: list[Purchase], categories: Callable[[date], dict[int, str]]
) -> set[tuple[Any, ...]]:
    """Units a week over the two weeks from each Monday on, of the products that its list has in a category."""
    sales = count_sales(purchases)
    entities = fetch_all(uri, "select as_of_date, store_id, product_category from features.store_category_features")
    return {
        (
            as_of,
            store,
            category,
            sum(
                sales.get((store, product, as_of + n * WEEK), 0)
                for product, listed in categories(as_of).items()
                for n in (0, 1)
                if listed == category
            )
            / 2,
        )
        for as_of, store, category in entities
        if as_of + 2 * WEEK <= LAST_DAY + DAY
    }


def fetch_demand(uri: str) -> list[tuple[Any, ...]]:
    return fetch_all(uri, "select as_of_date, store_id, product_category, weekly_units from features.demand_labels")


def test_sales_features_are_those_of_the_eight_weeks_before_a_monday(built: str, purchases: list[Purchase]) -> None:
    expected, found = expect_sales_features(purchases, list_first), fetch_sales_features(built)
    assert len(expected) > 50
    assert set(found) == expected
    assert len(found) == len(expected)


def test_demand_is_that_of_the_two_weeks_from_a_monday_on(built: str, purchases: list[Purchase]) -> None:
    expected, found = expect_demand(built, purchases, list_first), fetch_demand(built)
    assert len(expected) > 40
    assert set(found) == expected


FIRST_CALENDAR_DAY = date(2023, 10, 1)
WEEKDAYS = [date(2024, 2, 26) + n * DAY for n in range(7)]
CLOCK_CHANGES = [date(2024, 3, 10), date(2024, 11, 3)]
MONTH_ENDS = [date(2024, 1, 31), date(2024, 2, 29), date(2024, 12, 31)]


CALENDAR = (
    "int_sales_weeks", "int_sales_as_of_dates", "int_demand_label_dates", "int_customer_as_of_dates",
    "int_churn_label_dates",
)  # fmt: skip


@pytest.fixture(scope="module")
def calendar_sql(built: str, project: Project) -> dict[str, str]:
    """The compiled SQL of the calendar models, in the order in which they are built."""
    nodes = project.run(built, "compile", "--select", *CALENDAR)
    return {name: nodes[name].node.compiled_code for name in CALENDAR}


@pytest.mark.parametrize("last_day", sorted({*WEEKDAYS, *CLOCK_CHANGES, *MONTH_ENDS}), ids=str)
def test_the_calendar_is_right_whatever_the_last_day_is(
    built: str, calendar_sql: dict[str, str], last_day: date
) -> None:
    """The first day is a Sunday, so that the first week is not whole."""
    days = [FIRST_CALENDAR_DAY + n * DAY for n in range((last_day - FIRST_CALENDAR_DAY).days + 1)]
    newest = last_day + DAY

    found = build_calendar(built, calendar_sql, days)

    weeks = [day for day in days if day.weekday() == 0 and day + 6 * DAY <= last_day]
    mondays = [week + WEEK for week in weeks if week - 7 * WEEK >= weeks[0]]
    customer_dates = [
        day
        for day in (*days, newest)
        if (day - days[0]).days >= 84 and (day.weekday() == 0 or (newest - day).days < 28)
    ]
    assert found == {
        "int_sales_weeks": weeks,
        "int_sales_as_of_dates": mondays,
        "int_demand_label_dates": [day for day in mondays if day + 14 * DAY <= newest],
        "int_customer_as_of_dates": customer_dates,
        "int_churn_label_dates": [day for day in customer_dates if day + 28 * DAY <= newest],
    }


@pytest.mark.parametrize("has_late_rows", [False, True])
def test_dates_wait_for_a_lost_day(built: str, calendar_sql: dict[str, str], has_late_rows: bool) -> None:
    days = [FIRST_CALENDAR_DAY + n * DAY for n in range(200)]
    lost = date(2024, 2, 25)  # a Sunday: a day for daily and weekly dates, and the last of a week
    monday = lost + DAY
    with_it = build_calendar(built, calendar_sql, days)

    found = build_calendar(built, calendar_sql, days, lost, has_late_rows=has_late_rows)

    def waits_for(horizon_days: int, as_of: date) -> bool:
        return as_of == monday or as_of <= lost < as_of + horizon_days * DAY

    assert {name: [day for day in with_it[name] if day not in found[name]] for name in found} == {
        "int_sales_weeks": [],
        "int_sales_as_of_dates": [monday],
        "int_demand_label_dates": [day for day in with_it["int_demand_label_dates"] if waits_for(14, day)],
        "int_customer_as_of_dates": [monday],
        "int_churn_label_dates": [day for day in with_it["int_churn_label_dates"] if waits_for(28, day)],
    }


def build_calendar(
    uri: str, calendar_sql: dict[str, str], days: list[date], lost: date | None = None, *, has_late_rows: bool = False
) -> dict[str, list[date]]:
    """The dates of each calendar model as the first build over these days makes it; nothing is kept.

    A lost day has no delivery, and no rows either unless a later delivery brought some.
    """
    days = [day for day in days if day != lost or has_late_rows]
    found = {}
    with psycopg.connect(uri) as connection:
        for name in (*calendar_sql, "int_transaction_days", "int_shop_days"):
            connection.execute(f"delete from intermediate.{name}")
        for name, is_pending in (("int_transaction_days", ""), ("int_shop_days", ", false")):
            connection.execute(
                f"insert into intermediate.{name} (day, line_count, is_delivered, inputs_version"
                f"{', is_pending' if is_pending else ''}) "
                f"select day, 1, day is distinct from %s, 1{is_pending} from unnest(%s::date[]) as days (day)",
                (lost, days),
            )
        for name, sql in calendar_sql.items():
            connection.execute(f"insert into intermediate.{name} {sql}")
            connection.execute(f"update intermediate.{name} set is_pending = false")
            found[name] = sorted(row[0] for row in connection.execute(f"table intermediate.{name}").fetchall())
        connection.rollback()
    return found


def test_no_model_is_parsed_anew_for_the_run_that_builds_it(built: str, project: Project) -> None:
    import msgpack

    parsed = msgpack.unpackb((project.target / "partial_parse.msgpack").read_bytes(), strict_map_key=False)
    read = {name: file["env_vars"] for name, file in parsed["files"].items() if file.get("env_vars")}

    assert any(file["parse_file_type"] == "model" for file in parsed["files"].values())
    assert read == {}, "dbt parses these files again whenever the variables have other values"


def test_a_build_with_nothing_new_computes_nothing(warehouse: str, project: Project) -> None:
    nodes = project.run(warehouse, "run")
    for name in (
        "int_household_days", "customer_features", "churn_labels",
        "int_store_product_weeks", "store_category_features", "demand_labels",
    ):  # fmt: skip
        assert nodes[name].adapter_response["rows_affected"] == 0


def test_a_view_is_made_anew_only_where_its_sql_or_what_it_reads_has_changed(
    warehouse: str, project: Project, tmp_path: Path
) -> None:
    views = "select 'staging.stg_products'::regclass::oid, 'latest.customer_features'::regclass::oid"
    ((products, newest),) = fetch_all(warehouse, views)
    project.run(warehouse, "run")
    assert fetch_all(warehouse, views) == [(products, newest)]

    with psycopg.connect(warehouse) as connection:
        connection.execute("alter table raw.products add column shelf text")
    project.run(warehouse, "run")
    ((wider, same),) = fetch_all(warehouse, views)
    assert (wider != products, same) == (True, newest)

    edited = copy_project(tmp_path, project.target)
    replace_text(edited.folder / "models/staging/stg_products.sql", "brand = 'Private'", "brand = 'Own'")
    edited.run(warehouse, "run", "--select", "stg_products")
    assert fetch_all(warehouse, views)[0][0] not in (products, wider)
    assert fetch_all(warehouse, "select count(*) from staging.stg_products where is_private_label") == [(0,)]


def test_a_day_within_a_week_computes_nothing_of_the_weekly_group(warehouse: str, project: Project) -> None:
    before = hash_marts(warehouse)
    plant_delivery(warehouse, *NEXT_DELIVERY)

    nodes = project.run(warehouse, "run")

    after = hash_marts(warehouse)
    assert after["features.customer_features"] != before["features.customer_features"]
    assert after["features.store_category_features"] == before["features.store_category_features"]
    for name in ("int_store_product_weeks", "store_category_features", "demand_labels"):
        assert nodes[name].adapter_response["rows_affected"] == 0


def test_a_late_row_changes_its_own_day_and_the_as_of_dates_after_it(warehouse: str, project: Project) -> None:
    late_day, before = date(2024, 5, 10), hash_marts(warehouse)
    days_before = hash_rows(warehouse, "intermediate.int_household_days", "day")
    plant_delivery(warehouse, LAST_DAY + DAY, [(104, LAST_DAY + DAY), (104, late_day)])

    project.run(warehouse, "run")

    days = hash_rows(warehouse, "intermediate.int_household_days", "day")
    assert {day for day in days if days[day] != days_before.get(day)} == {late_day, LAST_DAY + DAY}
    features = hash_rows(warehouse, "features.customer_features")
    changed = {day for day in features if features[day] != before["features.customer_features"].get(day)}
    assert changed == {day for day in features if day > late_day}
    after = hash_marts(warehouse)
    assert find_changes(before, after, "features.store_category_features") == {date(2024, 5, 13), date(2024, 5, 20)}
    assert find_changes(before, after, "features.demand_labels") == {date(2024, 4, 29), date(2024, 5, 6)}
    incremental = hash_marts(warehouse)
    project.run(warehouse, "run", "--full-refresh")
    assert hash_marts(warehouse) == incremental


def test_an_as_of_date_uses_the_snapshot_that_was_known_before_it(
    warehouse: str, project: Project, purchases: list[Purchase]
) -> None:
    """Ages come on 2 May, are corrected on the 6th, and the first ones of all after that.

    The product list of 29 April calls milk DAIRY; the one of 5 May lacks it, and is corrected the next day. What was
    sold is the same: a label takes a list that is changed within its horizon as the one of its as-of date.
    """
    came, corrected, listed, short = date(2024, 5, 2), date(2024, 5, 6), date(2024, 4, 29), date(2024, 5, 5)
    tables = {
        "intermediate.int_household_days": "day", "features.customer_features": "as_of_date",
        "features.store_category_features": "as_of_date", "features.demand_labels": "as_of_date",
    }  # fmt: skip
    before = {table: hash_rows(warehouse, table, key) for table, key in tables.items()}
    plant_snapshot(warehouse, "households", came, came, list_households("19-24"))
    plant_snapshot(warehouse, "households", came, corrected, list_households("25-34"))
    plant_snapshot(warehouse, "households", FIRST_DAY, LAST_DAY - DAY, list_households("35-44"))
    plant_snapshot(warehouse, "products", listed, listed, list_products("DAIRY", "National"))
    plant_snapshot(warehouse, "products", short, short, list_products("DAIRY", "National")[:1])
    plant_snapshot(warehouse, "products", short, short + DAY, list_products("DAIRY", "National"))

    def list_categories(as_of: date) -> dict[int, str]:
        if as_of <= listed:
            return FIRST_LIST
        return {FUEL: "FUEL"} if as_of == short + DAY else {FUEL: "FUEL", MILK: "DAIRY"}

    nodes = project.run(warehouse, "build", "--exclude-resource-type", "unit_test")

    assert find_failures(nodes) == {}
    found = fetch_all(
        warehouse, "select as_of_date, age_band from features.customer_features where household_id = 1 order by 1"
    )
    bands = {day: 6 if day <= came else 1 if day <= corrected else 2 for day, _ in found}
    assert dict(found) == bands
    assert set(bands.values()) == {6, 1, 2}
    private = fetch_all(
        warehouse, "select day, max(private_label_spend) from intermediate.int_household_days group by 1"
    )
    assert dict(private) == {day: 10 if day < listed else 0 for day, _ in private}
    assert set(fetch_demand(warehouse)) == expect_demand(warehouse, purchases, list_categories)
    assert set(fetch_sales_features(warehouse)) == expect_sales_features(purchases, list_categories)
    after = {table: hash_rows(warehouse, table, key) for table, key in tables.items()}
    changes = {table: find_changes(before, after, table) for table in tables}
    assert changes == {
        "intermediate.int_household_days": {day for day, _ in private if day >= listed},
        "features.customer_features": {day for day in after["features.customer_features"] if day > listed},
        "features.store_category_features": {listed + n * WEEK for n in (1, 2, 3)},
        "features.demand_labels": {short + DAY},
    }
    for table in ("intermediate.int_household_days", "features.customer_features", "features.store_category_features"):
        (count,) = fetch_all(
            warehouse, f"select count(*) from {table} where {tables[table]} = any(%s)", list(changes[table])
        )[0]
        assert nodes[table.rsplit(".", 1)[-1]].adapter_response["rows_affected"] == count
    project.run(warehouse, "run", "--full-refresh")
    assert {table: hash_rows(warehouse, table, key) for table, key in tables.items()} == after


def test_deliveries_that_were_lost_or_wrong_leave_no_trace_once_the_right_ones_come(
    warehouse: str, project: Project, purchases: list[Purchase]
) -> None:
    """One delivery came with a row of a year ago, another one not at all."""
    before, wrong_day, lost_day = hash_marts(warehouse), date(2023, 5, 20), date(2024, 4, 28)  # lost: a Sunday
    days_before = hash_rows(warehouse, "intermediate.int_household_days", "day")
    deliveries = {day: [one for one in purchases if one[1] == day] for day in (LAST_DAY, lost_day)}
    plant_delivery(warehouse, LAST_DAY, [*deliveries[LAST_DAY], (5, wrong_day)])
    lose_delivery(warehouse, lost_day)

    nodes = project.run(warehouse, "build", "--exclude-resource-type", "unit_test")

    assert find_failures(nodes) == {
        "every_day_is_delivered_int_transaction_days_": "warn: Got 1 result, configured to warn if != 0"
    }
    assert wrong_day in hash_rows(warehouse, "intermediate.int_household_days", "day")
    gone = {
        table: set(days) - set(hash_rows(warehouse, table)) for table, days in before.items() if "latest" not in table
    }
    assert gone == {
        "features.customer_features": {lost_day + DAY},
        "features.churn_labels": {day for day in before["features.churn_labels"] if day <= lost_day < day + 28 * DAY},
        "features.store_category_features": {lost_day + DAY},
        "features.demand_labels": {date(2024, 4, 15) + n * WEEK for n in range(3)},
    }

    for day, delivery in deliveries.items():
        plant_delivery(warehouse, day, delivery)
    project.run(warehouse, "run")

    assert hash_rows(warehouse, "intermediate.int_household_days", "day") == days_before
    assert hash_marts(warehouse) == before


def test_a_changed_model_is_computed_anew_for_every_as_of_date(
    warehouse: str, project: Project, tmp_path: Path
) -> None:
    edited = copy_project(tmp_path, project.target)
    replace_text(
        edited.folder / "models/intermediate/features/int_basket_mix.sql",
        "sum(household_days.priced_orders)",
        "2 * sum(household_days.priced_orders)",
    )

    edited.run(warehouse, "run")

    assert fetch_all(warehouse, "select distinct basket_value_mean from features.customer_features") == [(15.0,)]


def test_a_renamed_feature_rebuilds_its_tables(warehouse: str, project: Project, tmp_path: Path) -> None:
    edited = copy_project(tmp_path, project.target)
    mart = edited.folder / "models/marts/customer_features.sql"
    replace_text(mart, "as stores_84d", "as shops_84d")
    replace_text(mart.with_suffix(".yml"), "name: stores_84d", "name: shops_84d")
    count = "select count(*), min(stores_84d) from features.customer_features"
    before = fetch_all(warehouse, count)

    edited.run(warehouse, "run")

    assert fetch_all(warehouse, count.replace("stores", "shops")) == before
    assert fetch_all(warehouse, "select distinct shops_84d from latest.customer_features") == [(1.0,)]


def test_a_failing_test_stops_what_depends_on_it(warehouse: str, project: Project) -> None:
    before = hash_marts(warehouse)
    plant_delivery(warehouse, *NEXT_DELIVERY)
    with psycopg.connect(warehouse) as connection:
        connection.execute(
            "update raw.transactions set sales_value = -1, household_id = null, basket_id = null where batch_day = %s",
            (LAST_DAY + DAY,),
        )

    nodes = project.run(warehouse, "build")

    assert nodes["accepted_range_stg_transactions_spend__0"].status == "fail"
    assert nodes["never_null_stg_transactions_household_id"].status == "fail"
    assert nodes["unique_key_stg_transactions_basket_id__product_id"].status == "fail"
    assert nodes["customer_features"].status == "skipped"
    assert nodes["unique_key_stg_products_product_id__valid_from"].status == "pass"
    assert hash_marts(warehouse) == before


@pytest.fixture(scope="module")
def after_next_day(postgres: PostgresServer, built: str, project: Project) -> dict[str, Any]:
    """The marts after a build of the day after the last one, which nothing has disturbed."""
    with lend_database(postgres, "dbt_built") as warehouse:
        plant_delivery(warehouse, *NEXT_DELIVERY)
        assert find_failures(project.run(warehouse, "run")) == {}
        return hash_marts(warehouse)


def wait_for_waiting(uri: str, dbt: subprocess.Popen[bytes], count: int) -> list[int]:
    """The processes of the server that wait for a lock, once there are so many."""
    waiting = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    with psycopg.connect(uri, autocommit=True) as watcher:
        while len(pids := [pid for (pid,) in watcher.execute(waiting)]) < count:
            assert dbt.poll() is None, "dbt was not seen to wait"
            time.sleep(0.01)
    return pids


def test_of_two_builds_at_once_the_earlier_one_loses_and_changes_nothing(warehouse: str, project: Project) -> None:
    """A trigger stands for the newer build: it takes the fence right after this one."""
    before = hash_marts(warehouse)
    plant_delivery(warehouse, *NEXT_DELIVERY)
    with psycopg.connect(warehouse) as connection:
        connection.execute(
            "create function overtake() returns trigger language plpgsql as "
            "$$ begin new.token := new.token + 1; return new; end $$"
        )
        connection.execute(
            "create trigger overtake before insert or update on governance.fences for each row "
            "when (new.name = 'build_features') execute function overtake()"
        )
    fence = "select token from governance.fences where name = 'build_features'"

    nodes = project.run(warehouse, "run")

    assert "Another build of the features has started" in nodes["stg_transactions"].message
    assert {nodes[name].status for name in read_models(project) if name in nodes} == {"error", "skipped"}
    assert hash_marts(warehouse) == before
    overtaken = fetch_all(warehouse, fence)
    assert find_failures(project.run(warehouse, "test", "--select", "stg_products")) == {}
    assert fetch_all(warehouse, fence) == overtaken, "a command that builds nothing takes no fence"

    with psycopg.connect(warehouse) as connection:
        connection.execute("drop trigger overtake on governance.fences")
    assert find_failures(project.run(warehouse, "run", "--select", "int_transaction_days")) == {}


def test_two_builds_that_meet_leave_what_one_leaves(
    after_next_day: dict[str, Any], warehouse: str, project: Project, tmp_path: Path
) -> None:
    """The newer one starts while a model of the older one waits for a table, and waits for that model in turn."""
    plant_delivery(warehouse, *NEXT_DELIVERY)
    with psycopg.connect(warehouse) as holder:
        holder.execute("lock table features.customer_features in share mode")
        older = project.start(warehouse, "run")
        wait_for_waiting(warehouse, older, count=1)
        target = shutil.copytree(project.target, tmp_path / "target")
        newer = Project(DBT_DIR, target).start(warehouse, "run")
        wait_for_waiting(warehouse, newer, count=2)

    older.wait(timeout=600)
    assert newer.wait(timeout=600) == 0
    assert hash_marts(warehouse) == after_next_day


def test_a_model_that_is_tried_again_does_not_take_the_fence_back(warehouse: str, project: Project) -> None:
    """Models of one Airflow run are tried again by dbt commands of their own, before and after a newer build starts."""
    model = ("run", "--select", "int_transaction_days")
    fence = "select token from governance.fences where name = 'build_features'"

    def try_again() -> dict[str, str]:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AIRFLOW_CTX_DAG_RUN_ID", "scheduled__2024-05-21")
            return find_failures(project.run(warehouse, *model))

    assert try_again() == {}
    assert try_again() == {}, "a run that holds the fence goes on"
    assert find_failures(project.run(warehouse, *model)) == {}
    newer = fetch_all(warehouse, fence)

    failures = try_again()

    assert "Another build of the features has started since this one" in str(failures)
    assert fetch_all(warehouse, fence) == newer, "the newer build goes on"
    tests = project.run(warehouse, "build", "--select", "stg_products", "--resource-type", "test")
    assert tests
    assert find_failures(tests) == {}
    assert fetch_all(warehouse, fence) == newer, "a build of tests only takes no fence"


def test_days_that_are_no_longer_kept_take_what_looks_back_at_them_along_and_nothing_else(
    warehouse: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRERY_TODAY", str(LAST_DAY + DAY))
    before, first_kept = hash_marts(warehouse), LAST_DAY + DAY - 130 * DAY

    dropped = drop_expired_days(warehouse, load_settings().sources.model_copy(update={"keep_days": 130}))
    assert find_failures(project.run(warehouse, "run")) == {}

    assert dropped["transactions"][-1] == first_kept - DAY
    after = hash_marts(warehouse)
    for table, dates in after.items():
        assert dates, f"{table} is empty"
        assert dates.items() <= before[table].items(), f"{table} was computed anew from fewer days"
    customers = [day for day in before["features.customer_features"] if day >= first_kept + 84 * DAY]
    assert sorted(after["features.customer_features"]) == sorted(customers)
    assert min(after["features.store_category_features"]) >= first_kept + 56 * DAY


@pytest.mark.parametrize("end", ["dbt is killed", "its connection is lost"])
def test_a_build_that_hangs_and_is_ended_leaves_whole_tables_and_the_next_one_is_as_if_it_had_not_been(
    after_next_day: dict[str, Any], warehouse: str, project: Project, end: str
) -> None:
    plant_delivery(warehouse, *NEXT_DELIVERY)
    before = hash_marts(warehouse)["features.customer_features"]

    with psycopg.connect(warehouse) as holder, psycopg.connect(warehouse, autocommit=True) as ender:
        holder.execute("lock table features.customer_features in share mode")
        dbt = project.start(warehouse, "run")
        (pid,) = wait_for_waiting(warehouse, dbt, count=1)
        if end == "dbt is killed":
            dbt.kill()
        else:
            ender.execute("select pg_terminate_backend(%s)", [pid])
        dbt.wait(timeout=600)
    assert dbt.returncode != 0
    assert hash_marts(warehouse)["features.customer_features"] == before

    assert find_failures(project.run(warehouse, "run")) == {}
    assert hash_marts(warehouse) == after_next_day


def test_an_empty_warehouse_builds(empty_warehouse: str, project: Project) -> None:
    make_raw_tables(empty_warehouse)
    assert find_failures(project.run(empty_warehouse, "run")) == {}
    assert fetch_all(empty_warehouse, "select * from features.customer_features") == []
    assert fetch_all(empty_warehouse, "select * from features.store_category_features") == []


def plant_edges(uri: str) -> None:
    """Published rows with every extreme value that sources.yml allows, and a day without a delivery of its own."""
    sources = load_settings().sources
    for name, source in sources.sources.items():
        if source.grain == "snapshot":
            rows = [tuple(row[column] for column in source.columns) for row in make_snapshot(source, LAST_DAY)]
            plant_snapshot(uri, name, FIRST_DAY, FIRST_DAY, rows)
            continue
        with open_session(uri) as session:
            for n in range((LAST_DAY - FIRST_DAY).days + 1):
                plant_edge_day(session, sources, name, FIRST_DAY + n * DAY)


def plant_edge_day(session: Session, sources: SourceSettings, name: str, day: date) -> None:
    source = sources.find_source(name)
    rows = list(make_delivery(sources, name, day, is_last=day == LAST_DAY)) if day != CLOSED_DAY else []
    for row in rows:
        event = row[str(source.event_column)]
        row.update(day=event.date() if isinstance(event, datetime) else event, batch_day=day)
    columns = source.published_columns
    ensure_day_partitions(session, TableName("raw", name), [day])
    session.execute_many(
        f"insert into raw.{name} ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))})",
        [[row[origin] for origin in columns.values()] for row in rows],
    )
    note_delivery(session, name, day)


def number_pattern(name: str, pattern: dict[str, Any]) -> int:
    """The number of a pattern, which is the id of its household, store and so on."""
    return USUAL + list_patterns(load_settings().sources.find_source(name)).index(pattern)


def test_whatever_the_audit_lets_through_builds(empty_warehouse: str, project: Project) -> None:
    """Contracts and tests of dbt refuse no value that sources.yml allows."""
    make_raw_tables(empty_warehouse)
    plant_edges(empty_warehouse)

    nodes = project.run(empty_warehouse, "build")

    failures = {name: one for name, one in find_failures(nodes).items() if not one.startswith("warn")}
    assert failures == {}
    assert [name for name, node in nodes.items() if node.status == "skipped"] == []
    unpriced, uncounted, unknown = (
        number_pattern("transactions", dict.fromkeys(columns))
        for columns in (["sales_value"], ["quantity"], NULLABLE_COLUMNS)
    )
    # Two lines a day, each one unit for a dollar after two of discounts, on all but the closed one of 28 days.
    assert fetch_all(
        empty_warehouse,
        "select household_id, orders_28d, items_28d, spend_28d, basket_value_mean, discount_share "
        "from latest.customer_features where household_id = any(%s) order by 1",
        [unpriced, uncounted, unknown],
    ) == sorted([(unpriced, 27, 54, 0, None, None), (uncounted, 27, 0, 54, 2, 1)])
    assert fetch_all(
        empty_warehouse,
        "select store_id, units_1w, units_mean_8w, weeks_sold_8w, store_units_trend "
        "from latest.store_category_features where store_id = any(%s) and product_category = 'usual' order by 1",
        [uncounted, unknown],
    ) == [(uncounted, 0, 0, 8, None)]


def read_models(project: Project) -> dict[str, dict[str, Any]]:
    """The models of the manifest by name."""
    manifest = json.loads((project.target / "manifest.json").read_text())
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def find_ancestors(models: dict[str, dict[str, Any]], name: str) -> set[str]:
    """Every model that one is made from."""
    parents = {parent.rsplit(".", 1)[-1] for parent in models[name]["depends_on"]["nodes"]} & set(models)
    return parents.union(*(find_ancestors(models, parent) for parent in parents))


def test_a_group_needs_nothing_of_the_other(project: Project, built: str) -> None:
    models = read_models(project)
    customers = find_ancestors(models, "customer_features") | find_ancestors(models, "churn_labels")
    sales = find_ancestors(models, "store_category_features") | find_ancestors(models, "demand_labels")
    assert customers & sales == {
        "stg_arrivals", "stg_deliveries", "stg_snapshots", "stg_transactions", "stg_products", "int_transaction_days",
    }  # fmt: skip


def test_groups_and_labels_begin_with_event_time_and_keys(project: Project, built: str) -> None:
    models = read_models(project)
    declared = {
        name: meta
        for name, model in models.items()
        for meta in (model["config"]["meta"].get("feature_group") or model["config"]["meta"].get("label"),)
        if meta
    }
    assert sorted(declared) == ["churn_labels", "customer_features", "demand_labels", "store_category_features"]
    for name, meta in declared.items():
        columns = list(models[name]["columns"])
        keys = [meta["event_time"], *meta["keys"]]
        assert columns[: len(keys)] == keys
        assert columns[len(keys) :] == list(meta["columns"]) if "columns" in meta else len(columns) > len(keys)
    horizons = {name: int(meta["horizon_days"]) for name, meta in declared.items() if "horizon_days" in meta}
    assert horizons == {"churn_labels": 28, "demand_labels": 14}


def test_everything_is_described(project: Project, built: str) -> None:
    models = list(read_models(project).values())
    assert len(models) == 34
    assert not [model["name"] for model in models if "One row per" not in model["description"]]
    marts = [model for model in models if model["fqn"][1] == "marts"]
    undescribed = [
        f"{model['name']}.{column['name']}"
        for model in marts
        for column in model["columns"].values()
        if not column["description"]
    ]
    assert len(marts) == 6
    assert undescribed == []
    tables = [model for model in marts if model["config"]["materialized"] != "view"]
    assert len(tables) == 4
    assert all(model["contract"]["enforced"] for model in tables)


def test_the_documentation_is_one_page_on_which_the_declared_models_follow_their_groups(
    built: str, tmp_path: Path
) -> None:
    with set_warehouse(built):
        page = write_docs(tmp_path, load_settings().models)

    manifest = json.loads((tmp_path / "project" / "target" / "manifest.json").read_text())
    used = {one["name"]: set(one["depends_on"]["nodes"]) for one in manifest["exposures"].values()}
    assert used == {
        "churn": {f"model.orrery.{name}" for name in ("customer_features", "customer_features_latest", "churn_labels")},
        "demand": {
            f"model.orrery.{name}"
            for name in ("store_category_features", "store_category_features_latest", "demand_labels")
        },
        "churn_list": {"source.orrery.scores.churn_latest_predictions"},
        "demand_list": {"source.orrery.scores.demand_latest_predictions"},
    }
    text = page.read_text(encoding="utf-8")
    assert "exposure.orrery.churn" in text
    assert "Units; thousandths of a unit of volume for fuel" in text
    catalog = json.loads((tmp_path / "project" / "target" / "catalog.json").read_text())
    assert catalog["nodes"]["model.orrery.customer_features"]["columns"]["recency_days"]["type"] == "double precision"


def test_what_a_build_makes_is_published_and_a_rebuild_of_it_writes_nothing(warehouse: str, project: Project) -> None:
    catalog = read_catalog(json.loads((project.target / "manifest.json").read_text(encoding="utf-8")))
    settings = load_settings().features
    assert len(catalog.groups) == 2
    for group in catalog.groups.values():
        done = publish_group(warehouse, group, settings, "first")
        again = publish_group(warehouse, group, settings, "second")

        assert (done.audit.failures, done.online and done.online.written > 0) == ((), True)
        assert (again.changed, again.online and again.online.written) == ((), 0)
        assert hash_rows(warehouse, f"online.{group.name}") == hash_rows(warehouse, f"latest.{group.name}")


@pytest.mark.parametrize("group", ["customer_features", "store_category_features"])
def test_the_online_table_has_the_columns_of_the_group(built: str, group: str) -> None:
    def columns(schema: str) -> list[tuple[Any, ...]]:
        return fetch_all(
            built,
            "select column_name, data_type from information_schema.columns "
            "where table_schema = %s and table_name = %s order by ordinal_position",
            schema, group,
        )  # fmt: skip

    offline = columns("features")
    assert offline[0] == ("as_of_date", "date")
    assert columns("latest") == offline
