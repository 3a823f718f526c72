"""The ledger of approvals: who let which model into production, having seen what.

Airflow deletes the answer of a human-in-the-loop task when that task is cleared, so every answer is
copied here at once, refusals too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from include.errors import ApprovalError
from include.warehouse.jsonb import to_jsonb
from include.warehouse.session import Session

_YES: Final = frozenset({"approve", "approved", "yes"})


@dataclass(frozen=True)
class Approval:
    """One answer to one request.

    Args:
        decision: the option that was chosen, e.g. ``"Approve"``.
        answered_by: the user's id, which Airflow compares with those who were asked.
        answered_by_name: the same user's name, which may be another word; a run is started under it.
        trained_by: whoever trained the version, by name or id.
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
    answered_by_name: str = ""
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
    known_as = {answered_by, _fold(approval.answered_by_name)} - {""}
    subject = f"{approval.model_name} version {approval.model_version}"
    if not answered_by:
        return ApprovalCheck(False, f"Nobody answered the request to approve {subject}.")
    if _fold(approval.decision) not in _YES:
        return ApprovalCheck(False, f"{approval.answered_by} answered {approval.decision!r} for {subject}.")
    if trained_by in known_as:
        return ApprovalCheck(False, f"{approval.answered_by} trained {subject} and may not approve it.")
    if approvers and answered_by not in map(_fold, approvers):
        return ApprovalCheck(False, f"{approval.answered_by} may not approve {subject}.")
    return ApprovalCheck(
        True, f"{approval.answered_by} approved {subject}, trained by {approval.trained_by or 'unknown'}."
    )


def record_approval(session: Session, approval: Approval, approvers: Collection[str] = ()) -> ApprovalCheck:
    """Copy an answer into ``governance.approvals``, then insist that it is a valid approval.

    The row is committed before anything is raised, so that a refusal is on record too. Rows are only ever appended:
    the same answer again adds none, and another answer to the same request is one more, which counts from then on.

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
    """Append one answer, unless the newest of its request is the same; ``decision`` is ``approved`` or ``refused``."""
    decision = "approved" if check.is_approved else "refused"
    said = (approval.model_name, approval.model_version, decision, approval.answered_by)
    newest = session.fetch_one(
        "select model_name, model_version, decision, answered_by from governance.approvals where run_id = %s "
        "order by id desc limit 1",
        (approval.run_id,),
    )
    if newest is not None and tuple(newest.values()) == said:
        return
    session.execute(
        "insert into governance.approvals (model_name, model_version, decision, answered_by, trained_by, dag_id, "
        "run_id, reason, seen) values (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)",
        (
            *said,
            approval.trained_by,
            approval.dag_id,
            approval.run_id,
            approval.reason or check.reason,
            to_jsonb(dict(approval.seen)),
        ),
    )


def require_approval(session: Session, model_name: str, version: int) -> None:
    """Insist that the newest answer about a version is an approval.

    Raises:
        ApprovalError: nobody was asked, or the newest answer is no.
    """
    newest = session.fetch_one(
        "select decision, answered_by from governance.approvals where model_name = %s and model_version = %s "
        "order by id desc limit 1",
        (model_name, version),
    )
    if newest is None or newest["decision"] != "approved":
        found = f"{newest['answered_by'] or 'nobody'} refused it" if newest else "nobody has answered"
        raise ApprovalError(
            f"Version {version} of {model_name!r} has no approval in governance.approvals: {found}. It stays out of "
            f"production; clear the tasks approve and record_approval of its run of {model_name}.deploy_model."
        )


def _fold(name: str) -> str:
    return name.strip().casefold()
