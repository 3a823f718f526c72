"""The dbt project on a real PostgreSQL, over a small shop whose every purchase is known here."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml

from include.local.postgres import PostgresServer
from include.settings import PROJECT_ROOT, load_settings

DBT_DIR = PROJECT_ROOT / "dbt"
FIRST_DAY = date(2024, 1, 1)
LAST_DAY = date(2024, 5, 20)
AS_OF = date(2024, 4, 15)
FUEL, MILK = 1, 2
DAY = timedelta(days=1)

Purchase = tuple[int, date]


@dataclass(frozen=True)
class Project:
    """The dbt project, run in this process against one database."""

    folder: Path
    target: Path

    def run(self, uri: str, *arguments: str) -> dict[str, Any]:
        """Run a dbt command; the status of each node by name, and whether all went well."""
        from dbt.cli.main import dbtRunner

        parts = urlsplit(uri)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("ORRERY_DBT_HOST", str(parts.hostname))
            environment.setenv("ORRERY_DBT_PORT", str(parts.port))
            environment.setenv("ORRERY_DBT_USER", str(parts.username))
            environment.setenv("ORRERY_DBT_PASSWORD", str(parts.password))
            environment.setenv("ORRERY_DBT_DATABASE", parts.path.removeprefix("/"))
            result = dbtRunner().invoke([
                *arguments, "--quiet",
                "--project-dir", str(self.folder), "--profiles-dir", str(self.folder),
                "--target-path", str(self.target), "--log-path", str(self.target),
            ])  # fmt: skip
        if result.exception:
            raise result.exception
        return {node.node.name: node for node in result.result.results}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(DBT_DIR, tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="module")
def purchases() -> list[Purchase]:
    """One basket per household and day: regulars, some of whom stop, and the edges of each window."""
    dice = random.Random(7)
    found = [
        (household, FIRST_DAY + offset * DAY)
        for household in range(1, 13)
        for offset in range((LAST_DAY - FIRST_DAY).days + 1)
        if dice.random() < household / 24 and not (household % 3 == 0 and offset > 90 + household)
    ]
    edges = {101: (-1, 28), 102: (-56, 27), 103: (-57,), 104: (-1, 0), 105: (-84, -2), 106: (-85, -2)}
    return found + [(household, AS_OF + offset * DAY) for household, days in edges.items() for offset in days]


@pytest.fixture(scope="module")
def built(postgres: PostgresServer, project: Project, purchases: list[Purchase]) -> str:
    """A warehouse with all purchases, after its first build; tests work on copies of it."""
    uri = postgres.create_database("dbt_built", template="warehouse_template")
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
def warehouse(postgres: PostgresServer, built: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A copy of the built warehouse of this test's own."""
    yield postgres.create_database(f"dbt_{request.node.name}"[:60], template="dbt_built")


def copy_project(folder: Path) -> Project:
    ignored = shutil.ignore_patterns("target", "logs")
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


def plant_snapshots(uri: str) -> None:
    with psycopg.connect(uri) as connection:
        connection.execute(
            "insert into raw.products values (1, 1, 'FUEL', 'National', 'FUEL', 'GASOLINE-REG UNLEADED', null), "
            "(2, 1, 'GROCERY', 'Private', 'MILK', 'MILK', '1 L')"
        )
        connection.execute(
            "insert into raw.households values (1, '65+', '250K+', null, null, '5+', null, '3+'), "
            "(2, null, null, null, null, null, null, null)"
        )
        connection.execute(
            "insert into raw.campaigns values (1, 1, 'Type A', %s, %s), (2, 1, 'Type B', %s, %s)",
            (AS_OF - DAY, AS_OF, AS_OF, AS_OF + DAY),
        )


def plant_delivery(uri: str, batch_day: date, purchases: list[Purchase]) -> None:
    """Publish one day's delivery in the place of an earlier one: per purchase, fuel and two milks for $30."""
    rows = [
        (household, 10, household * 100_000 + (day - FIRST_DAY).days, product, quantity, dollars, 1, 0, 0,
         datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=15), day, batch_day)
        for household, day in purchases
        for product, quantity, dollars in ((FUEL, 9000, 20), (MILK, 2, 10))
    ]  # fmt: skip
    with psycopg.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute("delete from raw.transactions where batch_day = %s", (batch_day,))
        cursor.executemany("insert into raw.transactions values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", rows)
        cursor.execute(
            "insert into raw.partitions values ('transactions', %s, %s, 'hash', clock_timestamp()) "
            "on conflict (source, batch_day) do update set published_at = excluded.published_at",
            (batch_day, len(rows)),
        )


