"""What sources and their columns may be called, in the warehouse and among our own names."""

from __future__ import annotations

import math
from typing import Any

import psycopg
import pytest

from include.errors import SettingsError
from include.settings.section import parse_section
from include.settings.source_names import find_publish_bounds
from include.settings.sources import SourceSettings


def describe(name: str = "readings", columns: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    """One source, as sources.yml would say it."""
    source = {
        "kind": "files", "path": "{day}.csv", "format": "csv", "grain": "daily", "key": ["machine_id"],
        "event_column": "read_on",
        "columns": {"machine_id": {"type": "int64"}, "read_on": {"type": "date"}, **(columns or {})},
        **changed,
    }  # fmt: skip
    return {"sources": {name: source}}


def parse(description: dict[str, Any]) -> SourceSettings:
    return parse_section(description, SourceSettings, "development", "sources.yml")


def refuse(description: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(description)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "table"),
    [("deliveries", "landing.deliveries"), ("partitions", "raw.partitions"), ("snapshots", "raw.snapshots")],
)
def test_a_source_named_like_a_table_of_ours_is_refused(name: str, table: str) -> None:
    message = refuse(describe(name))

    assert f"sources.{name}" in message
    assert table in message


@pytest.mark.parametrize("name", ["Readings", "read-ings", 'read"ings', "1st", "", "réadings", "a" * 64, "a b", "a\n"])
def test_a_source_whose_name_is_no_name_of_a_table_is_refused(name: str) -> None:
    assert "lower-case letters" in refuse(describe(name))


def test_the_longest_name_is_taken() -> None:
    assert "a" * 63 in parse(describe("a" * 63, grain="snapshot")).sources
    # The days of a daily source are kept in tables with nine characters more.
    assert "a" * 54 in parse(describe("a" * 54)).sources


@pytest.mark.parametrize("grain", ["daily", "snapshot"])
@pytest.mark.parametrize("column", ["day", "batch_day", "lateness_days", "ctid", "xmin", "tableoid"])
def test_a_column_named_like_one_that_is_added_is_refused(column: str, grain: str) -> None:
    message = refuse(describe(columns={column: {"type": "int64"}}, grain=grain))

    assert f"sources.readings.columns.{column}" in message
    assert "another name" in message


@pytest.mark.parametrize("column", ['a"b', "a%b", "a\nb", "", "a" * 64, "é" * 32], ids=repr)
def test_a_column_that_the_warehouse_cannot_have_is_refused(column: str) -> None:
    assert "sources.readings.columns." in refuse(describe(columns={column: {"type": "int64"}}))


@pytest.mark.parametrize("column", ["Room Temperature", "température", "é" * 31, "it's", "a.b", "{x}", "select"])
def test_a_column_that_can_be_quoted_is_taken(column: str) -> None:
    assert column in parse(describe(columns={column: {"type": "int64"}})).sources["readings"].published_columns


@pytest.mark.parametrize("name", ["Heat", "a" * 64, 'a"b', "ctid"])
def test_a_published_name_that_is_none_is_refused(name: str) -> None:
    assert "columns.heat.publish_as" in refuse(describe(columns={"heat": {"type": "int64", "publish_as": name}}))


def test_two_columns_published_under_one_name_are_both_named() -> None:
    message = refuse(
        describe(columns={"heat": {"type": "int64"}, "warmth": {"type": "int64", "publish_as": "heat"}})
    )  # fmt: skip

    assert "heat" in message
    assert "warmth" in message
    assert "sources.readings" in message


@pytest.mark.parametrize("grain", ["daily", "snapshot"])
@pytest.mark.parametrize("name", ["day", "batch_day"])
def test_a_column_published_as_one_that_is_added_is_refused(name: str, grain: str) -> None:
    message = refuse(describe(columns={"heat": {"type": "date", "publish_as": name}}, grain=grain))

    assert f"publish_as for heat than '{name}'" in message


