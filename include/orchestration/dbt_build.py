"""One ``dbt build``, and the task of each of its models, which ends when the model is built and its tests have passed.

Cosmos's own classes, with three differences, each measured on the build of 31 models on two cores:

- Cosmos reports to Airflow with each of dbt's events, four to six times a node, and with a copy of all that was
  reported so far for a second try of the build. Each report is a request that dbt's threads wait for, one at a time:
  25 s of the 42 s of a build.
- Cosmos starts a worker for each task, which finds nothing yet, hands over to a trigger, and is started anew to read
  the trigger's answer. Here the scheduler hands the task to the triggerer at once (``dbt_trigger``).
- A model and its tests are one task, as under Cosmos's ``TestBehavior.BUILD``, which its watchers do not have: each
  step down the graph costs Airflow three seconds, whatever it does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.triggers.base import StartTriggerArgs
from cosmos import settings
from cosmos.operators._watcher.base import _log_dbt_msg
from cosmos.operators._watcher.state import get_dbt_event_xcom_key, is_dbt_node_status_failed
from cosmos.operators.watcher import DbtProducerWatcherOperator, DbtRunWatcherOperator

from include.orchestration.dbt_trigger import TESTS_FAILED, ModelTrigger

FAILED_TESTS: Final = "failed_tests"
"""XCom of a model's task: the names of its tests that failed."""
FLAGS: Final = ("--exclude-resource-type", "unit_test")
"""Unit tests check the models' code, which CI does; a build checks data."""

_POLL_S: Final = 2.0
_REPORTED: Final = frozenset(
    {"NodeFinished", "SkippingDetails", "LogSkipBecauseError", "MainReportVersion", "AdapterRegistered"}
)
"""The events of dbt that tell the models' tasks something: what became of a node, and why it was left out."""


class DbtBuild(DbtProducerWatcherOperator):  # type: ignore[misc]
    """The task that runs dbt, and reports each node once."""

    def execute(self, context: Any, **kwargs: Any) -> Any:
        """Run the build.

        Raises:
            AirflowFailException: a node failed, or dbt itself. Cosmos's second try would only skip itself; each model
                that was not built is tried again by its own task.
        """
        settings.enable_watcher_reliable_retry = False
        try:
            return super().execute(context, **kwargs)
        except AirflowSkipException:
            raise
        except Exception as error:
            raise AirflowFailException(f"{error} The tasks of the models say which.") from error

    def _make_parse_callable(self) -> Callable[[str, Any], None]:
        report = super()._make_parse_callable()

        def parse(line: str, extra: Any) -> None:
            event = read_event(line)
            if event is None:
                report(line, extra)
            elif event["info"]["name"] in _REPORTED:
                report(json.dumps(event), extra)
            else:
                _log_dbt_msg(event)

        return parse


class DbtModel(DbtRunWatcherOperator):  # type: ignore[misc]
    """The task of one model.

    Attributes:
        tests: the unique ids of its tests.
    """

    base_cmd: ClassVar[list[str]] = ["build"]  # when it is tried again and runs dbt itself
    tests: Sequence[str] = ()

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        """Fail, or run the model, as the trigger says.

        Raises:
            AirflowFailException: a test failed; the same again would find the same, so it is not tried again.
            AirflowException: the model was not built.
        """
        if event.get("reason") != TESTS_FAILED:
            super().execute_complete(context, event)
            return
        ti = context["ti"]
        failed = {}
        for test in self.tests:
            found = ti.xcom_pull(task_ids=self.producer_task_id, key=get_dbt_event_xcom_key(test)) or {}
            if is_dbt_node_status_failed(found.get("status")):
                failed[test.split(".")[2]] = found.get("msg")
        ti.xcom_push(key=FAILED_TESTS, value=list(failed))
        reasons = "".join(f"\n  {name}: {message}" for name, message in failed.items())
        raise AirflowFailException(
            f"{self.model_unique_id} was built, and tests of it failed:{reasons}\n"
            f"`dbt test --select {self.model_unique_id.split('.')[2]}` shows the rows."
        )


def read_event(line: str) -> dict[str, Any] | None:
    """dbt's event; ``None`` for a line of another's, such as what a driver prints.

    A test of two models that was left out because one of them failed counts as passed: it says nothing of the other.
    """
    try:
        event = dict(json.loads(line))
    except json.JSONDecodeError:
        return None
    node = event.get("data", {}).get("node_info") or {}
    if node.get("resource_type") == "test" and node.get("node_status") == "skipped":
        node["node_status"] = "pass"
    return event


def follow_build(task: Any, tests: Sequence[str]) -> None:
    """Make one of Cosmos's watching tasks a :class:`DbtModel` that the scheduler hands to the triggerer."""
    task.__class__ = DbtModel  # Cosmos takes no class of ours
    task.tests = tests
    task.dbt_cmd_flags = [*FLAGS]
    task.indirect_selection = "buildable"  # the tests that dbt would run after this model
    task.start_from_trigger = True
    task.start_trigger_args = StartTriggerArgs(
        trigger_cls=f"{ModelTrigger.__module__}.{ModelTrigger.__qualname__}",
        trigger_kwargs={
            "model_unique_id": task.model_unique_id,
            "producer_task_id": task.producer_task_id,
            "has_tests": bool(tests),
            "poke_interval": _POLL_S,
        },
        next_method="execute_complete",
        timeout=task.execution_timeout,
    )