def fetch_all(uri: str, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(uri) as connection:
        return connection.execute(sql, parameters).fetchall()


def hash_rows(uri: str, table: str, key: str = "as_of_date") -> dict[date, str]:
    """The content of a table by its key, without what says only when it was built."""
    rows = fetch_all(
        uri, f"select {key}, md5(string_agg(t::text, '|' order by household_id)) from {table} as t group by 1"
    )
    return dict(rows)


def hash_marts(uri: str) -> dict[str, dict[date, str]]:
    tables = ("features.customer_features", "features.churn_labels", "online.customer_features")
    return {table: hash_rows(uri, table) for table in tables}


def test_features_are_those_of_the_days_before_the_as_of_date(built: str, purchases: list[Purchase]) -> None:
    """Counted again here, from the purchases of each household before each as-of date and nothing else."""

    def count(days: list[date], as_of: date, longest: int, shortest: int = 0) -> int:
        return sum(shortest < (as_of - day).days <= longest for day in days)

    expected = set()
    as_of_dates = [row[0] for row in fetch_all(built, "select as_of_date from intermediate.int_as_of_dates")]
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


def test_a_build_with_nothing_new_computes_nothing(warehouse: str, project: Project) -> None:
    nodes = project.run(warehouse, "run")
    for name in ("int_household_days", "customer_features", "churn_labels"):
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
    incremental = hash_marts(warehouse)
    project.run(warehouse, "run", "--full-refresh")
    assert hash_marts(warehouse) == incremental


def test_a_republished_delivery_takes_back_what_it_no_longer_holds(
    warehouse: str, project: Project, purchases: list[Purchase]
) -> None:
    """A delivery came with a row of a year ago; corrected, it leaves no trace of that day."""
    before, own = hash_marts(warehouse), [purchase for purchase in purchases if purchase[1] == LAST_DAY]
    days_before = hash_rows(warehouse, "intermediate.int_household_days", "day")
    wrong_day = date(2023, 5, 20)
    plant_delivery(warehouse, LAST_DAY, [*own, (5, wrong_day)])
    project.run(warehouse, "run")
    assert wrong_day in hash_rows(warehouse, "intermediate.int_household_days", "day")

    plant_delivery(warehouse, LAST_DAY, own)
    project.run(warehouse, "run")

    assert hash_rows(warehouse, "intermediate.int_household_days", "day") == days_before
    assert hash_marts(warehouse) == before


def test_a_changed_model_is_computed_anew_for_every_as_of_date(
    warehouse: str, project: Project, tmp_path: Path
) -> None:
    edited = copy_project(tmp_path)
    replace_text(
        edited.folder / "models/intermediate/features/int_basket_mix.sql",
        "sum(household_days.orders)",
        "(2 * sum(household_days.orders))",
    )

    edited.run(warehouse, "run")

    assert fetch_all(warehouse, "select distinct basket_value_mean from features.customer_features") == [(15.0,)]


def test_a_renamed_feature_rebuilds_its_tables(warehouse: str, project: Project, tmp_path: Path) -> None:
    edited = copy_project(tmp_path)
    mart = edited.folder / "models/marts/customer_features.sql"
    replace_text(mart, "as stores_84d", "as shops_84d")
    replace_text(mart.with_suffix(".yml"), "name: stores_84d", "name: shops_84d")
    count = "select count(*), min(stores_84d) from features.customer_features"
    before = fetch_all(warehouse, count)

    edited.run(warehouse, "run")

    assert fetch_all(warehouse, count.replace("stores", "shops")) == before
    assert fetch_all(warehouse, "select distinct shops_84d from online.customer_features") == [(1.0,)]


def test_a_failing_test_stops_what_depends_on_it(warehouse: str, project: Project) -> None:
    before = hash_marts(warehouse)
    plant_delivery(warehouse, LAST_DAY + DAY, [(1, LAST_DAY + DAY)])
    with psycopg.connect(warehouse) as connection:
        connection.execute("update raw.transactions set sales_value = -1 where batch_day = %s", (LAST_DAY + DAY,))

    nodes = project.run(warehouse, "build")

    assert nodes["accepted_range_stg_transactions_spend__0"].status == "fail"
    assert nodes["customer_features"].status == "skipped"
    assert nodes["unique_stg_products_product_id"].status == "pass"
    assert hash_marts(warehouse) == before


def test_an_empty_warehouse_builds(warehouse_uri: str, project: Project) -> None:
    assert find_failures(project.run(warehouse_uri, "run")) == {}
    assert fetch_all(warehouse_uri, "select * from features.customer_features") == []


def test_vars_agree_with_the_settings() -> None:
    declared = yaml.safe_load((DBT_DIR / "dbt_project.yml").read_text())["vars"]
    settings = load_settings()
    assert settings.features.dbt_vars == declared
    assert settings.features.time_zone == settings.sources.time_zone


def test_everything_is_described(project: Project, built: str) -> None:
    import json

    manifest = json.loads((project.target / "manifest.json").read_text())
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert len(models) == 18
    assert not [model["name"] for model in models if "One row per" not in model["description"]]
    marts = [model for model in models if model["fqn"][1] == "marts"]
    undescribed = [
        f"{model['name']}.{column['name']}"
        for model in marts
        for column in model["columns"].values()
        if not column["description"]
    ]
    assert len(marts) == 3
    assert undescribed == []
    assert all(model["contract"]["enforced"] for model in marts)


def test_features_are_double_precision_and_online_has_the_same_columns(built: str) -> None:
    def columns(schema: str) -> list[tuple[Any, ...]]:
        return fetch_all(
            built,
            "select column_name, data_type from information_schema.columns "
            "where table_schema = %s and table_name = 'customer_features' order by ordinal_position",
            schema,
        )

    offline = columns("features")
    assert offline[:2] == [("as_of_date", "date"), ("household_id", "bigint")]
    assert {kind for _, kind in offline[2:]} == {"double precision"}
    assert columns("online") == offline
