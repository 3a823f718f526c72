"""Landing: the current batch, whole, and nothing of the others."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import SourceError, StaleWriterError
from include.ingestion.plan import plan_load, split_items
from include.warehouse.session import open_session


def landed_days(pipeline, source: str = "readings") -> dict[str, int]:
    rows = pipeline.fetch(f"select batch_day, count(*) as n from landing.{source} group by 1 order by 1")
    return {str(row["batch_day"]): row["n"] for row in rows}


@pytest.fixture(autouse=True)
def deliveries(plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 3)


def test_rows_land_with_their_days(pipeline, day) -> None:
    items = pipeline.land(pipeline.plan(day, day + timedelta(days=1)))

    assert [(item["source"], item["rows"], item["files"]) for item in items] == [
        ("readings", 24, 2), ("repairs", 2, 2), ("parts", 3, 1), ("machines", 2, 1),
        ("contracts", 2, 1),
    ]  # fmt: skip
    assert landed_days(pipeline) == {"2026-03-09": 12, "2026-03-10": 12}
    assert pipeline.fetch("select * from landing.readings where day <> batch_day") == []


def test_landing_again_leaves_the_same_rows(pipeline, day) -> None:
    items = pipeline.plan(day)
    pipeline.land(items)
    before = pipeline.hash_tables("landing.readings", "landing.parts")

    pipeline.land(items)

    assert pipeline.hash_tables("landing.readings", "landing.parts") == before


def test_a_published_batch_makes_room_for_the_next(pipeline, day) -> None:
    pipeline.load(day)

    pipeline.land(pipeline.plan(day + timedelta(days=1)))

    assert landed_days(pipeline) == {"2026-03-10": 12}


def test_a_batch_that_is_under_way_stays_beside_another(pipeline, day) -> None:
    pipeline.land(pipeline.plan(day))
    pipeline.land(pipeline.plan(day + timedelta(days=1)))

    assert landed_days(pipeline) == {"2026-03-09": 12, "2026-03-10": 12}

    pipeline.land(pipeline.plan(day))
    assert landed_days(pipeline) == {"2026-03-09": 12, "2026-03-10": 12}


def test_a_batch_that_was_given_up_goes(pipeline, day) -> None:
    pipeline.land(pipeline.plan(day))
    pipeline.fetch("update landing.deliveries set landed_at = now() - interval '25 hours' returning 1")

    pipeline.land(pipeline.plan(day + timedelta(days=1)))

    assert landed_days(pipeline) == {"2026-03-10": 12}


def test_changed_columns_change_the_table(pipeline, day) -> None:
    pipeline.load(day)
    with open_session(pipeline.uri) as session:
        session.execute("alter table landing.readings add column relic text")

    pipeline.land(pipeline.plan(day + timedelta(days=1)))

    assert "relic" not in pipeline.fetch("select * from landing.readings limit 1")[0]


def test_a_bad_file_leaves_landing_as_it_was(pipeline, plant, day) -> None:
    pipeline.land(pipeline.plan(day))
    (plant.root / "readings" / "2026-03-10.parquet").write_bytes(b"PAR1")
    before = pipeline.hash_tables("landing.readings", "landing.deliveries")

    with pytest.raises(SourceError, match="2026-03-10"):
        pipeline.land(pipeline.plan(day + timedelta(days=1)))

    assert pipeline.hash_tables("landing.readings", "landing.deliveries") == before


def test_a_day_without_rows_is_a_delivery(pipeline, plant, day) -> None:
    plant.write_readings(day, [], "the plant was closed")

    items = pipeline.land(pipeline.plan(day))

    assert (items[0]["rows"], items[0]["files"]) == (0, 1)
    assert landed_days(pipeline) == {}


def test_a_run_whose_work_was_taken_lands_nothing(pipeline, plant, day) -> None:
    older = pipeline.plan(day)
    pipeline.land(pipeline.plan(day))
    plant.write_day(day, lambda rows: rows[:3])
    before = pipeline.hash_tables("landing.readings", "landing.deliveries")

    with pytest.raises(StaleWriterError, match="newer run"):
        pipeline.land(older)

    assert pipeline.hash_tables("landing.readings", "landing.deliveries") == before


def test_a_late_day_that_was_taken_does_not_land(pipeline, plant, day) -> None:
    own = day + timedelta(days=1)
    older = plan_load(pipeline.uri, pipeline.opener, own, own, catch_up_from=day)
    newer = pipeline.land(pipeline.plan(day))
    plant.write_day(day, lambda rows: rows[:3])

    landed = pipeline.land(older)

    assert landed_days(pipeline) == {"2026-03-09": 12, "2026-03-10": 12}
    assert {part["from_day"] for part in split_items(landed) if part.get("is_taken")} == {"2026-03-09"}
    pipeline.approve()
    assert pipeline.publish(newer)["rows"]["readings"] == 12


def test_what_a_landing_that_died_has_left_is_dropped(pipeline, day) -> None:
    with open_session(pipeline.uri) as session:
        session.execute("create unlogged table incoming.backend_0 (id bigint)")

    pipeline.land(pipeline.plan(day))

    assert pipeline.fetch("select relname from pg_class where relnamespace = 'incoming'::regnamespace") == []


@pytest.mark.parametrize("is_critical", [True, False])
def test_a_file_that_turns_bad_after_many_rows_leaves_none_of_them(
    pipeline, plant, day, monkeypatch: pytest.MonkeyPatch, is_critical: bool
) -> None:
    monkeypatch.setattr("include.sources.formats._BLOCK_ROWS", 2)
    sources = pipeline.settings.sources
    readings = sources["readings"].model_copy(update={"critical": is_critical})
    pipeline.settings = pipeline.settings.model_copy(update={"sources": {**sources, "readings": readings}})
    items = pipeline.plan(day, day + timedelta(days=1))
    path = plant.root / "readings" / f"{day}.parquet"
    table = pq.read_table(path)
    samples = pa.array([1.0] * 11 + [1.5])
    pq.write_table(table.set_column(table.column_names.index("samples"), "samples", samples), path)

    if is_critical:
        with pytest.raises(SourceError, match=r"row 12 holds 1\.5"):
            pipeline.land(items)
        assert pipeline.fetch("select to_regclass('landing.readings') as found")[0]["found"] is None
    else:
        landed = pipeline.land(items)
        assert [bad["day"] for bad in landed[0]["bad_files"]] == [str(day)]
        assert landed_days(pipeline) == {str(day + timedelta(days=1)): 12}
