"""What real audits say: to lineage, as facets of the datasets that were read and written, and on their pages."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from openlineage.client.serde import Serde

from include.errors import QualityError, StaleWriterError
from include.governance.observed import describe_trace
from include.ingestion.audit import audit_run
from include.quality_pages import queries, render, views
from include.warehouse.session import open_session
from include.warehouse.trace import TableTrace, trace_tables

ROOT = "/quality"
EVIL = "<script>alert(1)</script>"


def read_datasets(trace: TableTrace, uri: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and outputs of the event by ``schema.table``, as JSON."""
    return tuple(  # type: ignore[return-value]
        {one.name.split(".", 1)[1]: json.loads(Serde.to_json(one)) for one in side}
        for side in describe_trace(trace, uri)
    )


def draw_audit(uri: str, source: str, audit_id: str) -> str:
    with open_session(uri) as session:
        queries.prepare_reading(session)
        audit = queries.read_audit(session, source, audit_id)
    assert audit is not None
    return render.render_audit(views.view_audit(audit, ROOT), ROOT)


@pytest.fixture
def next_day(pipeline, plant, day):
    """The day after a published history of eight days."""
    plant.write_snapshots(day)
    plant.write_days(day, 8)
    pipeline.load(day, day + timedelta(days=7))
    return day + timedelta(days=8)


def test_a_refused_batch_is_reported_as_what_landed_and_nothing_as_published(pipeline, plant, next_day) -> None:
    plant.write_day(next_day, lambda rows: [{**rows[0], "heat": -3.5, "noise": None}, *rows[1:]])
    plant.write_machines(next_day, age=EVIL, power="some", spare_count="many", size_class="big")
    items = pipeline.land(pipeline.plan(next_day))

    with trace_tables() as trace, pytest.raises(QualityError) as caught:
        audit_run(pipeline.uri, pipeline.settings, items, "bad")

    inputs, outputs = read_datasets(trace, pipeline.uri)
    facets = inputs["landing.readings"]["inputFacets"]
    assertions = facets["dataQualityAssertions"]["assertions"]
    assert [one["success"] for one in assertions] == [False] + [True] * (len(assertions) - 1)
    assert len(assertions) > 20
    first = assertions[0]
    assert (first["name"], first["column"], first["severity"]) == ("range of heat", "heat", "error")
    assert (first["expected"], "-3.5" in first["actual"]) == ("values from 0 to 10000", True)
    assert first["params"] == {"from_day": str(next_day), "to_day": str(next_day)}
    metrics = facets["dataQualityMetrics"]
    assert metrics["rowCount"] == 12
    assert (metrics["columnMetrics"]["heat"]["min"], metrics["columnMetrics"]["heat"]["max"]) == (-3.5, 12.25)
    assert (metrics["columnMetrics"]["noise"]["nullCount"], metrics["columnMetrics"]["noise"]["count"]) == (1, 11)
    assert metrics["columnMetrics"]["measured_at"]["distinctCount"] == 12
    assert facets["subset"]["inputCondition"]["partitions"] == [{"dimensions": {"batch_day": str(next_day)}}]
    assert [name for name in outputs if name.startswith("raw.")] == []
    assert [name for name, one in inputs.items() if name.startswith("raw.") and one["inputFacets"]] == []

    # Its page: the message says where, the broken rule comes first, a value of the source does not run.
    assert "/quality/runs/bad" in str(caught.value) or "/quality/sources/readings/audits/bad" in str(caught.value)
    page = draw_audit(pipeline.uri, "readings", "bad")
    assert page.index("range of heat") < page.index("schema of machine_id")
    assert "This batch was not published." in page
    assert str(plant.root / "readings" / f"{next_day}.parquet") in page
    assert 'aria-label="Rows by heat: 20 bins from -3.5 to 12.25' in page
    other = draw_audit(pipeline.uri, "machines", "bad")
    assert EVIL not in other
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in other


def test_a_published_batch_is_reported_under_its_published_names(pipeline, plant, next_day) -> None:
    plant.write_day(next_day)
    plant.write_snapshots(next_day)
    items = audit_run(pipeline.uri, pipeline.settings, pipeline.land(pipeline.plan(next_day)), "good")

    with trace_tables() as trace:
        pipeline.publish(items)

    inputs, outputs = read_datasets(trace, pipeline.uri)
    facets = inputs["raw.readings"]["inputFacets"]
    assert facets["dataQualityMetrics"]["rowCount"] == 12
    columns = {one["name"] for one in inputs["raw.readings"]["facets"]["schema"]["fields"]}
    assert set(facets["dataQualityMetrics"]["columnMetrics"]) == columns - {"day", "batch_day"}
    named = {one.get("column") for one in facets["dataQualityAssertions"]["assertions"]}
    assert {"read_at", "heat"} <= named
    assert "measured_at" not in named
    assert outputs["raw.readings"]["outputFacets"]["outputStatistics"]["rowCount"] == 12
    assert outputs["raw.readings"]["outputFacets"]["subset"]["outputCondition"]["partitions"] == [
        {"dimensions": {"batch_day": str(next_day)}}
    ]

    # A snapshot that says the same again writes nothing.
    assert inputs["raw.parts"]["inputFacets"]["dataQualityMetrics"]["rowCount"] == 3
    assert not outputs["raw.parts"]["outputFacets"]

    page = draw_audit(pipeline.uri, "readings", "good")
    assert "No rule is broken." in page
    with open_session(pipeline.uri) as session:
        history = queries.read_source(session, "readings", 1)
    over_time = render.render_source(views.view_source(history, "readings", ROOT), ROOT)
    assert "All\n1 audited batches" in over_time
    assert "/quality/sources/readings/audits/good" in over_time


def test_what_publishing_rolled_back_is_not_reported(pipeline, plant, next_day) -> None:
    plant.write_day(next_day)
    items = pipeline.land_and_approve(next_day)
    with open_session(pipeline.uri) as session:
        session.execute(
            "insert into quality.audits (audit_id, source, from_day, to_day, row_count, rule_count, score, passed, "
            "failures) select 'good', source, %s, %s, 12, 0, 1, true, '[]'::jsonb from landing.deliveries "
            "where batch_day = %s",
            (next_day, next_day, next_day),
        )
        session.execute("alter table raw.repairs add check (order_id <> 77) not valid")

    with trace_tables() as trace, pytest.raises(Exception, match="rolled back"):
        pipeline.publish(items)

    assert trace.notes == {}
    assert not any(str(table).startswith("raw.") for table in trace.writes)


def test_a_stale_writer_reports_nothing(pipeline, plant, next_day) -> None:
    plant.write_day(next_day)
    items = pipeline.land_and_approve(next_day)
    pipeline.plan(next_day)

    with trace_tables() as trace, pytest.raises(StaleWriterError):
        pipeline.publish(items)

    assert trace.notes == {}
