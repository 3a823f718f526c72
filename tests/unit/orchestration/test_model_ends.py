"""A dbt model's task ends without the callback that has Airflow's DAG processor parse the file again."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.callbacks import callback_requests, database_callback_sink
from airflow.models.trigger import handle_event_submit
from airflow.triggers.base import TaskSkippedEvent, TaskSuccessEvent

from include.orchestration.dbt_trigger import CalledModelTrigger, ModelTrigger
from include.orchestration.model_ends import EndQuietly


class Task(SimpleNamespace):
    """A task instance that waits for a trigger."""

    def __init__(self, trigger: type | None) -> None:
        path = trigger and f"{trigger.__module__}.{trigger.__qualname__}"
        super().__init__(
            trigger=path and SimpleNamespace(classpath=path), trigger_id=7, state="deferred", xcoms={},
            dag_model=SimpleNamespace(relative_fileloc="build.py", bundle_name="dags"),
            dag_run=SimpleNamespace(bundle_version=None),
        )  # fmt: skip

    def set_state(self, state: Any, session: Any) -> None:
        self.state = str(state)

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


@pytest.fixture
def callbacks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The callbacks that were asked for; Airflow's own handling is put back afterwards."""
    before, sent = handle_event_submit.dispatch(TaskSuccessEvent), []  # type: ignore[var-annotated]
    monkeypatch.setattr(callback_requests, "TaskCallbackRequest", lambda **request: request)
    monkeypatch.setattr(
        database_callback_sink, "DatabaseCallbackSink",
        lambda: SimpleNamespace(send=lambda callback, session: sent.append(callback)),
    )  # fmt: skip
    for _ in range(2):  # scheduler and triggerer may be one process
        EndQuietly().on_starting(None)
    yield sent
    handle_event_submit.register(TaskSuccessEvent, before)


def end(task: Task, event: Any) -> Task:
    handle_event_submit(event, task_instance=task, session=SimpleNamespace(flush=lambda: None))
    return task


def test_the_task_of_a_model_succeeds_and_nothing_is_called(callbacks: list[Any]) -> None:
    task = end(Task(ModelTrigger), TaskSuccessEvent())

    assert (task.state, task.trigger_id, callbacks) == ("success", None, [])


@pytest.mark.parametrize("trigger", [CalledModelTrigger, SimpleNamespace, None])
def test_any_other_task_has_its_callback(trigger: type | None, callbacks: list[Any]) -> None:
    task = end(Task(trigger), TaskSuccessEvent())

    assert (task.state, task.trigger_id) == ("success", None)
    assert [one["filepath"] for one in callbacks] == ["build.py"]


def test_what_an_event_brings_is_kept(callbacks: list[Any]) -> None:
    assert end(Task(ModelTrigger), TaskSuccessEvent(xcoms={"rows": 3})).xcoms == {"rows": 3}


def test_a_task_that_is_left_out_is_skipped_as_before(callbacks: list[Any]) -> None:
    assert end(Task(ModelTrigger), TaskSkippedEvent()).state == "skipped"
