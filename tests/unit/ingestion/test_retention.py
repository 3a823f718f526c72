"""Days that a source does not keep are dropped from raw, and from nowhere else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from include.ingestion.retention import drop_expired_days
from include.settings.section import load_section
from include.settings.sources import SourceSettings
from include.warehouse.session import open_session
from tests.unit.ingestion.conftest import SOURCES


@pytest.fixture
def loaded(pipeline: Any, plant: Any, day: Any) -> Any:
    """Four days of readings and repairs, published."""
    plant.write_snapshots(day)
    plant.write_days(day, 4)
    pipeline.load(day, day + timedelta(days=3))
    return pipeline


@pytest.fixture
def keeping() -> Any:
    """The plant's settings, with two days of readings to keep."""
    settings = load_section(SOURCES, SourceSettings, "development")
    readings = settings.sources["readings"].model_copy(update={"keep_days": 2})
    return settings.model_copy(update={"sources": {**settings.sources, "readings": readings}})


def count_days(pipeline: Any, table: str) -> list[int]:
    """The days of delivery that have rows."""
    rows = pipeline.fetch(f"select distinct batch_day from {table} order by 1")
    return [row["batch_day"].day for row in rows]


def test_older_days_are_dropped_and_the_ledgers_say_so(
    loaded: Any, keeping: Any, day: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRERY_TODAY", str(day + timedelta(days=4)))
    ledgers = loaded.hash_tables("raw.arrivals"), loaded.load(day)["data_version"]

    dropped = drop_expired_days(loaded.uri, keeping)

    assert dropped == {"readings": [day, day + timedelta(days=1)]}
    assert count_days(loaded, "raw.readings") == [11, 12]
    assert count_days(loaded, "raw.repairs") == [9, 10, 11, 12], "a source without keep_days keeps all"
    rows = loaded.fetch("select batch_day from raw.partitions where source = 'readings' and dropped_at is not null")
    assert sorted(row["batch_day"] for row in rows) == dropped["readings"]
    assert drop_expired_days(loaded.uri, keeping) == {}
    assert (loaded.hash_tables("raw.arrivals"), loaded.load(day + timedelta(days=3))["data_version"]) == ledgers


def test_a_dropped_day_that_is_loaded_again_is_there_again(
    loaded: Any, keeping: Any, day: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = loaded.hash_tables("raw.readings")
    monkeypatch.setenv("ORRERY_TODAY", str(day + timedelta(days=4)))
    drop_expired_days(loaded.uri, keeping)

    loaded.load(day, day + timedelta(days=1))

    assert loaded.hash_tables("raw.readings") == before
    assert loaded.fetch("select 1 from raw.partitions where dropped_at is not null") == []


def test_a_table_that_is_being_read_keeps_its_days_until_the_next_run(
    loaded: Any, keeping: Any, day: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ORRERY_TODAY", str(day + timedelta(days=4)))
    with open_session(loaded.uri) as reader:
        reader.execute("select count(*) from raw.readings")
        assert drop_expired_days(loaded.uri, keeping) == {}

    assert "raw.readings is being read: days before 2026-03-11 are dropped by a later run" in caplog.text
    assert count_days(loaded, "raw.readings") == [9, 10, 11, 12]
    assert list(drop_expired_days(loaded.uri, keeping)) == ["readings"]
