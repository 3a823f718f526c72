"""Days that are not kept are dropped from raw and its ledgers, and from nowhere else."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from include.ingestion import retention
from include.ingestion.retention import drop_expired_days
from include.settings.sources import SourceSettings
from include.warehouse.session import open_session
from tests.unit.ingestion.conftest import Pipeline, Plant


@pytest.fixture
def loaded(pipeline: Pipeline, plant: Plant, day: date, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Four days of readings and repairs, published; today is the day after them."""
    plant.write_snapshots(day)
    plant.write_days(day, 4)
    pipeline.load(day, day + timedelta(days=3))
    monkeypatch.setenv("ORRERY_TODAY", str(day + timedelta(days=4)))
    return pipeline


@pytest.fixture
def keeping(settings: SourceSettings) -> SourceSettings:
    """The plant's settings, with two days to keep."""
    return settings.model_copy(update={"keep_days": 2})


def list_days(pipeline: Pipeline, table: str, source: str | None = None) -> list[int]:
    """The days of delivery that have rows."""
    of = f"where source = '{source}'" if source else ""
    return [row["batch_day"].day for row in pipeline.fetch(f"select distinct batch_day from {table} {of} order by 1")]


def test_all_days_are_kept_unless_asked_otherwise(loaded: Pipeline) -> None:
    assert drop_expired_days(loaded.uri, loaded.settings) == {}
    assert list_days(loaded, "raw.readings") == [9, 10, 11, 12]


@pytest.mark.parametrize("at_once", [50, 1])
def test_older_days_of_daily_sources_are_dropped_with_their_notes(
    loaded: Pipeline, keeping: SourceSettings, day: date, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", at_once)
    snapshots = loaded.hash_tables("raw.parts", "raw.machines", "raw.contracts", "raw.snapshots")

    dropped = drop_expired_days(loaded.uri, keeping)

    assert dropped == {name: [day, day + timedelta(days=1)] for name in ("readings", "repairs")}
    for source in dropped:
        for table in (f"raw.{source}", "raw.arrivals", "raw.partitions"):
            assert list_days(loaded, table, source if table != f"raw.{source}" else None) == [11, 12]
    assert loaded.hash_tables(*snapshots) == snapshots
    assert drop_expired_days(loaded.uri, keeping) == {}


def test_a_dropped_day_that_is_loaded_again_is_there_again(
    loaded: Pipeline, keeping: SourceSettings, day: date
) -> None:
    before = loaded.hash_tables("raw.readings", "raw.arrivals")
    version = loaded.load(day)["data_version"]
    drop_expired_days(loaded.uri, keeping)

    assert loaded.load(day, day + timedelta(days=1))["data_version"] == version
    assert loaded.hash_tables(*before) == before


def test_a_table_that_is_being_read_keeps_its_days_until_the_next_run(
    loaded: Pipeline, keeping: SourceSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with open_session(loaded.uri) as reader:
        reader.execute("select count(*) from raw.readings")
        assert list(drop_expired_days(loaded.uri, keeping)) == ["repairs"]

    assert "Days of raw.readings before 2026-03-11 are left to the next run" in caplog.text
    assert list_days(loaded, "raw.readings") == list_days(loaded, "raw.partitions", "readings") == [9, 10, 11, 12]
    assert list(drop_expired_days(loaded.uri, keeping)) == ["readings"]


def test_what_hangs_on_a_day_keeps_it_and_fails_nothing(
    loaded: Pipeline, keeping: SourceSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with open_session(loaded.uri) as session:
        session.execute("create view staging.that_day as select * from raw.readings_20260309")

    assert list(drop_expired_days(loaded.uri, keeping)) == ["repairs"]
    assert "view staging.that_day depends on table raw.readings_20260309" in caplog.text
