"""Ends the tasks of dbt models without Airflow's callback.

For each task that a trigger ends, Airflow has its DAG processor parse the DAG file, to call the task's callback. The
tasks of models have none: about twenty parses of ``build_features`` in a build found nothing to call.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from airflow.listeners import hookimpl

QUIET_TRIGGERS: Final = frozenset({"include.orchestration.dbt_trigger.ModelTrigger"})
"""Triggers of tasks that have no callback on success, by class path."""

log = logging.getLogger(__name__)


class EndQuietly:
    """Airflow's listener of the start of its own parts; the triggerer is the one that ends tasks."""

    @hookimpl  # type: ignore[untyped-decorator]
    def on_starting(self, component: Any) -> None:  # noqa: ARG002 - the hook's name for it
        """Register before the first trigger runs; without it, each end is a parse more and nothing else."""
        try:
            register_quiet_end()
        except Exception:
            log.exception("Tasks of dbt models end with a callback that nobody needs")


def register_quiet_end() -> None:
    """Have Airflow end a task that succeeds by a quiet trigger with :func:`end_quietly`, any other as before."""
    from airflow.models.trigger import handle_event_submit
    from airflow.triggers.base import TaskSuccessEvent

    end_as_before = handle_event_submit.dispatch(TaskSuccessEvent)
    if getattr(end_as_before, "is_quiet", False):
        return

    def end(event: Any, *, task_instance: Any, session: Any) -> None:
        if task_instance.trigger is not None and task_instance.trigger.classpath in QUIET_TRIGGERS and not event.xcoms:
            end_quietly(event, task_instance=task_instance, session=session)
        else:
            end_as_before(event, task_instance=task_instance, session=session)

    end.is_quiet = True  # type: ignore[attr-defined]
    handle_event_submit.register(TaskSuccessEvent, end)


def end_quietly(event: Any, *, task_instance: Any, session: Any) -> None:
    """Do what Airflow does at the end of a task that a trigger ends, but for the callback."""
    task_instance.trigger_id = None
    task_instance.set_state(event.task_instance_state, session=session)
    session.flush()