def test_only_a_snapshot_has_its_periods_columns_taken() -> None:
    columns = {"since": {"type": "date", "publish_as": "valid_from"}}

    assert "publish_as for since than 'valid_from'" in refuse(describe(columns=columns, grain="snapshot"))
    assert "valid_from" in parse(describe(columns=columns)).sources["readings"].published_columns


def test_the_day_of_an_event_may_be_published_as_the_day() -> None:
    source = parse(
        describe(columns={"read_on": {"type": "date", "publish_as": "day"}})
    ).sources["readings"]  # fmt: skip

    assert list(source.published_columns) == ["machine_id", "day", "batch_day"]
    assert source.published_types["day"] == "date"


def test_the_time_of_an_event_may_not_be_published_as_the_day() -> None:
    message = refuse(describe(columns={"read_on": {"type": "timestamp", "publish_as": "day"}}))

    assert "publish_as for read_on" in message


@pytest.mark.parametrize(
    ("kind", "publish_type", "expected"),
    [
        ("int64", None, "bigint"),
        ("float64", None, "double precision"),
        ("string", None, "text"),
        ("timestamp", None, "timestamptz"),
        ("date", None, "date"),
        ("float64", "numeric(12, 2)", "numeric(12, 2)"),
        ("int64", "numeric(38,0)", "numeric(38,0)"),
        ("int64", "double precision", "double precision"),
    ],
)
def test_a_column_is_published_with_its_type(kind: str, publish_type: str | None, expected: str) -> None:
    source = parse(describe(columns={"heat": {"type": kind, "publish_type": publish_type}})).sources["readings"]

    assert source.published_types == {
        "machine_id": "bigint", "read_on": "date", "heat": expected, "day": "date", "batch_day": "date"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "publish_type"),
    [
        ("float64", "bigint"), ("string", "date"), ("timestamp", "date"), ("date", "timestamptz"), ("int64", "text"),
        ("float64", "numeric"), ("float64", "numeric(2, 3)"), ("float64", "numeric(39, 2)"), ("float64", "money"),
        ("float64", "numeric(0, 0)"), ("string", "text; drop table raw.partitions"), ("string", "numeric(12, 2)"),
    ],
)  # fmt: skip
def test_a_type_that_does_not_hold_the_values_is_refused(kind: str, publish_type: str) -> None:
    message = refuse(describe(columns={"heat": {"type": kind, "publish_type": publish_type}}))

    assert "sources.readings.columns.heat" in message
    assert "publish_type" in message


def test_a_key_is_not_rounded() -> None:
    columns = {"machine_id": {"type": "float64", "publish_type": "numeric(12, 2)"}}

    assert "rounding would change the key" in refuse(describe(columns=columns))


@pytest.mark.parametrize(
    "publish_type",
    ["numeric(12, 2)", "numeric(12,2)", "numeric(1, 0)", "numeric(5, 5)", "numeric(15, 0)", "numeric(38, 2)"],
)
def test_the_bounds_of_a_published_type_are_those_of_postgresql(warehouse_uri: str, publish_type: str) -> None:
    bounds = find_publish_bounds("float64", publish_type)

    assert bounds is not None
    with psycopg.connect(warehouse_uri, autocommit=True) as connection:
        for bound in bounds:
            connection.execute(f"select %s::double precision::{publish_type}", (bound,))
            with pytest.raises(psycopg.errors.NumericValueOutOfRange):
                connection.execute(
                    f"select %s::double precision::{publish_type}",
                    (math.nextafter(bound, math.copysign(math.inf, bound)),),
                )


def test_types_as_wide_as_what_is_delivered_have_no_bounds() -> None:
    assert find_publish_bounds("int64", "bigint") is None
    assert find_publish_bounds("float64", "double precision") is None
    assert find_publish_bounds("int64", "numeric(4, 0)") == pytest.approx((-9999.5, 9999.5))
