"""The events that somebody may hear of: facts in, a message out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from include.notifications.message import Message
from include.settings.notifications import EventKind, Severity

DRIFT_CHECKS: Final = frozenset({"drifted_share", "score_drift"})
"""Checks of monitoring about rows; the others are about how good the scores are."""
_ROLLOUTS: Final[Mapping[str, tuple[EventKind, Severity, str]]] = {
    "canary_started": ("canary_started", "info", "the canary of version {challenger} has started"),
    "rolled_back": ("canary_rolled_back", "error", "the canary of version {challenger} was rolled back"),
    "promoted": ("champion_promoted", "info", "version {champion} is champion"),
    "restored": ("champion_restored", "warning", "version {champion} is champion again, put back by hand"),
}


def describe_refusal(model: str, run_id: str, training: str, reasons: Sequence[str], page: str | None) -> Message:
    """A candidate that the gates refused; ``run_id`` is that of MLflow, ``training`` the run that has judged it."""
    key = f"candidate_refused/{model}/{run_id}/{training}"
    title = f"{model}: the candidate was refused"
    return Message("candidate_refused", "warning", title, list_lines(reasons), key, model, link=page)


def describe_request(
    model: str, version: int, run: str, facts: Sequence[str], approvers: Sequence[str], link: str | None
) -> Message:
    """A version that waits for a person's answer, with what is known of it."""
    text = list_lines([f"May approve: {', '.join(approvers)}. Whoever trained it may not.", *facts])
    title = f"{model}: version {version} waits for an approval"
    return Message("approval_waiting", "warning", title, text, f"approval_waiting/{run}", model, version, link)


def describe_answer(model: str, version: int, run: str, answered_by: str, reason: str) -> Message:
    """An answer that lets a version into production not; without anybody who gave it, the time ran out."""
    kind: EventKind = "approval_refused" if answered_by else "approval_timed_out"
    ended = "was not approved" if answered_by else "was not approved in time"
    title = f"{model}: version {version} {ended}"
    return Message(kind, "warning", title, reason, f"{kind}/{run}/{answered_by}", model, version)


def describe_rollout(
    model: str, event: str, at: datetime, champion: int | None, challenger: int | None, detail: Mapping[str, Any]
) -> Message:
    """One row of ``serving.rollout_events``; ``at`` is its time, by which each is told once."""
    kind, severity, words = _ROLLOUTS[event]
    about = challenger if event == "canary_started" else detail.get("rolled_back_version", champion)
    title = f"{model}: {words.format(challenger=about, champion=champion)}"
    text, key = list_lines(explain_rollout(champion, detail)), f"{kind}/{model}/{at.isoformat()}"
    return Message(kind, severity, title, text, key, model, about)


def explain_rollout(champion: int | None, detail: Mapping[str, Any]) -> list[str]:
    """What the detail of a rollout's event says, a line each."""
    lines = [str(detail["reason"])] if detail.get("reason") else []
    if detail.get("overridden_by"):
        lines.append(f"It was never champion; {detail['overridden_by']} answers for it.")
    if detail.get("previous_champion_version") is not None:
        lines.append(f"Before it, version {detail['previous_champion_version']} was.")
    else:
        lines.append(f"The champion is version {champion}.")
    return lines


def describe_monitoring(model: str, measured: Mapping[str, Any]) -> list[Message]:
    """What a monitoring run found: an alert for each kind of check that failed, and the request to train again."""
    if "as_of_date" not in measured:
        return []
    version, place = measured["model_version"], f"{model}/{measured['as_of_date']}/{measured['model_version']}"
    on = f"on {measured['as_of_date']}"
    failed = measured["failed_checks"]
    drift = [reason for name, reason in failed.items() if name in DRIFT_CHECKS]
    decay = [reason for name, reason in failed.items() if name not in DRIFT_CHECKS]
    found: list[tuple[EventKind, str, Sequence[str]]] = []
    if drift:
        found.append(("drift_alert", f"the data of version {version} has drifted {on}", drift))
    if decay:
        found.append(("decay_alert", f"version {version} has become worse {on}", decay))
    if measured["action"] == "retrain":
        found.append(("retraining_requested", f"a retraining is requested {on}", measured["reasons"]))
    return [
        Message(kind, "warning", f"{model}: {words}", list_lines(reasons), f"{kind}/{place}", model, version)
        for kind, words, reasons in found
    ]


def describe_quarantine(source: str, audit_id: str, days: str, reasons: Sequence[str], page: str | None) -> Message:
    """A batch of a source that was refused and is kept apart."""
    key = f"source_quarantined/{source}/{audit_id}"
    title = f"{source}: the batch of {days} is in quarantine"
    return Message("source_quarantined", "error", title, list_lines(reasons), key, link=page)


def describe_failure(
    dag_id: str, task: str, run_id: str, try_number: int, error: str | None, model: str | None, link: str | None
) -> Message:
    """A task that has failed and is not tried again; ``task`` has the index of a mapped one."""
    reason = error or "Airflow has ended it without a reason; its log may have one."
    key = f"task_failed/{dag_id}/{run_id}/{task}/{try_number}"
    return Message("task_failed", "error", f"{dag_id}: {task} has failed", f"{reason}\nRun: {run_id}", key, model,
                   link=link)  # fmt: skip


def list_lines(lines: Sequence[object]) -> str:
    """Texts, a line each."""
    return "\n".join(" ".join(str(line).split()) for line in lines)
