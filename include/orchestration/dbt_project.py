"""The dbt project as Airflow tasks, rendered by Cosmos.

Cosmos renders the DAG from dbt's manifest, which costs milliseconds to read where ``dbt ls`` costs
seconds in every task; ``include/features/manifest.py`` keeps the manifest as new as the project.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from include.errors import SettingsError
from include.features.manifest import DBT_DIR, find_manifest
from include.features.parsed import PROFILE_TARGET
from include.orchestration.connections import WAREHOUSE

if TYPE_CHECKING:
    from cosmos import DbtTaskGroup, ProjectConfig

_OPERATOR_LINEAGE: Final = "airflow.providers.openlineage.extractors.base"


def dbt_models(
    group_id: str, callback: Any, *, begin: Callable[[Any], None] | None = None, is_one_build: bool = True
) -> DbtTaskGroup:
    """The project's models as one task group, each built and then tested.

    Args:
        callback: called with the folder of dbt's artifacts after the build; reports lineage.
        begin: called with the task's context before the one build; may skip it.
        is_one_build: one ``dbt build`` that the tasks follow, one task a model; else one dbt run for each task, and
            the tests of a model as a task of their own.
            ``make bench NAME=dbt`` measures both (``docs/decisions``).

    Raises:
        ManifestMissingError: there is no manifest yet; it is being made, and the next parse finds it.
        SettingsError: dbt cannot parse the project; the message is dbt's own.
    """
    import_cosmos()
    from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, RenderConfig
    from cosmos.constants import PRODUCER_WATCHER_TASK_ID, ExecutionMode, InvocationMode, LoadMode, TestBehavior
    from cosmos.profiles import PostgresUserPasswordProfileMapping

    operator_args: dict[str, Any] = {"callback": callback, "install_deps": False}
    if is_one_build:
        execution = ExecutionConfig(execution_mode=ExecutionMode.WATCHER)
        render = {
            "test_behavior": TestBehavior.NONE,
            **dict.fromkeys(("normalize_task_id", "normalize_task_display_name"), lambda node: node.name),
        }
    else:
        # A flag would reach `dbt run` too, which does not know it.
        operator_args |= {"env": {"DBT_EXCLUDE_RESOURCE_TYPES": "unit_test"}, "append_env": True}
        execution = ExecutionConfig(execution_mode=ExecutionMode.LOCAL, invocation_mode=InvocationMode.DBT_RUNNER)
        # One dbt run for each task would run a test of two models when only the first of them is there.
        render = {"test_behavior": TestBehavior.AFTER_EACH, "should_detach_multiple_parents_tests": True}
    group = DbtTaskGroup(
        group_id=group_id,
        project_config=_describe_project(find_manifest(is_strict=True)),
        profile_config=ProfileConfig(
            profile_name="orrery",
            target_name=PROFILE_TARGET,
            profile_mapping=PostgresUserPasswordProfileMapping(
                conn_id=WAREHOUSE, profile_args={"schema": "features", "threads": 3}
            ),
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            emit_datasets=False,
            exclude=["resource_type:exposure", "resource_type:operation"],
            **render,
        ),
        execution_config=execution,
        operator_args=operator_args,
    )
    if is_one_build:
        from include.orchestration.dbt_build import follow_build, report_build

        graph = group.dbt_graph
        tests = assign_tests(graph.tests_per_model, {name: node.depends_on for name, node in graph.nodes.items()})
        check_owners(tests, {node.unique_id for node in graph.nodes.values() if node.resource_type.value == "test"})
        report_build(group.tasks_map[PRODUCER_WATCHER_TASK_ID], begin)
        for task in group.iter_tasks():
            if hasattr(task, "producer_task_id"):
                names = {test: graph.nodes[test].name for test in tests.get(task.model_unique_id, [])}
                follow_build(task, names)
    return group


def assign_tests(
    tests_of: Mapping[str, Sequence[str]], depends_on: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Give a test of several models to the last of them: dbt runs it once that one is built.

    Cosmos gives it to each of them. The first one's tests would then end after its descendants are built, and a
    failure would stop everything that depends on the first, where dbt stops what depends on all of them.

    Args:
        tests_of: of each model, its tests.
        depends_on: of each node, what it depends on directly.
    """

    @cache
    def ancestors(node: str) -> frozenset[str]:
        parents = depends_on.get(node, ())
        return frozenset(parents).union(*map(ancestors, parents))

    return {
        model: [test for test in tests if not any(model in ancestors(other) for other in depends_on[test])]
        for model, tests in tests_of.items()
    }


def check_owners(tests_of: Mapping[str, Sequence[str]], tests: Collection[str]) -> None:
    """Refuse a test that no model's task would wait for: it could fail, and everything would go on.

    Raises:
        SettingsError: such as a test of a source alone; it names them.
    """
    if unowned := sorted(set(tests).difference(*tests_of.values())):
        raise SettingsError(
            f"No dbt model has the tests {', '.join(test.split('.')[2] for test in unowned)}, so that nothing would "
            "wait for them: test the staging model that reads the source instead (dbt/models/staging)."
        )


def find_task(group: DbtTaskGroup, dbt_model: str) -> Any:
    """What stands for one dbt model in the group: its task, or a group of its run and its tests."""
    return next(
        task
        for unique_id, task in group.tasks_map.items()
        if unique_id.startswith("model.") and unique_id.endswith(f".{dbt_model}")
    )


def import_cosmos() -> None:
    """Import Cosmos without OpenLineage's client, which takes as long as all else that a parse imports.

    Cosmos wants one class of it, to hand over what an operator has read and written. OpenLineage copies the
    attributes of whatever it is handed, so that a plain namespace does. A process that has the client, as
    those of tasks, uses it.
    """
    if _OPERATOR_LINEAGE not in sys.modules:
        stand_in = ModuleType(_OPERATOR_LINEAGE)
        stand_in.OperatorLineage = SimpleNamespace  # type: ignore[attr-defined]
        sys.modules[_OPERATOR_LINEAGE] = stand_in
        try:
            importlib.import_module("cosmos.operators.local")
        finally:
            del sys.modules[_OPERATOR_LINEAGE]


def _describe_project(manifest: Path) -> ProjectConfig:
    from cosmos import ProjectConfig

    project = ProjectConfig(
        dbt_project_path=DBT_DIR, manifest_path=manifest, install_dbt_deps=False, project_name="orrery"
    )
    # Cosmos makes it a path of an object store, whose look-up loads every provider and plugin: 0.1 s a parse.
    project.manifest_path = manifest
    return project
