"""What happened to the rollouts, in order; rows are only ever appended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from include.warehouse.session import Session

if TYPE_CHECKING:
    from include.rollout.state import RolloutState


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
        "select event, at, champion_version, challenger_version, challenger_weight, detail "
        "from serving.rollout_events where model_name = %s and (%s::text[] = '{}' or event = any(%s)) "
        "order by id desc limit 1",
        (model_name, list(events), list(events)),
    )
    return None if row is None else RolloutEvent(**row)


def append_event(session: Session, state: RolloutState, event: str, detail: dict[str, Any]) -> None:
    """Append what has just happened to the rollout that is now in ``state``."""
    session.execute(
        "insert into serving.rollout_events "
        "(model_name, event, champion_version, challenger_version, challenger_weight, detail) "
        "values (%s, %s, %s, %s, %s, %s)",
        (
            state.model_name,
            event,
            state.champion_version,
            state.challenger_version,
            state.challenger_weight,
            json.dumps(detail),
        ),
    )
