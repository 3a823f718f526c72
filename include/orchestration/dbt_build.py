"""One ``dbt build``, and the task of each of its models, which ends when the model is built and its tests have passed.

Cosmos's own classes, with these differences, measured on two cores (``docs/decisions``, 2):

- Cosmos reports each of dbt's events to Airflow, in requests that dbt's threads wait for. Here a thread of its own
  reports what became of the nodes, once a second (``dbt_reports``).
- Cosmos starts a worker for each task, which finds nothing yet, hands over to a trigger, and is started anew to read
  the trigger's answer. Here the scheduler hands the task to the triggerer, which ends it, but for failures
  (``dbt_trigger``).
- A task follows dbt and not the tasks upstream, which dbt knows better: each step down the graph would cost Airflow
  three seconds.
- A model and its tests are one task, as under Cosmos's ``TestBehavior.BUILD``, which its watchers do not have.
- Cosmos tries a build that failed not again, and each model by itself. Here the build is tried again, once for all.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import StartTriggerArgs
from cosmos.dbt.project import change_working_directory, environ
from cosmos.operators.watcher import DbtProducerWatcherOperator, DbtRunWatcherOperator, _StdoutFilter

from include.features.manifest import DBT_DIR, read_parsed
from include.orchestration.dbt_flags import FLAGS, skip_flag_lookup
from include.orchestration.dbt_reports import BuildReports
from include.orchestration.dbt_trigger import (
    FAIL,
    FAILED_TESTS,
    CalledModelTrigger,
    ModelTrigger,
    describe_failed_tests,
    list_tests,
)

_POLL_S: Final = 0.25
_AFTERWARDS: Final = 10
"""How much less of the processor this task asks for (nice) once dbt is done."""
_BROKEN: Final = frozenset({"error", "runtime error"})


class TestsFailedError(Exception):
    """Tests that dbt could run, and that failed, while all else went well: name and message of each."""

    def __init__(self, tests: Mapping[str, str | None]) -> None:
        super().__init__(", ".join(tests))
        self.tests = tests


def check_result(result: Any) -> None:
    """Tell tests that failed from what dbt could not do.

    Args:
        result: ``dbtRunnerResult``.

    Raises:
        TestsFailedError: nothing but tests failed.
    """
    results = [] if result.success or result.exception else result.result.results
    failed = {item.node.name: item.message for item in results if item.status == "fail"}
    if failed and not any(item.status in _BROKEN for item in results):
        raise TestsFailedError(failed)


def run_dbt(task: Any, command: list[str], env: dict[str, str], cwd: str) -> Any:
    """Run dbt as Cosmos does, on the project as it was parsed before; dbt parses it itself where that is outdated.

    Args:
        task: of Cosmos.
        command: with the name of the program first.
        env: added to this process's environment meanwhile.
        cwd: the copy of the project.

    Returns:
        ``dbtRunnerResult``.
    """
    from dbt.adapters.factory import FACTORY
    from dbt.cli.main import dbtRunner

    with change_working_directory(cwd), environ(env), skip_flag_lookup():
        parsed = None
        if Path(task.project_dir) == DBT_DIR and not task.vars:
            parsed = read_parsed(task.profile_config.profile_mapping.get_dbt_value("dbname"), os.environ)
        try:
            return dbtRunner(parsed, task._dbt_runner_callbacks).invoke(command[1:])
        finally:
            FACTORY.reset_adapters()  # type: ignore[no-untyped-call]  # they hold semaphores


def skip_report(*_: Any) -> bool:
    """In place of Cosmos's report of a run, which takes seconds and which the callback would discard."""
    return False


