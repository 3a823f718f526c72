"""What happens in the DAGs, found in the warehouse or in what a stage returned, and told.

Each is told once, however often its task is repeated: its key comes from the record that the warehouse has of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from include.errors import ApprovalError, QualityError
from include.orchestration.candidate_link import find_page, read_base_url
from include.orchestration.notifications import find_audience, mark_told, notify
from include.warehouse.session import open_session

log = logging.getLogger(__name__)

ErrorT = TypeVar("ErrorT", bound=BaseException)


@contextmanager
def quietly(what: str) -> Iterator[None]:
    """Let nothing that goes wrong in the block reach the task."""
    try:
        yield
    except Exception as error:
        log.warning("%s was not told: %s", what, error)


def tell_refusal(context: Any, uri: str, model: str, judgement: Mapping[str, Any]) -> None:
    """Tell that the gates refused a candidate; a judgement that did not refuse is not told."""
    from include.notifications.events import describe_refusal

    if judgement["decision"] != "refuse":
        return
    run_id = judgement["candidate"]["run_id"]
    page = find_page(model, run_id)
    notify(uri, describe_refusal(model, run_id, context["run_id"], judgement["reasons"], page))


@contextmanager
def tell_answer(context: Any, uri: str, model: str, version: int, answered_by: str) -> Iterator[None]:
    """Tell of an approval that is recorded in the block and does not let the version in."""
    from include.notifications.events import describe_answer

    try:
        yield
    except ApprovalError as error:
        run = f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}"
        notify(uri, describe_answer(model, version, run, answered_by, str(error)))
        mark_told(error)
        raise


def tell_rollout(uri: str, model: str, *events: str) -> None:
    """Tell of the newest of these events of a rollout; it is told once, however often the task is repeated.

    One that is older than the window of its key was told before, or is no news any more.
    """
    from include.notifications.events import describe_rollout
    from include.rollout.events import read_last_event

    with quietly(f"What happened to the rollout of {model}"):
        with open_session(uri) as session:
            last = read_last_event(session, model, *events)
        window = timedelta(hours=find_audience(model)[0].delivery.window_hours)
        if last is not None and datetime.now(UTC) - last.at < window:
            versions = last.champion_version, last.challenger_version
            notify(uri, describe_rollout(model, last.event, last.at, *versions, last.detail))


def tell_rollback(uri: str, model: str, error: ErrorT) -> ErrorT:
    """Tell how the canary of a model ended, by itself or by hand; returns the error that fails its task."""
    tell_rollout(uri, model, "rolled_back", "restored")
    return mark_told(error)


def tell_monitoring(uri: str, model: str, measured: dict[str, Any]) -> dict[str, Any]:
    """Tell what a monitoring run found; returns it."""
    from include.notifications.events import describe_monitoring

    notify(uri, *describe_monitoring(model, measured))
    return measured


@contextmanager
def tell_quarantine(uri: str, audit_id: str) -> Iterator[None]:
    """Tell of each batch that the audit in the block refuses, whether that stops the run or not."""
    try:
        yield
    except QualityError as error:
        tell_quarantined(uri, audit_id)
        mark_told(error)
        raise
    tell_quarantined(uri, audit_id)


def tell_quarantined(uri: str, audit_id: str) -> None:
    """Tell of each batch that the audits of a run, of its own days and of late ones, have put into quarantine."""
    from include.notifications.events import describe_quarantine
    from include.quality.page_paths import find_audit

    with quietly("What was quarantined"):
        with open_session(uri) as session:
            rows = session.fetch_all(
                "select audit_id, source, from_day, to_day, reasons from quality.quarantine "
                "where audit_id = %s or starts_with(audit_id, %s) order by source, audit_id",
                (audit_id, f"{audit_id}."),
            )
        for row in rows:
            days = " to ".join(dict.fromkeys(str(row[key]) for key in ("from_day", "to_day")))
            page = find_audit(read_base_url(), row["audit_id"], row["source"])
            reasons = list_broken(row["reasons"])
            notify(uri, describe_quarantine(row["source"], row["audit_id"], days, reasons, page))


def list_broken(reasons: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rules that a batch has broken, a line each."""
    about = [" of ".join(str(rule[key]) for key in ("dimension", "column") if rule.get(key)) for rule in reasons]
    return [
        f"{name} expects {rule['expected']}, observed {rule['observed']}. To do: {rule['remedy']}."
        for name, rule in zip(about, reasons, strict=True)
    ]
