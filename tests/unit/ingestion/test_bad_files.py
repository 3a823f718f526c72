"""Files that cannot be read: a critical source stops the run, another is left out and quarantined."""

from __future__ import annotations

import errno
import json
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import QualityError, SourceError, WarehouseError
from include.ingestion.land import land_source
from include.settings.source_base import SourceBase
from include.sources import files
from include.warehouse.session import open_session

Spoil = Callable[[Path], object]


def replace(old: bytes, new: bytes) -> Spoil:
    return lambda path: path.write_bytes(path.read_bytes().replace(old, new))


def rewrite(change: Callable[[pa.Table], pa.Table]) -> Spoil:
    return lambda path: pq.write_table(change(pq.read_table(path)), path)


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def rename_grade(table: pa.Table) -> pa.Table:
    return table.rename_columns(["label" if name == "grade" else name for name in table.column_names])


def spell_ids(table: pa.Table) -> pa.Table:
    return table.set_column(0, "part_id", pa.array(["one", "two", "three"]))


BAD_CSV = [
    pytest.param(truncate, "it is truncated or corrupt|declared date", id="truncated"),
    pytest.param(replace(b"order_id", b"order_code"), "'order_id' is missing", id="renamed column"),
    pytest.param(replace(b",77,", b",many,"), "'order_id' is declared int64", id="wrong type"),
    pytest.param(empty, "0 bytes", id="empty"),
    pytest.param(lambda path: path.write_bytes(b"\xff\xfe\x00"), "cannot be read as CSV", id="no text"),
    pytest.param(become_folder, "cannot be read as CSV", id="a folder"),
    pytest.param(Path.unlink, "missing", id="gone since the plan"),
]
BAD_PARQUET = [
    pytest.param(truncate, "cannot be read as Parquet", id="truncated"),
    pytest.param(rewrite(rename_grade), "'grade' is missing", id="renamed column"),
    pytest.param(rewrite(spell_ids), "'part_id' is declared int64", id="wrong type"),
    pytest.param(empty, "0 bytes", id="empty"),
]


@pytest.fixture
def next_day(pipeline, plant, day):
    """The day after a published one; its deliveries are good until a test spoils them."""
    plant.write_snapshots(day)
    plant.write_days(day, 4)
    pipeline.load(day)
    return day + timedelta(days=1)


@pytest.fixture
def optional_parts(pipeline):
    """The same plant, with a list of parts that is Parquet and may be missing."""
    sources = pipeline.settings.sources
    parts = sources["parts"].model_copy(update={"critical": False})
    pipeline.settings = pipeline.settings.model_copy(update={"sources": {**sources, "parts": parts}})


def repairs(plant, day) -> Path:
    return plant.root / "repairs" / f"{day}.csv"


def run_spoilt(pipeline, day, path: Path, spoil: Spoil, audit_id: str = "bad"):
    items = pipeline.plan(day)
    spoil(path)
    items = json.loads(json.dumps(pipeline.land(items)))
    report = pipeline.audit(items, audit_id)
    return report, pipeline.publish(items)


def restore(path: Path, content: bytes) -> None:
    if path.is_dir():
        path.rmdir()
    path.write_bytes(content)


