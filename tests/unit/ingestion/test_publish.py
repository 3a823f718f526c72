"""Publishing: all of a batch or nothing, the same result every time, and the newest worker wins."""

from __future__ import annotations

import threading
from datetime import timedelta
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

    def test_each_delivered_day_has_a_partition_and_a_snapshot_has_one(self, pipeline, plant, day) -> None:
        plant.write_readings(day + timedelta(days=1), [], "the plant was closed")
        pipeline.load(day, day + timedelta(days=1))
        plant.write_snapshots(day + timedelta(days=2), parts=4)
        pipeline.load(day + timedelta(days=2))

        rows = pipeline.fetch("select source, batch_day, row_count from raw.partitions order by source, batch_day")

        assert [(row["batch_day"].day, row["row_count"]) for row in rows if row["source"] == "readings"] == [
            (9, 12), (10, 0), (11, 12),
        ]  # fmt: skip
        assert [(row["batch_day"].day, row["row_count"]) for row in rows if row["source"] == "parts"] == [(11, 4)]
        assert len(pipeline.fetch("select * from raw.parts")) == 4

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

    def test_a_backfill_in_pieces_equals_one_load(self, pipeline, another_pipeline, day) -> None:
        whole = pipeline.load(day, day + timedelta(days=3))
        another_pipeline.load(day + timedelta(days=2), day + timedelta(days=3))
        another_pipeline.load(day + timedelta(days=1))
        pieces = another_pipeline.load(day)

        tables = [table for table in pipeline.hash_tables() if table != "raw.partitions"]
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

    def test_an_older_snapshot_does_not_replace_a_newer_one(self, pipeline, plant, day) -> None:
        older = pipeline.land_and_approve(day)
        plant.write_snapshots(day + timedelta(days=1), parts=5)
        newer = [item for item in pipeline.plan(day + timedelta(days=1)) if item["source"] == "parts"]
        newer = pipeline.land(newer)
        pipeline.audit(newer)
        pipeline.publish(newer)

        result = pipeline.publish(older)

        assert result["rows"]["parts"] == 0
        assert len(pipeline.fetch("select * from raw.parts")) == 5

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
