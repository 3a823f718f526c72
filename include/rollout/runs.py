"""Which run of a deployment acts, so that the events tell what it has begun and what was ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from include.rollout.events import EVENT_COLUMNS, RolloutEvent
from include.warehouse.session import Session

TAKEN_OVER: Final = "taken_over"
"""The event of a run that goes on with what another run has begun."""


@dataclass(frozen=True)
class DeploymentRun:
    """A run of ``deploy_model``, by one strategy.

    Attributes:
        attempts_before_clear: how often its task had been tried when a person cleared it last. An automatic retry
            leaves the number as it is, so that the two can be told apart.
    """

    run_id: str
    strategy: str
    attempts_before_clear: int = 0

    def describe(self) -> dict[str, Any]:
        """What its events say of it."""
        return asdict(self)


def describe_run(run: DeploymentRun | None) -> dict[str, Any]:
    """What events say of the run that has led to them; nothing of what a person did without one."""
    return {} if run is None else run.describe()


def read_run_event(
    session: Session, model_name: str, run: DeploymentRun, *events: str, any_attempt: bool = False
) -> RolloutEvent | None:
    """The newest event (of the kinds ``events``) of a run since its task was cleared last, or None.

    Args:
        any_attempt: also before it was: the event is another task's.
    """
    row = session.fetch_one(
        f"select {EVENT_COLUMNS} from serving.rollout_events where model_name = %s and event = any(%s) "
        "and detail ->> 'run_id' = %s "
        "and (%s or (detail ->> 'attempts_before_clear')::int = %s) order by id desc limit 1",
        (model_name, list(events), run.run_id, any_attempt, run.attempts_before_clear),
    )
    return None if row is None else RolloutEvent(**row)
