"""What make new-model writes is built by dbt on a real PostgreSQL, and compared with pandas, value by value."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from include.feature_quality.publish import publish_group
from include.features.catalog import read_catalog
from include.features.spec import resolve_model
from include.servers.postgres import PostgresServer
from include.settings import reload_settings
from tests.dbt_project import lend_database
from tests.unit.adopt.dbt_plant import (
    DAY,
    EMPTY,
    FIRST,
    LAST,
    LATE,
    LOST,
    House,
    Row,
    deliver,
    fetch,
    list_pings,
    make_house,
    make_rows,
    run_dbt,
)


@dataclass(frozen=True)
class Case:
    """A model that is declared, and what is expected of it."""

    name: str
    keys: tuple[str, ...]
    label: str
    group: str
    column: str
    days: int
    active_days: int
    source: str = "readings"
    numbers: tuple[str, ...] = ("heat", "order_value")
    values: tuple[str, ...] = ("hall", "state", "part_id", "spare_no", "machine_id")
    windows: tuple[int, ...] = (7, 28, 56, 84)

    @property
    def lookback(self) -> int:
        return self.windows[-1]

    @property
    def arguments(self) -> list[str]:
        entity = ",".join("Hall Name" if key == "hall" else key for key in self.keys)
        return [self.name, "--entity", entity, "--events", self.source, "--label", self.label, "--group", self.group]


CASES = [
    Case("lapse", ("machine_id",), "no readings in 14 days", "machine_features", "has_no_readings", 14, 28),
    Case("busy", ("machine_id", "hall"), "readings in 3 days", "machine_hall_features", "has_readings", 3, 6),
    Case("warmth", ("hall",), "sum of heat in 10 days", "hall_features", "heat_sum", 10, 20),
    Case("load", ("built_on",), "count in 50 days", "built_on_features", "readings_count", 50, 84),
    Case("checks", ("hall",), "count of heat in 10 days", "hall_features", "heat_count", 10, 20),
    Case("rush", ("machine_id",), "count in 14 days", "machine_features", "readings_count", 14, 28),
    Case("silence", ("machine_id",), "no pings in 7 days", "ping_features", "has_no_pings", 7, 14, "pings", (), ()),
    # Windows of a short history: that of the var which is there.
    Case("month", ("hall",), "count in 28 days", "month_features", "readings_count", 28, 28, windows=(7, 28)),
    Case("season", ("machine_id",), "sum of heat in 7 days", "season_features", "heat_sum", 7, 14, windows=(7, 28, 56)),
]
HISTORY = {"month_history_days": 28, "season_history_days": 56}
GROUPS = list({case.group: case for case in reversed(CASES)}.values())
STATE_TABLES = [
    *(f"features.{name}" for case in CASES for name in (case.group, f"{case.name}_labels")),
    *(f"intermediate.int_{case.group.removesuffix('_features')}_days" for case in GROUPS),
]


@dataclass(frozen=True)
class Built:
    """The house with its models, the warehouse, what was delivered, and what the first and second build said."""

    uri: str
    house: House
    folder: Path
    rows: dict[date, list[Row]]
    first: dict[str, str]


@pytest.fixture(scope="module")
def built(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """All models on all days but the newest, of which one was lost."""
    folder = tmp_path_factory.mktemp("plant")
    house, rows = make_house(folder), make_rows()
    project = house.dbt / "dbt_project.yml"
    content = yaml.safe_load(project.read_text())
    project.write_text(yaml.safe_dump(content | {"vars": content["vars"] | HISTORY}, sort_keys=False))
    for case in CASES:
        house.declare(*case.arguments)
    uri = postgres.create_database("new_model_built", template="warehouse_template")
    delivered = {day: found for day, found in rows.items() if day != LOST and day <= LAST}
    deliver(uri, house, folder, delivered, FIRST, LAST)
    yield Built(uri, house, folder, delivered, run_dbt(uri, house, "build"))


def list_delivered(rows: dict[date, list[Row]], case: Case = CASES[0]) -> pd.DataFrame:
    """All rows with the names of the staging view; what cannot be added up is unknown."""
    if case.source == "pings":
        return pd.DataFrame([ping for found in rows.values() for ping in list_pings(found)])
    table = pd.DataFrame([row for found in rows.values() for row in found])
    table = table.rename(columns={"Hall Name": "hall", "Order": "order_value"})
    table["heat"] = table["heat"].where(table["heat"].abs() < 1e150)
    return table


def list_as_of_dates(rows: dict[date, list[Row]], case: Case = CASES[0]) -> list[date]:
    """The morning after each delivered day with the lookback before it: Mondays, and the 28 up to the first build's."""
    start = LAST + DAY - 27 * DAY
    mornings = [day + DAY for day in sorted(rows) if day + DAY >= FIRST + case.lookback * DAY]
    return [morning for morning in mornings if morning.weekday() == 0 or morning >= start]


