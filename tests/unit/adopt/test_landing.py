"""What is written lands: days of files that nobody has declared go through ingestion to their published tables."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.adopt.new_source import main
from include.ingestion.audit import audit_run
from include.ingestion.land import land_source
from include.ingestion.plan import plan_load
from include.ingestion.publish import publish_batch
from include.settings.section import load_section
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener
from include.warehouse.session import open_session

ROWS = 250


def write_german_csv(inbox, day: date) -> None:
    rows = [
        f"{day.toordinal() * 1000 + n};{n % 7:05};Größe {n};{n},{n % 90 + 10};{'neu' if n % 3 else 'alt'};"
        f"0{n % 9 + 1}/04/2026;{day} {8 + n % 10:02}:15"
        for n in range(ROWS)
    ]
    text = "\r\n".join(("Bestell ID;plz;bezeichnung;preis;select;versandt;bestellt", *rows)) + "\r\n"
    inbox.write(f"bestellungen_{day}.csv", text.encode("cp1252"))


def write_parquet(inbox, day: date) -> None:
    table = pa.table(
        {
            "series_id": [n // 50 for n in range(ROWS)],
            "line": [n % 50 for n in range(ROWS)],
            "heat": [None if n % 5 == 0 else n / 2 - 60 for n in range(ROWS)],
            "price": pa.array([f"{n}.25" for n in range(ROWS)]).cast(pa.decimal128(9, 2)),
            "order": [f"o{n}" for n in range(ROWS)],
            "measured_at": pa.array([datetime(day.year, day.month, day.day, 10, n // 60, n % 60) for n in range(ROWS)]),
        }
    )  # fmt: skip
    pq.write_table(table, inbox.folder / f"{day}.parquet")


def write_json(inbox, day: date) -> None:
    rows: list[dict[str, Any]] = [
        {"id": f"{day}-{n}", "kind": "AB"[n % 2], "at": f"{day}T10:00:00+01:00", **({"note": f"n{n}"} if n % 2 else {})}
        for n in range(ROWS)
    ]
    inbox.write_json(f"events-{day}.jsonl.gz", rows)


def write_copies(inbox, day: date) -> None:
    rows = [f"{n:04},{'yes' if n % 2 else 'no'},2020-01-0{n % 9 + 1}" for n in range(ROWS)]
    inbox.write_csv(f"{day}.csv", "code,null,valid_from", rows)


@pytest.mark.parametrize(
    ("write", "name", "key"),
    [
        pytest.param(write_german_csv, "bestellungen", ("Bestell ID",), id="CSV with semicolons, commas and cp1252"),
        pytest.param(write_parquet, "orders", ("series_id", "line", "measured_at"), id="Parquet"),
        pytest.param(write_json, "events", ("id",), id="packed JSON lines"),
        pytest.param(write_copies, "orders", ("code",), id="whole copies"),
    ],
)
def test_what_is_written_lands_and_is_published(inbox, days, warehouse_uri: str, write, name: str, key) -> None:
    for day in days:
        write(inbox, day)
    assert main([str(inbox.folder), "--write"]) == 0
    settings = only(load_section(inbox.config, SourceSettings, "development"), name)
    opener = SourceOpener(settings, Path(inbox.folder.parent))

    items = [land_source(warehouse_uri, opener, item) for item in plan_load(warehouse_uri, opener, days[0], days[2])]
    publish_batch(warehouse_uri, settings, audit_run(warehouse_uri, settings, items, "audit"))

    assert {*settings.sources[name].key} <= {*key}
    with open_session(warehouse_uri) as session:
        published = session.fetch_value(f"select count(*) from raw.{name}")
        audits = session.fetch_all("select score, failures from quality.audits", ())
    assert published == (ROWS if settings.sources[name].grain == "snapshot" else 3 * ROWS)
    assert audits == [{"score": 1.0, "failures": []}]


def only(settings: SourceSettings, name: str) -> SourceSettings:
    """The settings with one source."""
    return settings.model_copy(update={"sources": {name: settings.sources[name]}})
