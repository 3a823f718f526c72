"""The ledger of approvals: who let which model into production, having seen what.

Airflow deletes the answer of a human-in-the-loop task when that task is cleared, so every answer is
copied here at once, refusals too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from include.errors import ApprovalError
from include.warehouse.session import Session

_YES: Final = frozenset({"approve", "approved", "yes"})


@dataclass(frozen=True)
class Approval:
    """One answer to one request.

    Args:
        decision: the option that was chosen, e.g. ``"Approve"``.
        answered_by, trained_by: user ids.
        reason: what the approver wrote.
        seen: what the approver was shown; kept as evidence.
    """

    model_name: str
    model_version: int
    decision: str
    answered_by: str
    trained_by: str
    dag_id: str
    run_id: str
    reason: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ApprovalCheck:
    """Whether an answer is a valid approval, and why."""

    is_approved: bool
    reason: str


def check_approval(approval: Approval, approvers: Collection[str] = ()) -> ApprovalCheck:
    """Decide whether an answer is a valid approval: a yes, by a known person other than the trainer.

    Args:
        approvers: user ids who may answer; empty when the request itself was restricted to them.
    """
    answered_by, trained_by = _fold(approval.answered_by), _fold(approval.trained_by)
    subject = f"{approval.model_name} version {approval.model_version}"
    if not answered_by:
        return ApprovalCheck(False, f"Nobody answered the request to approve {subject}.")
    if _fold(approval.decision) not in _YES:
        return ApprovalCheck(False, f"{approval.answered_by} answered {approval.decision!r} for {subject}.")
    if answered_by == trained_by:
        return ApprovalCheck(False, f"{approval.answered_by} trained {subject} and may not approve it.")
    if approvers and answered_by not in map(_fold, approvers):
        return ApprovalCheck(False, f"{approval.answered_by} may not approve {subject}.")
    return ApprovalCheck(
        True, f"{approval.answered_by} approved {subject}, trained by {approval.trained_by or 'unknown'}."
    )


def record_approval(session: Session, approval: Approval, approvers: Collection[str] = ()) -> ApprovalCheck:
    """Copy an answer into ``governance.approvals``, then insist that it is a valid approval.

    The row is committed before anything is raised, so that a refusal is on record too. A rerun with
    the same answer changes nothing; a new answer to the same run replaces a refusal, never an approval.

    Raises:
        ApprovalError: the answer is no approval, or comes from the person who trained the model.
    """
    check = check_approval(approval, approvers)
    write_approval(session, approval, check)
    if not check.is_approved:
        session.commit()
        raise ApprovalError(
            f"{check.reason} The model stays out of production; clear the approval task to ask "
            "another approver, or train again."
        )
    return check


def write_approval(session: Session, approval: Approval, check: ApprovalCheck) -> None:
    """Write one answer; ``decision`` is ``approved`` or ``refused`` as the check says."""
    session.execute(
        "insert into governance.approvals as old (model_name, model_version, decision, answered_by, trained_by, "
        "dag_id, run_id, reason, seen) values (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb) "
        "on conflict (run_id) do update set at = now(), model_name = excluded.model_name, "
        "model_version = excluded.model_version, decision = excluded.decision, "
        "answered_by = excluded.answered_by, trained_by = excluded.trained_by, dag_id = excluded.dag_id, "
        "reason = excluded.reason, seen = excluded.seen where old.decision <> 'approved'",
        (
            approval.model_name,
            approval.model_version,
            "approved" if check.is_approved else "refused",
            approval.answered_by,
            approval.trained_by,
            approval.dag_id,
            approval.run_id,
            approval.reason or check.reason,
            json.dumps(dict(approval.seen), default=str),
        ),
    )


def _fold(name: str) -> str:
    return name.strip().casefold()
