"""An OpenLineage event as a row of ``governance.lineage_events``.

Read from the event's JSON alone, so that whatever OpenLineage client wrote it can be stored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

_EVENT_IDS: Final = UUID("6f3a5c0e-7d41-5b8e-9a64-0d2a3f7f1c55")


@dataclass(frozen=True)
class LineageRecord:
    """One event; datasets are named ``namespace/name``."""

    event_id: UUID
    event_time: datetime
    event_type: str | None
    run_id: UUID | None
    job_namespace: str | None
    job_name: str | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    event: dict[str, Any]


def parse_event(payload: bytes) -> LineageRecord:
    """Read one event.

    Raises:
        ValueError: it is no OpenLineage event; the message says what is wrong with it.
    """
    try:
        event = json.loads(payload)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(event, dict):
        raise ValueError(f"not an object but {type(event).__name__}")
    run, job = _read_object(event, "run"), _read_object(event, "job")
    return LineageRecord(
        event_id=derive_event_id(event),
        event_time=_read_time(event),
        event_type=event.get("eventType"),
        run_id=_read_run_id(run),
        job_namespace=job.get("namespace"),
        job_name=job.get("name"),
        inputs=_read_datasets(event, "inputs"),
        outputs=_read_datasets(event, "outputs"),
        event=event,
    )


def derive_event_id(event: dict[str, Any]) -> UUID:
    """The same id for the same event, however often it is delivered.

    A run starts once: a deferred task sends START again when it resumes, with other times in it, so
    START is known by its run and job alone. Every other event is known by its whole content.
    """
    identity: Any = event
    run_id = _read_object(event, "run").get("runId")
    if event.get("eventType") == "START" and run_id:
        job = _read_object(event, "job")
        identity = [job.get("namespace"), job.get("name"), run_id, "START"]
    return uuid5(_EVENT_IDS, json.dumps(identity, sort_keys=True, separators=(",", ":")))


def _read_object(event: dict[str, Any], key: str) -> dict[str, Any]:
    value = event.get(key) or {}
    if not isinstance(value, dict):
        raise ValueError(f"{key!r} is not an object but {type(value).__name__}")
    return value


def _read_time(event: dict[str, Any]) -> datetime:
    text = event.get("eventTime")
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ValueError(f"'eventTime' is no ISO 8601 time: {text!r}") from error
    if time.tzinfo is None:
        raise ValueError(f"'eventTime' has no zone: {text!r}")
    return time


def _read_run_id(run: dict[str, Any]) -> UUID | None:
    text = run.get("runId")
    try:
        return None if text is None else UUID(str(text))
    except ValueError as error:
        raise ValueError(f"'runId' is no UUID: {text!r}") from error


def _read_datasets(event: dict[str, Any], key: str) -> tuple[str, ...]:
    datasets = event.get(key) or []
    if not isinstance(datasets, list):
        raise ValueError(f"{key!r} is not a list but {type(datasets).__name__}")
    try:
        return tuple(dict.fromkeys(f"{dataset['namespace']}/{dataset['name']}" for dataset in datasets))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{key!r} holds a dataset without namespace and name") from error
