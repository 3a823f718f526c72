"""The dbt project as Airflow tasks, rendered by Cosmos.

Cosmos renders the DAG from dbt's manifest, which costs milliseconds to read where ``dbt ls`` costs
seconds in every task; ``include/features/manifest.py`` keeps the manifest as new as the project.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from include.features.manifest import DBT_DIR, find_manifest
from include.orchestration.connections import WAREHOUSE

if TYPE_CHECKING:
    from cosmos import DbtTaskGroup, ProjectConfig

_OPERATOR_LINEAGE: Final = "airflow.providers.openlineage.extractors.base"


def dbt_models(group_id: str, callback: Any, *, is_one_build: bool = True) -> DbtTaskGroup:
    """The project's models as one task group, each followed by its tests.

    Args:
        callback: called with the folder of dbt's artifacts after the build; reports lineage.
        is_one_build: one ``dbt build`` whose progress the tasks follow; else one dbt run for each task.
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
    # Unit tests check the models' code, which CI does; a build checks data.
    if is_one_build:
        flags = {"dbt_cmd_flags": ["--exclude-resource-type", "unit_test"]}
        execution = ExecutionConfig(execution_mode=ExecutionMode.WATCHER, setup_operator_args=flags)
    else:
        # The flag would reach `dbt run` too, which does not know it.
        operator_args |= {"env": {"DBT_EXCLUDE_RESOURCE_TYPES": "unit_test"}, "append_env": True}
        execution = ExecutionConfig(execution_mode=ExecutionMode.LOCAL, invocation_mode=InvocationMode.DBT_RUNNER)
    group = DbtTaskGroup(
        group_id=group_id,
        project_config=_describe_project(find_manifest(is_strict=True)),
        profile_config=ProfileConfig(
            profile_name="orrery",
            target_name="airflow",
            profile_mapping=PostgresUserPasswordProfileMapping(
                conn_id=WAREHOUSE, profile_args={"schema": "features", "threads": 2}
            ),
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.AFTER_EACH,
            emit_datasets=False,
            exclude=["resource_type:exposure"],
            # One dbt run for each task would run a test of two models when only the first of them is there.
            should_detach_multiple_parents_tests=not is_one_build,
        ),
        execution_config=execution,
        operator_args=operator_args,
    )
    if is_one_build:
        from include.orchestration.dbt_producer import SparseProducer
        from include.orchestration.dbt_trigger import start_in_triggerer

        nodes = group.dbt_graph.nodes
        producer = group.tasks_map[PRODUCER_WATCHER_TASK_ID]
        producer.__class__ = SparseProducer  # Cosmos takes no class of ours
        producer.tests_per_model = assign_tests(
            producer.tests_per_model, {unique_id: node.depends_on for unique_id, node in nodes.items()}
        )
        for task in group.iter_tasks():
            if hasattr(task, "producer_task_id"):
                start_in_triggerer(task)
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


def find_task(group: DbtTaskGroup, dbt_model: str) -> Any:
    """The tasks of one dbt model in the group: its run and its tests."""
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
