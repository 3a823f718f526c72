"""What happened to one model, read back from the stores that the loop filled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from include.operate.figures import read_baseline, read_champion
from include.registry.ledger import find_last_decision, find_version, read_gates
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    from include.operate.hops import ModelNotes
    from include.operate.progress import Stage
    from include.settings.models import ModelSettings


EVER: Final = datetime(1, 1, 1, tzinfo=UTC)


def read_time(uri: str) -> datetime:
    """The present moment by the warehouse's clock, by which approvals and events of rollouts are written down.

    Raises:
        WarehouseError: the warehouse is away.
    """
    with open_session(uri) as session:
        moment: datetime = session.fetch_value("select clock_timestamp()")
    return moment


def report_model(
    uri: str, model: ModelSettings, stages: Sequence[Stage], notes: ModelNotes,
    since: datetime = EVER,
) -> dict[str, Any]:  # fmt: skip
    """The section of one model: the approval and the rollout since a moment, and how the model stands now.

    Args:
        stages: the stages with their seconds; those of other models are passed over.
        since: a moment of :func:`read_time`.
    """
    with open_session(uri) as session:
        rollout = session.fetch_one("select * from serving.rollouts where model_name = %s", (model.name,)) or {}
        section: dict[str, Any] = {
            "task": model.task,
            "approval": {**read_approval(session, model, since), "is_trainer_refused": notes.is_trainer_refused},
            "canary": read_canary(session, model.name, since),
            "traffic": {"requests": notes.requests or 0, "failed": notes.failed},
            "performance": read_performance(session, model.name),
            "monitoring": read_monitoring(session, model.name),
        }
        champion = find_version(session, model.name, rollout["champion_version"]) if rollout else None
        gates = read_gates(session, champion.run_id) if champion else []
        refused = list(notes.refused) or ([] if champion else find_refusal(session, model.name))
    measured = champion.result if champion else {}
    section |= {
        "champion": read_champion(measured, champion.version) if champion else None,
        "baseline": read_baseline(measured),
        "gates": {"decision": champion.decision if champion else None, "results": gates, "refused": refused},
        "seconds": {
            stage.name.removeprefix(f"{model.name}."): round(stage.seconds, 1)
            for stage in stages
            if stage.model == model.name and stage.seconds is not None
        },
        "failure": notes.failure,
    }
    return section


def find_refusal(session: Session, name: str) -> list[str]:
    """Why the gates refused the newest candidate; nothing where they did not."""
    last = find_last_decision(session, name)
    return list(last["reasons"]) if last and last["decision"] == "refuse" else []


def read_approval(session: Session, model: ModelSettings, since: datetime = EVER) -> dict[str, Any]:
    """Who answered the newest approval request since a moment, and who had trained the model."""
    row = session.fetch_one(
        "select answered_by, trained_by, decision, model_version from governance.approvals "
        "where model_name = %s and at >= %s order by at desc limit 1",
        (model.name, since),
    )
    return {
        "is_required": model.governance.is_approval_required,
        **(row or {"answered_by": None, "trained_by": None}),
    }


def read_canary(session: Session, model_name: str, since: datetime = EVER) -> list[dict[str, Any]]:
    """The rollout's events since a moment in order, with the challenger's share at each."""
    return session.fetch_all(
        "select event, champion_version, challenger_version, challenger_weight "
        "from serving.rollout_events where model_name = %s and at >= %s order by id",
        (model_name, since),
    )


def read_monitoring(session: Session, model_name: str) -> dict[str, Any]:
    """The newest decision of monitoring, with its reasons."""
    row = session.fetch_one(
        "select action, reasons, as_of_date::text as as_of_date from monitoring.decisions "
        "where model_name = %s order by decided_at desc limit 1",
        (model_name,),
    )
    return dict(row or {"action": None, "reasons": []})


def read_performance(session: Session, model_name: str) -> dict[str, Any]:
    """The champion's figures on outcomes that became known, newest first; empty when none is."""
    row = session.fetch_one(
        "select model_version, as_of_date::text as as_of_date, predictions, entities, metric, score, baseline_score, "
        "metrics from monitoring.performance where model_name = %s order by as_of_date desc, computed_at desc limit 1",
        (model_name,),
    )
    return dict(row or {})
