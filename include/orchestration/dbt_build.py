"""One ``dbt build``, and the task of each of its models, which ends when the model is built and its tests have passed.

Cosmos's own classes, with three differences, each measured on the build of 31 models on two cores:

- Cosmos reports to Airflow with each of dbt's events, four to six times a node, and with a copy of all that was
  reported so far for a second try of the build. Each report is a request that dbt's threads wait for, one at a time:
  13 s of the 42 s of a build.
- Cosmos starts a worker for each task, which finds nothing yet, hands over to a trigger, and is started anew to read
  the trigger's answer. Here the scheduler hands the task to the triggerer at once (``dbt_trigger``).
- A model and its tests are one task, as under Cosmos's ``TestBehavior.BUILD``, which its watchers do not have: each
  step down the graph costs Airflow three seconds, whatever it does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final, NoReturn

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.triggers.base import StartTriggerArgs
from cosmos import settings
from cosmos.operators._watcher.base import _log_dbt_msg
from cosmos.operators._watcher.state import get_dbt_event_xcom_key
from cosmos.operators._watcher.xcom import _backup_xcom_to_variable
from cosmos.operators.watcher import DbtProducerWatcherOperator, DbtRunWatcherOperator

from include.orchestration.dbt_trigger import TESTS_FAILED, ModelTrigger

FAILED_TESTS: Final = "failed_tests"
"""XCom of a model's task: the names of its tests that failed."""
FLAGS: Final = ("--exclude-resource-type", "unit_test")
"""Unit tests check the models' code, which CI does; a build checks data."""

_POLL_S: Final = 2.0
_BROKEN: Final = frozenset({"error", "runtime error"})
_REPORTED: Final = frozenset({"NodeFinished", "SkippingDetails", "LogSkipBecauseError"})
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
            raise AirflowFailException(str(error)) from error

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


class TestsFailedError(Exception):
    """Tests of a model that dbt could run, and that failed: name and message of each."""

    def __init__(self, tests: Mapping[str, str | None]) -> None:
        super().__init__(", ".join(tests))
        self.tests = tests


class DbtModel(DbtRunWatcherOperator):  # type: ignore[misc]
    """The task of one model.

    Attributes:
        tests: the names of its tests, by unique id.
    """

    base_cmd: ClassVar[list[str]] = ["build"]  # when it is tried again and runs dbt itself
    tests: Mapping[str, str] = MappingProxyType({})

    def execute(self, context: Any, **_: Any) -> None:
        """Build the model here, where nobody asks the triggerer (``airflow tasks test``)."""
        self._fallback_to_non_watcher_run(1, context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        """Fail, or run the model, as the trigger says.

        Raises:
            AirflowFailException: a test failed; the same again would find the same, so it is not tried again.
            AirflowException: the model was not built, or a test of it could not be run.
        """
        ti = context["ti"]
        ti.xcom_push(key=FAILED_TESTS, value=[])  # what an earlier try has found may not stay
        if event.get("reason") != TESTS_FAILED:
            super().execute_complete(context, event)
            return
        found = {
            name: ti.xcom_pull(task_ids=self.producer_task_id, key=get_dbt_event_xcom_key(test)) or {}
            for test, name in self.tests.items()
        }
        broken = {name: report.get("msg") for name, report in found.items() if report.get("status") in _BROKEN}
        failed = {name: report.get("msg") for name, report in found.items() if report.get("status") == "fail"}
        if broken or not failed:
            raise AirflowException(f"Tests of {self.model_unique_id} could not be run: {list_tests(broken)}")
        self._refuse(ti, failed)

    def handle_exception_dbt_runner(self, result: Any) -> None:
        """Tell tests that failed from what dbt could not do, when the task has run dbt itself.

        Raises:
            TestsFailedError: nothing but tests failed.
            CosmosDbtRunError: dbt could not do its work.
        """
        results = [] if result.success or result.exception else result.result.results
        failed = {item.node.name: item.message for item in results if item.status == "fail"}
        if failed and not any(item.status in _BROKEN for item in results):
            raise TestsFailedError(failed)
        super().handle_exception_dbt_runner(result)

    def _fallback_to_non_watcher_run(self, try_number: int, context: Any) -> bool:  # noqa: ARG002
        # By name: of a test of two models, dbt takes the other one for missing when it is not selected.
        self.select = " ".join([self.model_unique_id.split(".")[2], *self.tests.values()])
        self.indirect_selection = "empty"
        try:
            self.build_and_run_cmd(context)
        except TestsFailedError as error:
            self._refuse(context["ti"], error.tests)
        return True

    def _refuse(self, ti: Any, failed: Mapping[str, str | None]) -> NoReturn:
        ti.xcom_push(key=FAILED_TESTS, value=list(failed))
        model = self.model_unique_id.split(".")[2]
        raise AirflowFailException(
            f"{model} was built, and tests of it failed: {list_tests(failed)}\n"
            f"`dbt test --select {model}` shows the rows."
        )


def list_tests(tests: Mapping[str, str | None]) -> str:
    """A line for each test."""
    return "".join(f"\n  {name}: {message}" for name, message in tests.items())


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


def report_once(task: Any, tests: Mapping[str, Sequence[str]]) -> None:
    """Make Cosmos's task that runs dbt a :class:`DbtBuild`.

    Args:
        tests: of each model, the unique ids of its tests.
    """
    task.__class__ = DbtBuild  # Cosmos takes no class of ours
    task.tests_per_model, task.dbt_cmd_flags = tests, [*FLAGS]
    for name in ("on_retry_callback", "on_failure_callback"):
        callbacks = getattr(task, name) or []
        callbacks = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
        # It would leave a variable behind with all reports, for the second try.
        setattr(task, name, [callback for callback in callbacks if callback is not _backup_xcom_to_variable])


def follow_build(task: Any, tests: Mapping[str, str]) -> None:
    """Make one of Cosmos's watching tasks a :class:`DbtModel` that the scheduler hands to the triggerer."""
    task.__class__ = DbtModel
    task.tests, task.dbt_cmd_flags = tests, [*FLAGS]
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