class TestOptionalSources:
    @pytest.mark.parametrize(("spoil", "reason"), [*BAD_CSV[:2], BAD_CSV[-1]])
    def test_a_bad_csv_is_left_out_and_a_good_one_goes_through(
        self, pipeline, plant, next_day, caplog: pytest.LogCaptureFixture, spoil: Spoil, reason: str
    ) -> None:
        path = repairs(plant, next_day)
        good, before = path.read_bytes(), pipeline.hash_tables("raw.repairs")

        report, result = run_spoilt(pipeline, next_day, path, spoil)

        assert (result["rows"], result["refused"]) == ({"readings": 12}, ["repairs"])
        assert report["refused"] == ["repairs"]
        assert pipeline.hash_tables("raw.repairs") == before
        assert len(pipeline.fetch("select 1 from raw.readings where batch_day = %s", next_day)) == 12
        (record,) = pipeline.fetch("select * from quality.quarantine")
        (why,) = record["reasons"]
        assert (record["audit_id"], record["source"], record["row_count"]) == ("bad", "repairs", 0)
        assert (record["from_day"], record["to_day"], record["sample_rows"]) == (next_day, next_day, [])
        assert record["files"] == [{"path": str(path), "row_count": None}]
        assert (why["rule"], why["is_critical"]) == ("file_is_readable", True)
        assert re.search(reason, why["observed"])
        (audit,) = pipeline.fetch("select * from quality.audits where not passed")
        assert (audit["source"], audit["failures"]) == ("repairs", record["reasons"])
        (warning,) = [one for one in caplog.records if one.name == "include.ingestion.land"]
        assert warning.levelno == logging.WARNING
        assert f"repairs for {next_day} is left out" in warning.getMessage()
        assert str(path) in warning.getMessage()
        assert why["observed"] in warning.getMessage()

        restore(path, good)
        assert pipeline.run(next_day, audit_id="good")["rows"] == {"readings": 12, "repairs": 1}
        assert len(pipeline.fetch("select 1 from raw.repairs where day = %s", next_day)) == 1
        assert len(pipeline.fetch("select 1 from quality.quarantine")) == 1

    @pytest.mark.parametrize(("spoil", "reason"), BAD_PARQUET[:2])
    def test_a_bad_parquet_snapshot_is_planned_again(
        self, pipeline, plant, next_day, optional_parts, spoil: Spoil, reason: str
    ) -> None:
        plant.write_snapshots(next_day, parts=3, grade="Coarse")
        path = plant.root / "parts" / f"{next_day}.parquet"
        good, before = path.read_bytes(), pipeline.hash_tables("raw.parts")

        _, result = run_spoilt(pipeline, next_day, path, spoil)

        assert result["refused"] == ["parts"]
        assert result["rows"] == {"readings": 12, "repairs": 1, "machines": 2, "contracts": 2}
        assert pipeline.hash_tables("raw.parts") == before
        (record,) = pipeline.fetch("select * from quality.quarantine")
        assert reason in record["reasons"][0]["observed"]

        path.write_bytes(good)
        assert pipeline.run(next_day, audit_id="good")["rows"]["parts"] == 3
        current = pipeline.fetch("select distinct grade from raw.parts where valid_to > now()")
        assert current == [{"grade": "Coarse"}]

    def test_other_days_of_the_window_are_published(self, pipeline, plant, next_day) -> None:
        bad = next_day + timedelta(days=1)
        last = bad + timedelta(days=1)
        truncate(repairs(plant, bad))

        items = pipeline.land(pipeline.plan(next_day, last))
        report = pipeline.audit(items, "bad")
        result = pipeline.publish(items)

        assert (result["rows"], result["refused"]) == ({"readings": 36, "repairs": 2}, [])
        (warning,) = report["warnings"]
        assert "file_is_readable" in warning
        days = pipeline.fetch("select batch_day from raw.partitions where source = 'repairs' order by 1")
        assert [row["batch_day"] for row in days] == [next_day - timedelta(days=1), next_day, last]
        (record,) = pipeline.fetch("select * from quality.quarantine")
        assert (record["from_day"], record["to_day"], len(record["reasons"])) == (bad, bad, 1)
        (audit,) = pipeline.fetch("select * from quality.audits where source = 'repairs'")
        assert (audit["passed"], audit["row_count"]) == (True, 2)

    def test_a_bad_file_beside_one_that_breaks_a_rule(self, pipeline, plant, next_day) -> None:
        last = next_day + timedelta(days=1)
        empty(repairs(plant, next_day))
        replace(b"1,77,1", b"4000,77,1")(repairs(plant, last))

        result = pipeline.run(next_day, last)

        assert result["refused"] == ["repairs"]
        (record,) = pipeline.fetch("select * from quality.quarantine")
        assert (record["from_day"], record["to_day"], record["row_count"]) == (next_day, last, 1)
        assert [one["dimension"] for one in record["reasons"]] == ["schema", "relationship", "relationship"]
        assert [one["row_count"] for one in record["files"]] == [1, None]

    def test_a_delivery_published_before_stays_when_its_file_goes_bad(self, pipeline, plant, next_day) -> None:
        pipeline.load(next_day)
        before = pipeline.hash_tables()

        run_spoilt(pipeline, next_day, repairs(plant, next_day), truncate)

        assert pipeline.hash_tables() == before

    def test_rows_that_an_earlier_try_left_in_landing_are_not_published(self, pipeline, plant, next_day) -> None:
        pipeline.land_and_approve(next_day)

        _, result = run_spoilt(pipeline, next_day, repairs(plant, next_day), truncate)

        assert result["refused"] == ["repairs"]
        assert pipeline.fetch("select * from landing.repairs") == []
        assert pipeline.fetch("select * from landing.deliveries where source = 'repairs'") == []

    def test_an_audit_run_again_replaces_its_record(self, pipeline, plant, next_day) -> None:
        empty(repairs(plant, next_day))
        items = pipeline.land(pipeline.plan(next_day))

        pipeline.audit(items)
        pipeline.audit(items)

        assert len(pipeline.fetch("select 1 from quality.quarantine")) == 1

    def test_a_warehouse_that_is_away_is_no_fault_of_the_file(self, pipeline, plant, next_day) -> None:
        empty(repairs(plant, next_day))
        item = next(item for item in pipeline.plan(next_day) if item["source"] == "repairs")

        with pytest.raises(WarehouseError):
            land_source("postgresql://nobody@127.0.0.1:1/none", pipeline.opener, item)

        assert pipeline.fetch("select 1 from quality.quarantine") == []

    def test_a_disk_that_fails_is_no_fault_of_the_file(
        self, pipeline, plant, next_day, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(source: SourceBase, path: Path) -> pa.Table:
            raise OSError(errno.EIO, "Input/output error")

        item = next(item for item in pipeline.plan(next_day) if item["source"] == "repairs")
        monkeypatch.setattr(files, "read_columns", fail)

        with pytest.raises(SourceError, match="Input/output error"):
            pipeline.land([item])


class TestCriticalSources:
    @pytest.mark.parametrize(("spoil", "reason"), BAD_PARQUET)
    def test_a_bad_file_stops_the_run(self, pipeline, plant, next_day, spoil: Spoil, reason: str) -> None:
        plant.write_snapshots(next_day)
        before = pipeline.hash_tables()

        with pytest.raises(SourceError, match=reason) as caught:
            run_spoilt(pipeline, next_day, plant.root / "parts" / f"{next_day}.parquet", spoil)

        assert f"parts/{next_day}.parquet" in str(caught.value)
        assert pipeline.hash_tables() == before
        assert pipeline.fetch("select 1 from quality.quarantine") == []

    @pytest.mark.parametrize(("spoil", "reason"), BAD_CSV)
    def test_so_does_a_csv(self, pipeline, plant, next_day, spoil: Spoil, reason: str) -> None:
        sources = pipeline.settings.sources
        critical = sources["repairs"].model_copy(update={"critical": True})
        pipeline.settings = pipeline.settings.model_copy(update={"sources": {**sources, "repairs": critical}})
        before = pipeline.hash_tables()

        with pytest.raises(SourceError, match=reason):
            run_spoilt(pipeline, next_day, repairs(plant, next_day), spoil)

        assert pipeline.hash_tables() == before

    def test_a_source_that_became_critical_since_landing_stops_the_audit(self, pipeline, plant, next_day) -> None:
        empty(repairs(plant, next_day))
        items = pipeline.land(pipeline.plan(next_day))
        sources = pipeline.settings.sources
        critical = sources["repairs"].model_copy(update={"critical": True})
        pipeline.settings = pipeline.settings.model_copy(update={"sources": {**sources, "repairs": critical}})

        with pytest.raises(QualityError, match="0 bytes"):
            pipeline.audit(items)
        with open_session(pipeline.uri) as session:
            session.execute("update landing.deliveries set state = 'audited'")
        with pytest.raises(QualityError, match="may not be published"):
            pipeline.publish(items)