class DbtBuild(DbtProducerWatcherOperator):  # type: ignore[misc]
    """The task that runs dbt, and reports what became of the nodes.

    Attributes:
        begin: is called with the context before dbt starts; may skip the task, and with it the build.
    """

    begin: Callable[[Any], None] | None = None
    calculate_openlineage_events_completes = skip_report

    def execute(self, context: Any, **kwargs: Any) -> Any:
        """Run the build. When it is tried again, dbt finds what is built already.

        Raises:
            AirflowFailException: a test failed; the same data would fail the same test again.
            AirflowSkipException: ``begin`` finds nothing to build.
            CosmosDbtRunError: dbt could not do its work.
        """
        if self.begin is not None:
            self.begin(context)
        try:
            return super(DbtProducerWatcherOperator, self).execute(context=context, **kwargs)
        except TestsFailedError as error:
            context["ti"].xcom_push(key=FAILED_TESTS, value=list(error.tests))
            raise AirflowFailException(f"Tests failed: {list_tests(error.tests)}") from None

    def run_dbt_runner(self, command: list[str], env: dict[str, str], cwd: str, **kwargs: Any) -> Any:
        """Run dbt, with its lines in the task's log and its nodes reported."""
        ti = kwargs["context"]["ti"]
        with BuildReports(ti.xcom_push, Path(cwd), ti.try_number) as reports:
            self._dbt_runner_callbacks = [*(self._dbt_runner_callbacks or []), reports.take]  # type: ignore[has-type]
            with contextlib.redirect_stdout(_StdoutFilter()):
                result = run_dbt(self, command, env, cwd)
        # What is left, lineage above all, is nobody's wait; the tasks that publish what was built are.
        os.nice(_AFTERWARDS)
        return result

    def handle_exception_dbt_runner(self, result: Any) -> None:
        """Raise what :func:`check_result` finds, else Cosmos's own error of a run that failed."""
        check_result(result)
        super().handle_exception_dbt_runner(result)


class DbtModel(DbtRunWatcherOperator):  # type: ignore[misc]
    """The task of one model.

    Attributes:
        tests: the names of its tests, by unique id.
    """

    base_cmd: ClassVar[list[str]] = ["build"]  # when it runs dbt itself
    calculate_openlineage_events_completes = skip_report
    tests: Mapping[str, str] = MappingProxyType({})

    def execute(self, context: Any, **_: Any) -> None:
        """Build the model here, where nobody asks the triggerer (``airflow tasks test``).

        Raises:
            AirflowFailException: tests of the model failed.
            CosmosDbtRunError: dbt could not do its work.
        """
        context["ti"].xcom_push(key=FAILED_TESTS, value=[])  # what an earlier try has found may not stay
        # By name: of a test of two models, dbt takes the other one for missing when it is not selected.
        name = self.model_unique_id.split(".")[2]
        self.select = " ".join([name, *self.tests.values()])
        self.indirect_selection = "empty"
        try:
            self.build_and_run_cmd(context)
        except TestsFailedError as error:
            context["ti"].xcom_push(key=FAILED_TESTS, value=list(error.tests))
            raise AirflowFailException(describe_failed_tests(name, error.tests)) from None

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        """Do what the trigger leaves to a worker: fail with its reason, or build the model.

        Raises:
            AirflowFailException: the model was not built, or tests of it failed. The build was tried again already.
            CosmosDbtRunError: dbt could not do its work here.
        """
        if event["status"] == FAIL:
            context["ti"].xcom_push(key=FAILED_TESTS, value=event[FAILED_TESTS])
            raise AirflowFailException(event["reason"])
        self.execute(context)

    def run_dbt_runner(self, command: list[str], env: dict[str, str], cwd: str, **_: Any) -> Any:
        """Run dbt; see :func:`run_dbt`."""
        return run_dbt(self, command, env, cwd)

    def handle_exception_dbt_runner(self, result: Any) -> None:
        """Raise what :func:`check_result` finds, else Cosmos's own error of a run that failed."""
        check_result(result)
        super().handle_exception_dbt_runner(result)


def report_build(task: Any, begin: Callable[[Any], None] | None) -> None:
    """Make Cosmos's task that runs dbt a :class:`DbtBuild`."""
    task.__class__ = DbtBuild  # Cosmos takes no class of ours
    task.begin = begin
    task.dbt_cmd_flags = [*FLAGS]


def follow_build(task: Any, tests: Mapping[str, str]) -> None:
    """Make one of Cosmos's watching tasks a :class:`DbtModel` that the scheduler hands to the triggerer at once."""
    upstream = sorted(task.upstream_task_ids)
    task.__class__ = DbtModel
    task.tests, task.dbt_cmd_flags = tests, [*FLAGS]
    task.trigger_rule = TriggerRule.ALWAYS
    task.start_from_trigger = True
    trigger = CalledModelTrigger if task.on_success_callback else ModelTrigger
    task.start_trigger_args = StartTriggerArgs(
        trigger_cls=f"{trigger.__module__}.{trigger.__qualname__}",
        trigger_kwargs={
            "model": task.model_unique_id,
            "build_task": task.producer_task_id,
            "tests": dict(tests),
            "upstream": upstream,
            "poll_interval_s": _POLL_S,
        },
        next_method="execute_complete",
        timeout=task.execution_timeout,
    )
