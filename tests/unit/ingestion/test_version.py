"""The data version: full content, nothing but content."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from include.ingestion.version import hash_days, hash_partitions, read_data_version
from include.warehouse.session import open_session


@pytest.fixture
def version(pipeline, plant, day) -> str:
    """The version after two days."""
    plant.write_snapshots(day)
    plant.write_days(day, 2)
    return str(pipeline.load(day, day + timedelta(days=1))["data_version"])


def test_an_empty_warehouse_has_a_version(warehouse_uri) -> None:
    with open_session(warehouse_uri) as session:
        assert len(read_data_version(session)) == 64


def test_the_version_is_what_publishing_returned(pipeline, version) -> None:
    with open_session(pipeline.uri) as session:
        assert read_data_version(session) == version


@pytest.mark.parametrize("column", ["machine_id", "samples", "heat", "measured_at"])
def test_one_value_changed_in_a_delivery_changes_the_version(pipeline, plant, day, version, column: str) -> None:
    def change(rows):
        step = timedelta(seconds=1) if column == "measured_at" else 1
        return [*rows[:-1], {**rows[-1], column: rows[-1][column] - step}]

    plant.write_day(day, change)

    assert pipeline.load(day)["data_version"] != version


def test_one_value_changed_in_a_snapshot_changes_the_version(pipeline, plant, day, version) -> None:
    plant.write_snapshots(day + timedelta(days=1), grade="Coarse")

    assert pipeline.load(day + timedelta(days=1))["data_version"] != version


def test_a_day_more_changes_the_version_even_when_it_is_empty(pipeline, plant, day, version) -> None:
    closed = day + timedelta(days=2)
    plant.write_readings(closed, [], "the plant was closed")
    plant.write_csv("repairs", closed, ["machine_id", "order_id", "contract_id", "repaired_on"], [])

    assert pipeline.load(closed)["data_version"] != version


def test_the_order_of_rows_does_not_change_the_version(pipeline, plant, day, version) -> None:
    plant.write_day(day, lambda rows: rows[::-1])

    assert pipeline.load(day)["data_version"] == version


def test_the_version_does_not_depend_on_the_sessions_time_zone(pipeline, day, version) -> None:
    with open_session(pipeline.uri) as session:
        utc = hash_days(session, "readings", [day])
    with open_session(pipeline.uri) as session:
        session.execute("set time zone 'Asia/Tokyo'")
        assert hash_days(session, "readings", [day]) == utc


def test_rows_swapped_between_days_are_noticed() -> None:
    one = {"source": "a", "batch_day": date(2026, 1, 1), "row_count": 1, "content_hash": "x"}
    two = {"source": "a", "batch_day": date(2026, 1, 2), "row_count": 1, "content_hash": "y"}
    swapped = [{**one, "content_hash": "y"}, {**two, "content_hash": "x"}]

    assert hash_partitions([one, two]) != hash_partitions(swapped)
