"""A batch that is audited in chunks gets the verdicts, words, rows and profile of one that is audited in one piece."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.ingestion import check, landed_rows
from include.ingestion.batch import read_batch
from include.ingestion.check import BatchCheck, check_batch
from include.ingestion.land import land_source
from include.ingestion.plan import LoadItem, plan_load
from include.quality.score import AuditResult
from include.quality.validate import Validator
from include.settings.section import parse_section
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener
from include.warehouse.session import open_session

DAY = date(2026, 3, 9)
ROWS = 400
_COLUMNS: dict[str, dict[str, Any]] = {
    "visit_id": {"type": "int64", "min": 1},
    "site": {"type": "string", "allowed": ["north", "south", "west"]},
    "samples": {"type": "int64", "nullable": True, "critical": True, "min": 0, "max": 1000},
    "heat": {"type": "float64", "nullable": True, "max": 500, "mean_band": [0.5, 2.0]},
    "note": {"type": "string", "nullable": True},
    "made_on": {"type": "date", "nullable": True},
    "seen_at": {"type": "timestamp"},
}


def declare() -> SourceSettings:
    daily = {
        "kind": "files", "path": "visits.{day}.parquet", "format": "parquet", "grain": "daily", "key": ["visit_id"],
        "event_column": "seen_at", "columns": _COLUMNS,
    }  # fmt: skip
    snapshot = {**daily, "path": "places.{day}.parquet", "grain": "snapshot", "key": ["site", "visit_id"]}
    del snapshot["event_column"]
    content = {"sources": {"visits": daily, "places": snapshot}}
    return parse_section(content, SourceSettings, "development", "sources.yml")


def make_rows() -> pa.Table:
    """Good rows: numbers with few and with many different values, nulls, equal counts of texts."""
    heat = np.random.default_rng(7).gamma(3, 20, ROWS).tolist()
    begin = datetime(2026, 3, 9, 12, tzinfo=UTC)
    return pa.table(
        {
            "visit_id": list(range(1, ROWS + 1)),
            "site": [("north", "south", "west")[number % 3] for number in range(ROWS)],
            "samples": [number % 7 for number in range(ROWS)],
            "heat": [None if number % 50 == 0 else heat[number] for number in range(ROWS)],
            "note": [f"note {number % 60}" if number % 4 else None for number in range(ROWS)],
            "made_on": [DAY - timedelta(days=number % 9) if number % 5 else None for number in range(ROWS)],
            "seen_at": [begin + timedelta(seconds=number) for number in range(ROWS)],
        }
    )


@pytest.fixture(scope="module")
def validator() -> Validator:
    return Validator()


@pytest.fixture
def items(warehouse_uri: str, tmp_path: Path) -> dict[str, LoadItem]:
    for name in ("visits", "places"):
        pq.write_table(make_rows(), tmp_path / f"{name}.{DAY}.parquet")
    opener = SourceOpener(declare(), tmp_path)
    return {
        item["source"]: land_source(warehouse_uri, opener, item) for item in plan_load(warehouse_uri, opener, DAY, DAY)
    }


SPOILS = {
    "good": "",
    "nulls in few rows": "update landing.{name} set samples = null where visit_id in (5, 350)",
    "nothing known": "update landing.{name} set heat = null, samples = null, note = null, made_on = null",
    "many faults": "insert into landing.{name} select * from landing.{name} where visit_id in (3, 4, 200, 390); "
    "update landing.{name} set visit_id = null where visit_id in (7, 8, 300); "
    "update landing.{name} set site = 'east' where visit_id > 260; "
    "update landing.{name} set samples = null where visit_id % 3 = 0",
    "numbers out of range beside nulls": "update landing.{name} set samples = "
    "case when visit_id % 40 = 1 then -5 when visit_id % 90 = 2 then null else samples end",
    "no numbers": "update landing.{name} set heat = case visit_id % 9 when 1 then 'NaN'::float8 "
    "when 2 then 'infinity'::float8 when 3 then '-0' else heat end",
    "a sum that is none": "update landing.{name} set heat = 1.7e308 where visit_id % 2 = 0",
    "one value": "update landing.{name} set heat = 2.5, samples = 3, note = 'same', made_on = '2026-03-01'",
    "events of other days": "update landing.{name} set day = day - 40 where visit_id % 100 = 0",
}
KEPT = ("good", "nulls in few rows")


def check_in(
    monkeypatch: pytest.MonkeyPatch, uri: str, item: LoadItem, validator: Validator, pages: int, values: int
) -> BatchCheck:
    monkeypatch.setattr(landed_rows, "CHUNK_PAGES", pages)
    monkeypatch.setattr(check, "_MOST_VALUES", values)
    batch = replace(read_batch(uri, declare(), item), usual_means={"heat": 60.0})
    assert batch.rows is not None
    assert batch.rows.is_one_chunk is (pages > 1)
    return check_batch(declare(), batch, validator)


@pytest.mark.parametrize(
    ("spoil", "name", "most_values"),
    [
        *(pytest.param(spoil, "visits", 1 << 17, id=spoil) for spoil in SPOILS),
        *(
            pytest.param(spoil, "visits", 10, id=f"{spoil}, PostgreSQL is asked")
            for spoil in ("many faults", "no numbers")
        ),
        pytest.param("many faults", "places", 1 << 17, id="many faults of a key of two columns"),
    ],
)
def test_chunks_say_what_one_piece_says(
    warehouse_uri: str, items, validator, monkeypatch: pytest.MonkeyPatch, spoil: str, name: str, most_values: int
) -> None:
    with open_session(warehouse_uri) as session:
        if SPOILS[spoil]:
            session.execute(SPOILS[spoil].format(name=name))
        session.execute(
            f"update landing.deliveries set row_count = (select count(*) from landing.{name}) where source = %s",
            (name,),
        )

    whole, parts = (
        check_in(monkeypatch, warehouse_uri, items[name], validator, pages, most_values) for pages in (4096, 1)
    )

    assert parts.batch.rows is not None
    assert len(list(parts.batch.rows.read_chunks())) > 3
    assert bool(whole.audit.failures) is (spoil not in KEPT)
    assert parts.audit.failures == whole.audit.failures
    assert drop_rows(parts.audit) == drop_rows(whole.audit)
    assert parts.sample == whole.sample
    assert parts.profile is not None
    for one, other in zip(parts.profile, whole.profile or [], strict=True):
        assert_same(asdict(one), asdict(other))


def drop_rows(audit: AuditResult) -> AuditResult:
    """Without the rows that break a rule which is kept all the same, as a few nulls do."""
    return replace(audit, results=tuple(replace(one, rows=()) if one.has_passed else one for one in audit.results))


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal but for the last digits of what is added up in another order."""
    for name in ("mean", "standard_deviation", "quantiles"):
        found, expected = one.pop(name), other.pop(name)
        assert found == (expected if expected is None else pytest.approx(expected, rel=1e-9)), name
    assert one == other
