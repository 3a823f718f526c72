"""Publishing: all of a batch or nothing, the same result every time, and the newest worker wins."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest

from include.errors import QualityError, StaleWriterError, WarehouseError
from include.warehouse.session import open_session


@pytest.fixture(autouse=True)
def deliveries(plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 4)


class TestContent:
    def test_rows_arrive_with_the_types_of_raw(self, pipeline, day) -> None:
        result = pipeline.load(day)

        assert result["rows"] == {
            "readings": 12, "repairs": 1, "parts": 3, "machines": 2, "contracts": 2,
        }  # fmt: skip
        row = pipeline.fetch("select * from raw.readings order by read_at limit 1")[0]
        assert (row["heat"], row["day"], row["batch_day"]) == (Decimal("1.25"), day, day)
        assert row["read_at"].isoformat() == "2026-03-09T13:00:00+00:00"
        repair = pipeline.fetch("select * from raw.repairs")
        assert repair == [{"machine_id": 1, "order_id": 77, "contract_id": 1, "day": day, "batch_day": day}]

    def test_a_reading_late_in_the_evening_belongs_to_the_day_of_the_zone(self, pipeline, day) -> None:
        pipeline.load(day)

        rows = pipeline.fetch("select day, (read_at at time zone 'UTC')::date as utc_day from raw.readings")

        assert {row["day"] for row in rows} == {day}
        assert {row["utc_day"] for row in rows} == {day, day + timedelta(days=1)}

    def test_each_delivered_day_and_each_snapshot_has_a_partition(self, pipeline, plant, day) -> None:
        plant.write_readings(day + timedelta(days=1), [], "the plant was closed")
        pipeline.load(day, day + timedelta(days=1))
        plant.write_snapshots(day + timedelta(days=2), parts=4)
        pipeline.load(day + timedelta(days=2))

        rows = pipeline.fetch("select source, batch_day, row_count from raw.partitions order by source, batch_day")

        assert [(row["batch_day"].day, row["row_count"]) for row in rows if row["source"] == "readings"] == [
            (9, 12), (10, 0), (11, 12),
        ]  # fmt: skip
        assert [(row["batch_day"].day, row["row_count"]) for row in rows if row["source"] == "parts"] == [
            (9, 3), (11, 4),
        ]  # fmt: skip

    def test_each_delivered_day_is_a_partition_of_its_table(self, pipeline, day) -> None:
        pipeline.load(day, day + timedelta(days=1))
        pipeline.load(day)

        rows = pipeline.fetch(
            "select tableoid::regclass::text as partition, count(*), min(batch_day), max(batch_day) "
            "from raw.readings group by 1 order by 1"
        )

        assert [tuple(row.values()) for row in rows] == [
            ("raw.readings_20260309", 12, day, day),
            ("raw.readings_20260310", 12, day + timedelta(days=1), day + timedelta(days=1)),
        ]

    def test_the_ledger_counts_the_rows_of_each_day_as_they_are_published(self, pipeline, plant, day) -> None:
        next_day = day + timedelta(days=1)
        late = {**plant.list_lines(day)[0], "series_id": 4711}
        plant.write_day(next_day, lambda rows: [*rows, late])
        pipeline.load(day, next_day)
        plant.write_day(day, lambda rows: rows[1:])
        pipeline.load(day)

        rows = pipeline.fetch(
            "select batch_day, day, row_count from raw.arrivals where source = 'readings' order by 1, 2"
        )

        assert [tuple(row.values()) for row in rows] == [(day, day, 11), (next_day, day, 1), (next_day, next_day, 12)]

    def test_a_late_row_lands_in_its_own_day(self, pipeline, plant, day) -> None:
        late = {**plant.list_lines(day)[0], "series_id": 4711}
        plant.write_day(day + timedelta(days=1), lambda rows: [*rows, late])

        pipeline.load(day, day + timedelta(days=1))

        rows = pipeline.fetch("select day, batch_day from raw.readings where series_id = 4711")
        assert rows == [{"day": day, "batch_day": day + timedelta(days=1)}]
        pipeline.load(day)
        assert len(pipeline.fetch("select 1 from raw.readings where series_id = 4711")) == 1


class TestRepetition:
    def test_a_day_delivered_twice_changes_nothing(self, pipeline, day) -> None:
        first = pipeline.load(day, day + timedelta(days=1))
        before = pipeline.hash_tables()

        second = pipeline.load(day)

        assert pipeline.hash_tables() == before
        assert second["data_version"] == first["data_version"]

    def test_publishing_again_changes_nothing(self, pipeline, day) -> None:
        items = pipeline.land_and_approve(day)
        pipeline.publish(items)
        before = pipeline.hash_tables()

        pipeline.publish(items)

        assert pipeline.hash_tables() == before

    def test_a_backfill_in_pieces_equals_one_load(self, pipeline, plant, another_pipeline, day) -> None:
        plant.write_snapshots(day + timedelta(days=1), parts=4)
        plant.write_snapshots(day + timedelta(days=3), parts=2, grade="Coarse")
        whole = pipeline.load(day, day + timedelta(days=3))
        another_pipeline.load(day + timedelta(days=2), day + timedelta(days=3))
        another_pipeline.load(day + timedelta(days=1))
        pieces = another_pipeline.load(day)

        tables = [f"raw.{name}" for name in pipeline.settings.sources]
        assert another_pipeline.hash_tables(*tables) == pipeline.hash_tables(*tables)
        assert pieces["data_version"] == whole["data_version"]

    def test_a_corrected_day_replaces_its_own_rows_only(self, pipeline, plant, day) -> None:
        pipeline.load(day, day + timedelta(days=1))
        others = pipeline.fetch("select * from raw.readings where batch_day <> %s order by series_id, part_id", day)
        plant.write_day(day, lambda rows: rows[1:])

        pipeline.load(day)

        assert len(pipeline.fetch("select 1 from raw.readings where batch_day = %s", day)) == 11
        assert others == pipeline.fetch(
            "select * from raw.readings where batch_day <> %s order by series_id, part_id", day
        )

    def test_an_optional_day_that_was_not_delivered_stays_as_it_was(self, pipeline, plant, day) -> None:
        pipeline.load(day, day + timedelta(days=1))
        (plant.root / "repairs" / f"{day}.csv").unlink()

        pipeline.load(day, day + timedelta(days=1))

        assert len(pipeline.fetch("select 1 from raw.repairs")) == 2


class TestSnapshots:
    """Rows count from the as-of date after the day at which they became known."""

    def test_a_row_that_stays_the_same_is_stored_once(self, pipeline, plant, day) -> None:
        plant.write_snapshots(day + timedelta(days=1), parts=4)
        plant.write_snapshots(day + timedelta(days=2), parts=2)

        pipeline.load(day, day + timedelta(days=3))

        first, second, third = (day + timedelta(days=n) for n in (1, 2, 3))
        assert read_periods(pipeline, "parts", "part_id") == [
            (1, first, date.max), (2, first, date.max), (3, first, third), (4, second, third),
        ]  # fmt: skip

    def test_a_corrected_snapshot_counts_from_its_correction_on_and_the_earlier_version_before(
        self, pipeline, plant, day, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pipeline.load(day)
        corrected_on = day + timedelta(days=2)
        monkeypatch.setenv("ORRERY_TODAY", corrected_on.isoformat())
        plant.write_machines(day, age="0-9")

        pipeline.load(day)

        next_day = corrected_on + timedelta(days=1)
        assert read_periods(pipeline, "machines where machine_id = 1", "age") == [
            ("0-9", next_day, date.max), ("10+", day + timedelta(days=1), next_day),
        ]  # fmt: skip
        before = pipeline.hash_tables()
        monkeypatch.setenv("ORRERY_TODAY", "2026-04-01")
        pipeline.load(day)
        assert pipeline.hash_tables() == before

    def test_a_correction_of_a_snapshot_that_a_newer_one_has_replaced_counts_nowhere(
        self, pipeline, plant, day, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plant.write_snapshots(day + timedelta(days=1))
        version = pipeline.load(day, day + timedelta(days=1))["data_version"]
        before = pipeline.hash_tables("raw.machines")
        monkeypatch.setenv("ORRERY_TODAY", "2026-04-01")
        plant.write_machines(day, age="0-9")

        result = pipeline.load(day)

        assert pipeline.hash_tables("raw.machines") == before
        assert result["data_version"] != version

    def test_a_file_written_anew_with_the_same_rows_is_no_correction(self, pipeline, plant, day) -> None:
        version = pipeline.load(day)["data_version"]
        before = pipeline.hash_tables("raw.machines", "raw.snapshots")
        path = plant.root / "machines" / f"{day}.csv"
        path.write_text(path.read_text().replace("10+", '"10+"'))
        assert [item["source"] for item in pipeline.plan(day)] == ["readings", "repairs", "machines"]

        assert pipeline.load(day)["data_version"] == version

        assert pipeline.hash_tables("raw.machines", "raw.snapshots") == before
        assert [item["source"] for item in pipeline.plan(day)] == ["readings", "repairs"]


def read_periods(pipeline, table: str, column: str) -> list[tuple[object, date, date]]:
    rows = pipeline.fetch(f"select {column} as value, valid_from, valid_to from raw.{table} order by 1, 2")
    return [(row["value"], row["valid_from"], row["valid_to"]) for row in rows]


class TestRefusals:
    def test_what_was_not_audited_is_not_published(self, pipeline, day) -> None:
        items = pipeline.land(pipeline.plan(day))

        with pytest.raises(QualityError, match="its deliveries are landed"):
            pipeline.publish(items)

        assert pipeline.fetch("select * from raw.partitions") == []

    def test_what_did_not_land_is_not_published(self, pipeline, day) -> None:
        with pytest.raises(QualityError, match="not landed"):
            pipeline.publish(pipeline.plan(day))

    def test_what_was_refused_is_not_published(self, pipeline, plant, day) -> None:
        plant.write_day(day, lambda rows: [{**row, "heat": -1.0} for row in rows])
        items = pipeline.land(pipeline.plan(day))
        with pytest.raises(QualityError):
            pipeline.audit(items)

        with pytest.raises(QualityError, match="its deliveries are refused"):
            pipeline.publish(items)

        assert pipeline.fetch("select * from raw.parts") == []

    def test_a_stale_worker_loses_cleanly(self, pipeline, day) -> None:
        pipeline.load(day)
        stale = pipeline.land_and_approve(day + timedelta(days=1))
        before = pipeline.hash_tables()
        newer = pipeline.plan(day + timedelta(days=1))

        with pytest.raises(StaleWriterError, match="newer run"):
            pipeline.publish(stale)
        assert pipeline.hash_tables() == before

        newer = pipeline.land(newer)
        pipeline.approve()
        assert pipeline.publish(newer)["rows"]["readings"] == 12

    def test_a_run_that_was_corrected_after_a_newer_one_still_goes_through(self, pipeline, plant, day) -> None:
        corrected = pipeline.plan(day)
        pipeline.load(day + timedelta(days=1))

        corrected = pipeline.land(corrected)
        pipeline.approve()

        assert pipeline.publish(corrected)["rows"]["readings"] == 12

    def test_a_value_that_raw_cannot_hold_publishes_nothing(self, pipeline, day) -> None:
        items = pipeline.land_and_approve(day)
        with open_session(pipeline.uri) as session:
            session.execute("update landing.readings set noise = 1e15 where samples = 1")

        with pytest.raises(QualityError, match=r"(?s)rolled back.*publish_type"):
            pipeline.publish(items)

        assert pipeline.fetch("select * from raw.partitions") == []


class TestLostConnections:
    def test_a_connection_killed_in_the_middle_leaves_everything_and_a_retry_completes(
        self, pipeline, plant, day
    ) -> None:
        pipeline.load(day)
        plant.write_day(day, lambda rows: rows[2:])
        items = pipeline.land_and_approve(day)
        before = pipeline.hash_tables()
        errors: list[BaseException] = []

        def publish() -> None:
            try:
                pipeline.publish(items)
            except BaseException as error:
                errors.append(error)

        # A lock on the partition lets the worker replace the rows of raw.readings, and stops it then.
        with psycopg.connect(pipeline.uri) as holder, psycopg.connect(pipeline.uri, autocommit=True) as killer:
            holder.execute("select 1 from raw.partitions where source = 'readings' for update")
            worker = threading.Thread(target=publish)
            worker.start()
            pid = wait_for_blocked_publisher(killer)
            assert killer.execute("select pg_terminate_backend(%s)", (pid,)).fetchone() == (True,)
            worker.join()

        assert [type(error) for error in errors] == [WarehouseError]
        assert "run the task again" in str(errors[0])
        assert pipeline.hash_tables() == before

        assert pipeline.publish(items)["rows"]["readings"] == 10
        assert len(pipeline.fetch("select 1 from raw.readings")) == 10

    def test_two_publishers_of_one_day_leave_one_copy(self, pipeline, day) -> None:
        first = pipeline.land_and_approve(day, day + timedelta(days=1))
        second = pipeline.land_and_approve(day)
        workers = [threading.Thread(target=pipeline.publish, args=(items,)) for items in (first, second)]

        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

        assert len(pipeline.fetch("select 1 from raw.readings")) == 24


def wait_for_blocked_publisher(connection: psycopg.Connection) -> int:
    """The backend that waits for a row of raw.partitions, with the new rows already inserted."""
    while True:
        row = connection.execute(
            "select pid from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'orrery' "
            "and query like 'insert into raw.partitions%'"
        ).fetchone()
        if row is not None:
            return int(row[0])
