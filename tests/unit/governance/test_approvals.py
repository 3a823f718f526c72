"""Nobody approves a model that they trained, and every answer is on record."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from include.errors import ApprovalError
from include.governance.approvals import Approval, check_approval, record_approval, require_approval
from include.warehouse.session import open_session

APPROVAL = Approval(
    model_name="churn",
    model_version=3,
    decision="Approve",
    answered_by="ada",
    trained_by="grace",
    dag_id="deploy_model",
    run_id="manual__1",
    seen={"summary": "auc 0.83"},
)


def read_ledger(uri: str) -> list[tuple[str, str, int]]:
    with open_session(uri) as session:
        rows = session.fetch_all("select * from governance.approvals order by id")
    return [(row["answered_by"], row["decision"], row["model_version"]) for row in rows]


@pytest.mark.parametrize("decision", ["Approve", "approved", " YES "])
def test_a_yes_by_somebody_else_is_an_approval(decision: str) -> None:
    assert check_approval(replace(APPROVAL, decision=decision), approvers=["Ada"]).is_approved


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answered_by": "grace"}, "grace trained churn version 3 and may not approve it"),
        ({"answered_by": " Grace "}, "may not approve it"),
        ({"answered_by": "ada", "answered_by_name": "Grace"}, "may not approve it"),
        ({"decision": "Reject"}, "ada answered 'Reject'"),
        ({"decision": ""}, "ada answered ''"),
        ({"answered_by": ""}, "Nobody answered"),
        ({"answered_by": "eve"}, "eve may not approve"),
    ],
)
def test_an_answer_that_is_no_approval_says_why(change: dict[str, str], reason: str) -> None:
    check = check_approval(replace(APPROVAL, **change), approvers=["ada", "grace"])  # type: ignore[arg-type]

    assert not check.is_approved
    assert reason in check.reason


def test_an_approval_is_recorded_with_what_was_seen(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        check = record_approval(session, APPROVAL)

    assert check.is_approved
    with open_session(warehouse_uri) as session:
        row = session.fetch_one("select * from governance.approvals")
    assert row is not None
    assert row["seen"] == {"summary": "auc 0.83"}
    assert (row["dag_id"], row["run_id"], row["trained_by"]) == ("deploy_model", "manual__1", "grace")


def test_the_trainer_is_refused_and_the_attempt_is_on_record(warehouse_uri: str) -> None:
    with pytest.raises(ApprovalError, match="grace trained"), open_session(warehouse_uri) as session:
        record_approval(session, replace(APPROVAL, answered_by="grace"))

    assert read_ledger(warehouse_uri) == [("grace", "refused", 3)]


def test_a_rejection_is_refused_and_on_record(warehouse_uri: str) -> None:
    with pytest.raises(ApprovalError, match="answered 'Reject'"), open_session(warehouse_uri) as session:
        record_approval(session, replace(APPROVAL, decision="Reject"))

    assert read_ledger(warehouse_uri) == [("ada", "refused", 3)]


def test_the_same_answer_again_adds_nothing_and_another_one_is_added(warehouse_uri: str) -> None:
    with pytest.raises(ApprovalError), open_session(warehouse_uri) as session:
        record_approval(session, replace(APPROVAL, answered_by="grace"))
    for _ in range(2):
        with open_session(warehouse_uri) as session:
            record_approval(session, APPROVAL)
    with pytest.raises(ApprovalError), open_session(warehouse_uri) as session:
        record_approval(session, replace(APPROVAL, answered_by="eve", decision="Reject"))

    assert read_ledger(warehouse_uri) == [("grace", "refused", 3), ("ada", "approved", 3), ("eve", "refused", 3)]


def test_an_approval_stays_with_its_version_when_the_same_run_asks_about_another(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        record_approval(session, APPROVAL)
        record_approval(session, replace(APPROVAL, model_version=4))
        require_approval(session, "churn", 3)
        require_approval(session, "churn", 4)

    assert read_ledger(warehouse_uri) == [("ada", "approved", 3), ("ada", "approved", 4)]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([], "nobody has answered"),
        ([{"decision": "Reject"}], "ada refused it"),
        ([{}, {"decision": "Reject", "answered_by": "eve"}], "eve refused it"),
        ([{"model_version": 4}], "nobody has answered"),
        ([{"model_name": "demand"}], "nobody has answered"),
    ],
    ids=["none", "a no", "a no after a yes", "of another version", "of another model"],
)
def test_without_an_approval_of_the_very_version_it_goes_no_further(
    warehouse_uri: str, answers: list[dict[str, str]], reason: str
) -> None:
    for change in answers:
        approval = replace(APPROVAL, **change)  # type: ignore[arg-type]
        with suppress(ApprovalError), open_session(warehouse_uri) as session:
            record_approval(session, approval)
    with pytest.raises(ApprovalError, match=f"Version 3 of 'churn' has no approval.*{reason}"):  # noqa: SIM117
        with open_session(warehouse_uri) as session:
            require_approval(session, "churn", 3)
