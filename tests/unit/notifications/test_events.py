"""What is said of each event, and by which key its copies are known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from include.notifications.events import (
    describe_answer,
    describe_failure,
    describe_monitoring,
    describe_quarantine,
    describe_refusal,
    describe_request,
    describe_rollout,
)

AT = datetime(2026, 3, 9, 12, tzinfo=UTC)
MEASURED = {
    "action": "retrain", "reasons": ["AUC fell"], "model_version": 3, "as_of_date": "2026-03-08",
    "failed_checks": {"score_drop": "AUC fell", "drifted_share": "40 % drifted", "score_drift": "PSI 0.5"},
}  # fmt: skip


def test_a_refusal_has_every_reason_and_the_candidates_page() -> None:
    message = describe_refusal(
        "failures", "run1", "manual__1", ["leakage: too good", "value: too little"], "http://a/b"
    )

    assert (message.event, message.severity, message.link) == ("candidate_refused", "warning", "http://a/b")
    assert message.text == "leakage: too good\nvalue: too little"


def test_a_request_says_who_may_answer_and_where() -> None:
    message = describe_request("failures", 4, "dag/run/1", ["auc 0.9"], ["ada", "grace"], "http://a/approve")

    assert message.title == "failures: version 4 waits for an approval"
    assert "May approve: ada, grace." in message.text
    assert (message.model_version, message.link) == (4, "http://a/approve")


@pytest.mark.parametrize(("answered_by", "event"), [("ada", "approval_refused"), ("", "approval_timed_out")])
def test_no_answer_is_told_as_such(answered_by: str, event: str) -> None:
    assert describe_answer("failures", 4, "dag/run", answered_by, "why").event == event


@pytest.mark.parametrize(
    ("event", "detail", "kind", "version", "said"),
    [
        ("canary_started", {}, "canary_started", 4, "The champion is version 3."),
        ("rolled_back", {"reason": "errors", "rolled_back_version": 4}, "canary_rolled_back", 4, "errors"),
        ("promoted", {"previous_champion_version": 2}, "champion_promoted", 3, "Before it, version 2 was."),
        (
            "restored", {"reason": "bad", "previous_champion_version": 5, "overridden_by": "ada"},
            "champion_restored", 3, "bad\nIt was never champion; ada answers for it.\nBefore it, version 5 was.",
        ),
    ],
)  # fmt: skip
def test_each_event_of_a_rollout_names_its_version_and_why(
    event: str, detail: dict[str, Any], kind: str, version: int, said: str
) -> None:
    challenger = 4 if event == "canary_started" else None
    message = describe_rollout("failures", event, AT, 3, challenger, detail)

    assert (message.event, message.model_version) == (kind, version)
    assert f"version {version}" in message.title
    assert said in message.text
    assert message.dedup_key == describe_rollout("failures", event, AT, 3, challenger, detail).dedup_key
    assert message.dedup_key != describe_rollout("failures", event, AT.replace(hour=13), 3, challenger, {}).dedup_key


def test_monitoring_tells_of_rows_of_scores_and_of_the_request_apart() -> None:
    drift, decay, request = describe_monitoring("failures", MEASURED)

    assert (drift.event, drift.text) == ("drift_alert", "40 % drifted\nPSI 0.5")
    assert (decay.event, decay.text) == ("decay_alert", "AUC fell")
    assert (request.event, request.text) == ("retraining_requested", "AUC fell")
    assert len({drift.dedup_key, decay.dedup_key, request.dedup_key}) == 3
    assert "on 2026-03-08" in drift.title


def test_in_a_cool_down_drift_is_told_and_no_request() -> None:
    kept = {**MEASURED, "action": "keep", "failed_checks": {"drifted_share": "40 % drifted"}}
    assert [message.event for message in describe_monitoring("failures", kept)] == ["drift_alert"]


@pytest.mark.parametrize(
    "measured", [{"action": "keep", "reasons": []}, {**MEASURED, "action": "keep", "failed_checks": {}}]
)
def test_where_nothing_is_wrong_nothing_is_told(measured: dict[str, Any]) -> None:
    assert describe_monitoring("failures", measured) == []


def test_the_same_batch_is_told_once_whenever_it_is_audited_again() -> None:
    one, again = (describe_quarantine("readings", "run", "2026-03-08", reasons, None) for reasons in (["a"], ["b"]))
    assert one.dedup_key == again.dedup_key


def test_a_failure_names_task_error_and_run_and_another_try_is_another_failure() -> None:
    first = describe_failure(
        "failures.score_batch", "score[2]", "run", 4, "ValueError: no such column", "failures", "x"
    )
    later = describe_failure(
        "failures.score_batch", "score[2]", "run", 5, "ValueError: no such column", "failures", "x"
    )

    assert first.title == "failures.score_batch: score[2] has failed"
    assert first.text == "ValueError: no such column\nRun: run"
    assert first.dedup_key != later.dedup_key
    assert "without a reason" in describe_failure("a", "b", "run", 1, None, None, None).text
