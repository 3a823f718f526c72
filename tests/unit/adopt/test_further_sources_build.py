"""Features of further sources, built by dbt on a real PostgreSQL, and compared with pandas, value by value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.feature_quality.publish import publish_group
from include.features.catalog import read_catalog
from include.features.spec import resolve_model
from include.servers.postgres import PostgresServer
from include.settings import reload_settings
from tests.dbt_project import lend_database
from tests.unit.adopt.dbt_plant import (
    COLUMNS,
    DAY,
    FIRST,
    LAST,
    LOST,
    MACHINE_COLUMNS,
    House,
    Row,
    fetch,
    list_pings,
    make_house,
    make_rows,
    publish_files,
    run_dbt,
    write_csv,
)
from tests.unit.adopt.test_new_model_build import (
    Built,
    Case,
    describe_events,
    find_active,
    is_same,
    list_as_of_dates,
    list_delivered,
    read_versions,
)

MAIN = Case("silence", ("machine_id",), "no pings in 7 days", "ping_features", "has_no_pings", 7, 14, "pings", (), ())
# Of readings everything counts that lies in the 84 days, whenever it was.
READINGS = Case("", ("machine_id",), "", "", "", 0, 84)
ARGUMENTS = (*MAIN.arguments, "--also", "readings,machines")
SECOND_COPY = FIRST + 120 * DAY
GROUP = "features.ping_features"
UNREAD = 2
# What is unknown of a machine without readings, and not zero.
UNKNOWN = ("recency", "weekend_share", "tenure")


def write_files(folder: Path, rows: dict[date, list[Row]]) -> None:
    """Files of pings of all machines, and of readings of all but one, which has pings and nothing else."""
    for day, found in rows.items():
        write_csv(folder / "pings" / f"{day}.csv", ("machine_id", "pinged_on"), list_pings(found))
        write_csv(folder / "readings" / f"{day}.csv", COLUMNS, list_readings(found))


def list_readings(rows: list[Row]) -> list[Row]:
    """Of all machines but one."""
    return [row for row in rows if row["machine_id"] != UNREAD]


def list_machines(day: date) -> list[Row]:
    """A copy of the list, in which one machine is absent; in the second one others are in other places."""
    is_first = day == FIRST
    return [
        {
            "machine_id": machine, "power": None if machine == 3 else machine + (day - FIRST).days / 100,
            "site": None if machine == 5 else ["north", "south"][(machine + is_first) % 2], "note": "n",
            "maker_id": 1, "broke_on": None,
        }
        for machine in (1, 2, 3, 5, 6)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def built(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A model of pings that looks at readings and at two copies of the list of machines, too."""
    folder = tmp_path_factory.mktemp("plant")
    house = make_house(folder)
    house.declare(*ARGUMENTS)
    uri = postgres.create_database("further_built", template="warehouse_template")
    delivered = {day: found for day, found in make_rows().items() if day != LOST and day <= LAST}
    write_files(folder, delivered)
    publish_files(uri, house, folder, ("readings", "pings"), FIRST, LAST)
    publish_machines(uri, house, folder, FIRST)
    publish_machines(uri, house, folder, SECOND_COPY)
    yield Built(uri, house, folder, delivered, run_dbt(uri, house, "build"))


def publish_machines(uri: str, house: House, folder: Path, day: date) -> None:
    write_csv(folder / "machines" / f"{day}.csv", MACHINE_COLUMNS, list_machines(day))
    publish_files(uri, house, folder, ("machines",), day, day)


def expect_features(rows: dict[date, list[Row]]) -> dict[tuple[date, int], dict[str, Any]]:
    """The features of each as-of date and machine, computed with pandas."""
    pings = list_delivered(rows, MAIN)
    readings = list_delivered({day: list_readings(found) for day, found in rows.items()})
    names = describe_events(readings.head(1).assign(ago=1), READINGS)
    expected = {}
    for as_of in list_as_of_dates(rows):
        read = find_active(readings, READINGS, as_of)
        for key, events in find_active(pings, MAIN, as_of).items():
            machine = key[0]
            further = describe_events(read[key], READINGS) if key in read else dict.fromkeys(names)
            found = describe_events(events, MAIN)
            for name, value in further.items():
                is_counted = not any(word in name for word in ("mean", "frequent", "gap", *UNKNOWN))
                found[prefix(name)] = 0 if value is None and is_counted else value
            expected[as_of, machine] = found | look_up(as_of, machine)
    return expected


def prefix(name: str) -> str:
    """As features of further sources are called."""
    own = name.startswith("readings_") and not name.startswith("readings_no")
    return name if own else f"readings_{name}"


def look_up(as_of: date, machine: int) -> dict[str, Any]:
    """What the copy of before the as-of date says of a machine."""
    rows = {row["machine_id"]: row for row in list_machines(FIRST if as_of <= SECOND_COPY else SECOND_COPY)}
    row = rows.get(machine, {})
    return {"machines_power": row.get("power"), "machines_site": row.get("site")}


