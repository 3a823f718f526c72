"""An event is stored once however often it is delivered, and refused with a reason when it is none."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from include.governance.events import derive_event_id, parse_event

RUN_ID = "0193a0c4-0000-7000-8000-000000000001"
EVENT: dict[str, Any] = {
    "eventType": "COMPLETE",
    "eventTime": "2026-11-22T12:00:00.5+00:00",
    "run": {"runId": RUN_ID, "facets": {}},
    "job": {"namespace": "default", "name": "ingest_sources.publish"},
    "inputs": [{"namespace": "postgres://h:5432", "name": "db.landing.t"}],
    "outputs": [
        {"namespace": "postgres://h:5432", "name": "db.raw.t"},
        {"namespace": "postgres://h:5432", "name": "db.raw.t"},
    ],
}


def encode(event: Any) -> bytes:
    return json.dumps(event).encode()


def test_an_event_becomes_a_row() -> None:
    record = parse_event(encode(EVENT))

    assert record.event_time == datetime(2026, 11, 22, 12, 0, 0, 500000, tzinfo=UTC)
    assert (record.event_type, record.run_id) == ("COMPLETE", UUID(RUN_ID))
    assert (record.job_namespace, record.job_name) == ("default", "ingest_sources.publish")
    assert record.inputs == ("postgres://h:5432/db.landing.t",)
    assert record.outputs == ("postgres://h:5432/db.raw.t",)
    assert record.event == EVENT


def test_a_dataset_event_has_neither_run_nor_job() -> None:
    record = parse_event(encode({"eventTime": "2026-11-22T12:00:00Z", "dataset": {"namespace": "n", "name": "d"}}))

    assert (record.run_id, record.job_name, record.outputs) == (None, None, ())


def test_the_id_depends_on_the_content_and_not_on_the_order_of_keys() -> None:
    shuffled = dict(reversed(EVENT.items()))
    other = {**EVENT, "outputs": []}

    assert derive_event_id(shuffled) == derive_event_id(EVENT)
    assert derive_event_id(other) != derive_event_id(EVENT)


def test_a_deferred_task_that_starts_twice_has_started_once() -> None:
    first = {**EVENT, "eventType": "START"}
    again = copy.deepcopy(first) | {"eventTime": "2026-11-22T12:05:00Z"}
    other_run = copy.deepcopy(first)
    other_run["run"]["runId"] = "0193a0c4-0000-7000-8000-000000000002"

    assert derive_event_id(again) == derive_event_id(first)
    assert derive_event_id(other_run) != derive_event_id(first)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not an object"),
        (encode({**EVENT, "eventTime": None}), "'eventTime' is no ISO 8601 time"),
        (encode({**EVENT, "eventTime": "yesterday"}), "'eventTime' is no ISO 8601 time"),
        (encode({**EVENT, "eventTime": "2026-11-22T12:00:00"}), "'eventTime' has no zone"),
        (encode({**EVENT, "run": {"runId": "7"}}), "'runId' is no UUID"),
        (encode({**EVENT, "run": []} | {"run": [1]}), "'run' is not an object"),
        (encode({**EVENT, "outputs": {"a": 1}}), "'outputs' is not a list"),
        (encode({**EVENT, "inputs": [{"name": "d"}]}), "'inputs' holds a dataset without namespace and name"),
    ],
)
def test_what_is_no_event_is_refused_with_the_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_event(payload)