def count_days(table: pd.DataFrame, as_of: date) -> pd.Series:
    """How many days before a date each row happened."""
    return as_of.toordinal() - table["day"].map(date.toordinal)


def find_active(table: pd.DataFrame, case: Case, as_of: date) -> dict[tuple[Any, ...], pd.DataFrame]:
    """The rows before the as-of date that are looked back at, by entity, of those that are active."""
    ago = count_days(table, as_of)
    known = table[(ago >= 1) & (ago <= case.lookback)].assign(ago=ago)
    return {key: events for key, events in known.groupby(list(case.keys)) if events["ago"].min() <= case.active_days}


def describe_events(events: pd.DataFrame, case: Case) -> dict[str, Any]:
    """The features of one entity."""
    days = sorted(set(events["ago"]), reverse=True)
    gaps = pd.Series([older - newer for older, newer in itertools.pairwise(days)], dtype=float)
    weekends = {day for day in events["day"] if day.weekday() >= 5}
    weeks = [int(((events["ago"] - 1) // 7 == week).sum()) for week in range(4)]
    found: dict[str, Any] = {
        "recency_days": days[-1],
        "tenure_days": days[0],
        f"{case.source}_trend_28d": (1.5 * weeks[0] + 0.5 * weeks[1] - 0.5 * weeks[2] - 1.5 * weeks[3]) / 5,
        "gap_mean_days": gaps.mean(),
        "gap_std_days": gaps.std(),
        "recency_to_gap": days[-1] / gaps.mean() if len(gaps) else None,
        "weekend_share": len(weekends) / len(days),
    }
    if case.lookback > 28:
        found[f"{case.source}_previous_28d"] = int(events["ago"].between(29, 56).sum())
    for window in case.windows:
        recent = events[events["ago"] <= window]
        found[f"{case.source}_{window}d"] = len(recent)
        found[f"active_days_{window}d"] = recent["ago"].nunique()
        for column in case.numbers:
            found[f"{column}_sum_{window}d"] = recent[column].sum()
            found[f"{column}_mean_{window}d"] = recent[column].mean() if recent[column].notna().any() else None
    for column in set(case.values) - set(case.keys):
        found[f"{column}_distinct_{case.lookback}d"] = events[column].nunique()
    if "state" in case.values:
        counts = events["state"].value_counts()
        found[f"state_most_frequent_{case.lookback}d"] = (
            min(counts[counts == counts.max()].index) if len(counts) else None
        )
    return found


def expect_label(table: pd.DataFrame, case: Case, key: tuple[Any, ...], as_of: date) -> Any:
    """What happens from the as-of date on, over its horizon."""
    is_own = (table[list(case.keys)] == list(key)).all(axis=1)
    ahead = table[is_own]
    ahead = ahead[(-count_days(ahead, as_of)).between(0, case.days - 1)]
    counted = ahead["heat"].notna().sum() if case.column == "heat_count" else len(ahead)
    said = {"no": ahead.empty, "count": counted, "readings": not ahead.empty}
    word = case.label.split()[0]
    return ahead["heat"].sum() if word == "sum" else said[word]


def is_same(found: Any, expected: Any) -> bool:
    is_missing = expected is None or (isinstance(expected, float) and math.isnan(expected))
    if found is None or is_missing or isinstance(found, str):
        return found == (None if is_missing else expected)
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)


def compare_features(uri: str, case: Case, rows: dict[date, list[Row]]) -> int:
    """Compare every row and column of a group; the number of rows."""
    table = list_delivered(rows, case)
    expected = {
        (as_of, *key): describe_events(events, case)
        for as_of in list_as_of_dates(rows, case)
        for key, events in find_active(table, case, as_of).items()
    }
    found = fetch(uri, f"select * from features.{case.group}")
    by_key = {tuple(row[name] for name in ("as_of_date", *case.keys)): row for row in found}
    assert set(by_key) == set(expected)
    assert len(found) == len(by_key)
    for key, features in expected.items():
        row = by_key[key]
        assert set(row) == {"as_of_date", *case.keys, *features}
        wrong = {name: (row[name], value) for name, value in features.items() if not is_same(row[name], value)}
        assert wrong == {}, key
    return len(found)


def compare_labels(uri: str, case: Case, rows: dict[date, list[Row]]) -> int:
    """Compare every label; the number of rows."""
    table = list_delivered(rows, case)
    matured = [
        as_of for as_of in list_as_of_dates(rows, case) if all(as_of + n * DAY in rows for n in range(case.days))
    ]  # fmt: skip
    expected = {
        (as_of, *key): expect_label(table, case, key, as_of)
        for as_of in matured
        for key in find_active(table, case, as_of)
    }
    found = fetch(uri, f"select * from features.{case.name}_labels")
    by_key = {tuple(row[name] for name in ("as_of_date", *case.keys)): row[case.column] for row in found}
    assert set(by_key) == set(expected)
    assert len(found) == len(by_key)
    assert {key: (by_key[key], value) for key, value in expected.items() if not is_same(by_key[key], value)} == {}
    return len(found)


def read_versions(uri: str, table: str) -> dict[tuple[Any, ...], str]:
    """Which transaction wrote each row, by its day and what it holds."""
    day = "day" if table.startswith("intermediate") else "as_of_date"
    rows = fetch(uri, f"select {day} as day, xmin::text as xmin, md5(t::text) as content from {table} as t")
    return {(row["day"], row["content"]): row["xmin"] for row in rows}


def list_dates(versions: dict[tuple[Any, ...], str]) -> set[date]:
    """The days of rows and their versions."""
    return {day for day, _ in versions}


def test_everything_is_built_and_only_the_lost_day_is_warned_of(built: Built) -> None:
    bad = {name for name, said in built.first.items() if not said.startswith(("success", "pass"))}
    assert len(built.first) > 80
    assert bad == {f"every_day_is_delivered_int_{case.group.removesuffix('_features')}_event_days_" for case in GROUPS}
    assert all("warn" in built.first[name] for name in bad)


@pytest.mark.parametrize("case", GROUPS, ids=lambda case: case.group)
def test_features_are_those_of_the_days_before(built: Built, case: Case) -> None:
    assert compare_features(built.uri, case, built.rows) > 80


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_labels_are_those_of_the_days_from_the_as_of_date_on(built: Built, case: Case) -> None:
    assert compare_labels(built.uri, case, built.rows) > 5
    values = [row[case.column] for row in fetch(built.uri, f"select * from features.{case.name}_labels")]
    assert len(set(values)) > 1


def test_the_plant_holds_what_the_comparison_is_to_show(built: Built) -> None:
    table = list_delivered(built.rows)
    assert table["heat"].isna().any()
    assert table["built_on"].isna().any()
    assert {LATE, LOST} <= {row["day"] for day, found in built.rows.items() for row in found if row["day"] < day}
    assert built.rows[EMPTY] == []
    newest = list_as_of_dates(built.rows)[0]
    assert (table["day"] >= newest).any()


def test_an_online_row_is_the_newest_of_its_entity(built: Built) -> None:
    for case in GROUPS:
        keys = ", ".join(case.keys)
        online = fetch(built.uri, f"select * from latest.{case.group} order by {keys}")
        newest = f"select distinct on ({keys}) * from features.{case.group} order by {keys}, as_of_date desc"
        assert online == fetch(built.uri, newest)
        assert len(online) > 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_written_model_fits_the_catalog(built: Built, case: Case) -> None:
    manifest = json.loads((built.folder / "target" / "manifest.json").read_text())
    settings = reload_settings(built.house.config)
    assert settings.broken_models == {}

    catalog = read_catalog(manifest)
    spec = resolve_model(settings.models[case.name], catalog)

    catalog.check()
    assert spec.entity.key_names == case.keys
    assert spec.horizon_days == case.days
    assert spec.label_column == case.column
    kinds = {feature.name: feature.kind for feature in spec.features}
    assert [name for name, kind in kinds.items() if kind == "categorical"] == [
        f"{name}_most_frequent_{case.lookback}d" for name in case.values if name == "state"
    ]
    assert kinds["recency_days"] == "numeric"
    assert {name for names in spec.groups[0].sets.values() for name in names} == {"basic", "advanced"}


def test_what_is_built_is_validated_and_published(postgres: PostgresServer, built: Built) -> None:
    uri = postgres.create_database("new_model_published", template="new_model_built")
    catalog = read_catalog(json.loads((built.folder / "target" / "manifest.json").read_text()))
    assert set(catalog.groups) == {case.group for case in GROUPS}
    for group in catalog.groups.values():
        done = publish_group(uri, group, reload_settings(built.house.config).features, "first")
        assert done.audit.failures == ()
        assert fetch(uri, f"select * from online.{group.name} order by 1, 2, 3") == fetch(
            uri, f"select * from latest.{group.name} order by 1, 2, 3"
        )


@pytest.fixture
def uri(postgres: PostgresServer, built: Built) -> Iterator[str]:
    """The warehouse that was built, for a test to change."""
    with lend_database(postgres, "new_model_built") as lent:
        yield lent


def test_later_builds_compute_what_has_changed_and_nothing_else(uri: str, built: Built) -> None:
    """A build without news; then the lost day comes, and a new one with rows of an earlier day."""
    before = {table: read_versions(uri, table) for table in STATE_TABLES}

    run_dbt(uri, built.house, "build")

    assert {table: read_versions(uri, table) for table in STATE_TABLES} == before

    everything = make_rows()
    newest = LAST + DAY
    late = {row["day"] for row in everything[newest]} - {newest}
    assert late == {LAST - DAY}
    deliver(uri, built.house, built.folder, everything, LOST, LOST)
    deliver(uri, built.house, built.folder, everything, newest, newest)
    said = run_dbt(uri, built.house, "build")

    assert {name for name, text in said.items() if not text.startswith(("success", "pass"))} == set()
    for case in GROUPS:
        compare_features(uri, case, everything)
    for case in CASES:
        compare_labels(uri, case, everything)
    for table in STATE_TABLES:
        after = read_versions(uri, table)
        kept = {key: version for key, version in before[table].items() if after.get(key) == version}
        days = {key[0] for key in kept}
        if table.startswith("intermediate"):
            # Pings are never late.
            changed = set() if "ping" in table else {LOST, LAST - DAY}
            assert days == {key[0] for key in before[table]} - changed
        elif not table.endswith("_labels"):
            # Those after the lost day see it as long as they look back at it; the newest two see the late row as well.
            lookback = next(case.lookback for case in GROUPS if table == f"features.{case.group}")
            seen = {day for day in list_dates(before[table]) if LOST < day <= LOST + lookback * DAY or day >= LAST}
            assert days == list_dates(before[table]) - seen != set()
