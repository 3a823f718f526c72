"""What a run decides to load."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from include.errors import SourceError
from include.warehouse.names import TableName


def names(items) -> list[str]:
    return [item["source"] for item in items]


def test_a_first_load_takes_every_source(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 2)

    items = pipeline.plan(day, day + timedelta(days=1))

    assert names(items) == ["readings", "repairs", "parts", "machines", "contracts"]
    assert items[0] == {
        "source": "readings", "grain": "daily", "from_day": "2026-03-09", "to_day": "2026-03-10",
        "fence": "ingest.readings.2026-03-09.2026-03-10", "token": 1,
    }  # fmt: skip
    assert (items[2]["from_day"], items[2]["to_day"]) == ("2026-03-09", "2026-03-09")


def test_items_are_small_json(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 1)

    items = pipeline.plan(day)

    assert json.loads(json.dumps(items)) == items
    assert len(json.dumps(items)) < 1500


def test_a_snapshot_is_loaded_once_and_again_when_a_newer_one_arrives(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 3)
    pipeline.load(day)

    assert names(pipeline.plan(day + timedelta(days=1))) == ["readings", "repairs"]

    plant.write_snapshots(day + timedelta(days=2))
    assert "parts" not in names(pipeline.plan(day + timedelta(days=1)))
    assert "parts" in names(pipeline.plan(day + timedelta(days=2)))


def test_a_window_takes_the_snapshots_within_it_and_the_newest_before(pipeline, plant, day) -> None:
    for offset in (0, 1, 4, 5):
        plant.write_snapshots(day + timedelta(days=offset))
    plant.write_days(day + timedelta(days=2), 3)

    items = pipeline.plan(day + timedelta(days=2), day + timedelta(days=4))

    assert [(item["from_day"], item["to_day"]) for item in items if item["grain"] == "snapshot"] == [
        ("2026-03-10", "2026-03-13")
    ] * 3
    parts = next(item for item in pipeline.land(items) if item["source"] == "parts")
    assert (parts["files"], parts["rows"]) == (2, 6)


def test_a_snapshot_is_loaded_again_when_its_file_has_other_content(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 2)
    pipeline.load(day)
    content = (plant.root / "machines" / f"{day}.csv").read_bytes()

    plant.write_machines(day, age="0-9")
    assert names(pipeline.plan(day)) == ["readings", "repairs", "machines"]
    assert names(pipeline.plan(day + timedelta(days=1))) == ["readings", "repairs", "machines"]

    (plant.root / "machines" / f"{day}.csv").write_bytes(content)
    assert names(pipeline.plan(day)) == ["readings", "repairs"]


@pytest.mark.parametrize("missing", ["readings", "parts"])
def test_a_critical_source_without_a_file_stops_the_run(pipeline, plant, day, missing: str) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 1)
    (plant.root / missing / f"{day}.parquet").unlink()

    with pytest.raises(SourceError) as caught:
        pipeline.plan(day)

    assert f"Source {missing!r}" in str(caught.value)
    assert f"{missing}/2026-03-09.parquet" in str(caught.value)


def test_a_hole_in_a_critical_source_stops_the_run(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 3)
    (plant.root / "readings" / "2026-03-10.parquet").unlink()

    with pytest.raises(SourceError, match="missing, for 2026-03-10"):
        pipeline.plan(day, day + timedelta(days=2))


@pytest.mark.parametrize("missing", ["repairs", "machines"])
def test_an_optional_source_without_a_file_is_left_out_with_a_warning(
    pipeline, plant, day, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 1)
    (plant.root / missing / f"{day}.csv").unlink()

    assert missing not in names(pipeline.plan(day))
    assert missing in caplog.text


def test_a_window_that_ends_before_it_begins_is_refused(pipeline, day) -> None:
    with pytest.raises(SourceError, match="is empty"):
        pipeline.plan(day, day - timedelta(days=1))


def test_planning_again_takes_the_fence_over(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 2)

    first, second = pipeline.plan(day), pipeline.plan(day)
    other = pipeline.plan(day + timedelta(days=1))

    assert (first[0]["token"], second[0]["token"], other[0]["token"]) == (1, 2, 1)


def test_a_plan_that_fails_takes_no_fence(pipeline, plant, day) -> None:
    plant.write_snapshots(day)

    with pytest.raises(SourceError):
        pipeline.plan(day)

    assert pipeline.fetch(f"select * from {TableName('governance', 'fences').quoted}") == []