def compare(uri: str, rows: dict[date, list[Row]]) -> None:
    """Compare every row and column of the group."""
    expected = expect_features(rows)
    found = {(row.pop("as_of_date"), row.pop("machine_id")): row for row in fetch(uri, f"select * from {GROUP}")}
    assert set(found) == set(expected)
    for key, features in expected.items():
        assert set(found[key]) == set(features)
        wrong = {
            name: (found[key][name], value) for name, value in features.items() if not is_same(found[key][name], value)
        }
        assert wrong == {}, key


def test_everything_is_built_and_tested(built: Built) -> None:
    bad = {name for name, said in built.first.items() if not said.startswith(("success", "pass"))}
    assert bad == {f"every_day_is_delivered_int_{name}_event_days_" for name in ("ping", "ping_readings")}
    assert "assert_ping_features_ignore_the_future_of_readings" in built.first


def test_features_of_all_sources_are_those_of_the_days_before(built: Built) -> None:
    compare(built.uri, built.rows)


def test_the_plant_holds_what_the_comparison_is_to_show(built: Built) -> None:
    rows = fetch(built.uri, f"select * from {GROUP}")
    unread = [row for row in rows if row["machine_id"] == UNREAD]
    assert unread
    assert {(row["readings_84d"], row["readings_recency_days"]) for row in unread} == {(0, None)}
    assert {row["machines_site"] for row in rows} == {"north", "south", None}
    assert len({row["machines_power"] for row in rows if row["machine_id"] == 1}) == 2


def test_the_group_is_registered_and_published(postgres: PostgresServer, built: Built) -> None:
    uri = postgres.create_database("further_published", template="further_built")
    settings = reload_settings(built.house.config)
    catalog = read_catalog(json.loads((built.folder / "target" / "manifest.json").read_text()))
    catalog.check()
    kinds = {feature.name: feature.kind for feature in resolve_model(settings.models["silence"], catalog).features}
    assert kinds["machines_site"] == kinds["readings_state_most_frequent_84d"] == "categorical"
    assert kinds["machines_power"] == kinds["readings_heat_mean_7d"] == "numeric"

    done = publish_group(uri, catalog.groups["ping_features"], settings.features, "first")

    assert done.audit.failures == ()
    assert fetch(uri, "select * from online.ping_features order by 1, 2") == fetch(
        uri, "select * from latest.ping_features order by 1, 2"
    )


@pytest.fixture
def uri(postgres: PostgresServer, built: Built) -> Iterator[str]:
    """The warehouse that was built, for a test to change."""
    with lend_database(postgres, "further_built") as lent:
        yield lent


def test_news_of_any_source_make_anew_what_looks_at_them_and_nothing_else(uri: str, built: Built) -> None:
    """A build without news; then a corrected copy of the list, and readings of a day that come late."""
    before = read_versions(uri, GROUP)
    run_dbt(uri, built.house, "build")
    assert read_versions(uri, GROUP) == before

    corrected = LAST - 5 * DAY
    publish_machines(uri, built.house, built.folder, corrected)
    run_dbt(uri, built.house, "build")
    after = read_versions(uri, GROUP)
    anew = {key[0] for key, version in after.items() if before.get(key) != version}
    assert anew == {as_of for as_of, _ in after if as_of > corrected} != set()

    everything = dict(make_rows())
    write_csv(built.folder / "readings" / f"{LOST}.csv", COLUMNS, list_readings(everything[LOST]))
    publish_files(uri, built.house, built.folder, ("readings",), LOST, LOST)
    run_dbt(uri, built.house, "build")
    latest = read_versions(uri, GROUP)
    same = {key[0] for key, version in latest.items() if after.get(key) == version}
    assert same == {as_of for as_of, _ in after if as_of <= LOST} != set()
    assert any(row["day"] == LOST for row in list_readings(everything[LOST]))


@pytest.mark.parametrize(
    ("model", "right", "wrong", "test"),
    [
        (
            "int_ping_readings_variety", "days.day < as_of_dates.as_of_date", "days.day < as_of_dates.as_of_date + 28",
            "values_of_the_84_days_before_the_as_of_date_are_counted",
        ),
        (
            "int_ping_readings_windows", "days.day < as_of_dates.as_of_date", "days.day < as_of_dates.as_of_date + 28",
            "windows_end_on_the_day_before_the_as_of_date",
        ),
        (
            "int_ping_readings_rhythm", "days.day < as_of_dates.as_of_date", "days.day < as_of_dates.as_of_date + 28",
            "gaps_begin_inside_the_history",
        ),
        (
            "ping_features", "and windows.as_of_date", "and windows.as_of_date + 120",
            "assert_ping_features_ignore_the_future_of_machines",
        ),
    ],
)  # fmt: skip
def test_a_feature_that_is_changed_to_know_the_future_fails_a_test(
    uri: str, built: Built, model: str, right: str, wrong: str, test: str
) -> None:
    path = next(built.house.dbt.rglob(f"{model}.sql"))
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong))
    try:
        said = run_dbt(uri, built.house, "build", "--full-refresh", "--select", model)
    finally:
        path.write_text(text)
    assert said[test].startswith("fail")
