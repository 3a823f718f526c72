"""Begins what a run of a deployment is for, once: however often its task is tried, and whoever has ended it."""

from __future__ import annotations

from include.errors import RolloutError
from include.rollout.events import RolloutEvent, read_end
from include.rollout.runs import TAKEN_OVER, DeploymentRun, read_run_event
from include.rollout.state import STAGE_TITLES, Stage, require_rollout, start_canary
from include.warehouse.session import Session


def begin_challenge(
    session: Session, model_name: str, version: int, weight: float, lease_s: float, run: DeploymentRun | None = None,
    stage: Stage = "canary",
) -> RolloutEvent | None:  # fmt: skip
    """Give a version its first share, or go on with what the run has begun before.

    Whether it has stands in the rollout's events, not in what Airflow says of the task: a rescheduling before the first
    look has begun nothing, and an automatic retry after a rollback begins nothing again. A person who clears the task
    starts anew, see :class:`DeploymentRun`.

    Returns:
        None; or, of a run whose challenge was ended, the event that ended it.

    Raises:
        RolloutError: see :func:`start_canary`; or the end of what the run has begun is not known.
    """
    state = require_rollout(session, model_name)
    begun = None if run is None else read_run_event(session, model_name, run, f"{stage}_started", TAKEN_OVER)
    if begun is None:
        start_canary(session, state, version, weight, lease_s, stage=stage, run=run)
        return None
    if (state.stage, state.challenger_version) == (stage, version):
        return None
    ended = read_end(session, model_name, begun.at)
    if ended is None:
        raise RolloutError(
            f"The {STAGE_TITLES[stage]} of version {version} of {model_name!r} is gone, and no event tells how it "
            "ended: serving.rollouts was changed by hand. Clear the task to start it again."
        )
    return ended


def describe_end(event: RolloutEvent) -> str:
    """What has ended a challenge, in words."""
    return str(event.detail.get("reason") or event.event)
