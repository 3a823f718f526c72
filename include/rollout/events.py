"""What happened to the rollouts, in order; rows are only ever appended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from include.warehouse.jsonb import to_jsonb
from include.warehouse.session import Session

CHAMPION_EVENTS: Final = ("bootstrapped", "promoted", "restored")
"""Events after which ``champion_version`` answers in production."""

EVENT_COLUMNS: Final = "event, at, champion_version, challenger_version, challenger_weight, detail"


@dataclass(frozen=True)
class RolloutEvent:
    """One row of ``serving.rollout_events``."""

    event: str
    at: datetime
    champion_version: int | None
    challenger_version: int | None
    challenger_weight: float
    detail: dict[str, Any]


def read_last_event(session: Session, model_name: str, *events: str) -> RolloutEvent | None:
    """The newest event of a model (of one of the kinds ``events``, if any are named), or None."""
    row = session.fetch_one(
        f"select {EVENT_COLUMNS} "
        "from serving.rollout_events where model_name = %s and (%s::text[] = '{}' or event = any(%s)) "
        "order by id desc limit 1",
        (model_name, list(events), list(events)),
    )
    return None if row is None else RolloutEvent(**row)


def read_end(session: Session, model_name: str, since: datetime) -> RolloutEvent | None:
    """How the challenge ended that had begun at a moment: the first event after it that left no challenger, or None."""
    row = session.fetch_one(
        f"select {EVENT_COLUMNS} from serving.rollout_events where model_name = %s and at > %s "
        "and challenger_version is null order by id limit 1",
        (model_name, since),
    )
    return None if row is None else RolloutEvent(**row)


def read_former_champions(session: Session, model_name: str) -> list[int]:
    """Every version that is or was champion of a model, the newest champion first."""
    rows = session.fetch_all(
        "select champion_version from serving.rollout_events where model_name = %s and event = any(%s) "
        "and champion_version is not null group by champion_version order by max(id) desc",
        (model_name, list(CHAMPION_EVENTS)),
    )
    return [row["champion_version"] for row in rows]


def append_event(
    session: Session,
    model_name: str,
    event: str,
    *,
    champion_version: int,
    challenger_version: int | None,
    challenger_weight: float,
    detail: dict[str, Any],
) -> None:
    """Append what has just happened; versions and weight are those after it."""
    session.execute(
        "insert into serving.rollout_events "
        "(model_name, event, champion_version, challenger_version, challenger_weight, detail) "
        "values (%s, %s, %s, %s, %s, %s)",
        (model_name, event, champion_version, challenger_version, challenger_weight, to_jsonb(detail)),
    )
