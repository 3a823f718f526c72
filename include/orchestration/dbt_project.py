"""The dbt project as Airflow tasks: Cosmos configuration and a manifest that is never stale.

Cosmos renders the DAG from dbt's manifest, which costs milliseconds to read where ``dbt ls`` costs
seconds in every task. The manifest is made again when a file of the project is newer, so that an
analyst who saves a model sees it in the next run.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from include.errors import SettingsError
from include.orchestration.connections import WAREHOUSE
from include.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from cosmos import DbtTaskGroup, ProjectConfig

DBT_DIR: Final = PROJECT_ROOT / "dbt"
_PARTS: Final = ("models", "macros", "data-tests", "seeds", "snapshots", "dbt_project.yml")
_OPERATOR_LINEAGE: Final = "airflow.providers.openlineage.extractors.base"


def target_dir() -> Path:
    """Where dbt keeps its manifest: ``ORRERY_DBT_TARGET``, ``dbt/target``, or a folder of the user's own."""
    configured = os.environ.get("ORRERY_DBT_TARGET")
    if configured:
        return Path(configured)
    if os.access(DBT_DIR, os.W_OK):
        return DBT_DIR / "target"
    return Path(tempfile.gettempdir()) / f"orrery-dbt-{os.getuid()}"


def newest_change(project_dir: Path) -> float:
    """The newest modification time among the project's files, in seconds since the epoch."""
    parts = [project_dir / part for part in _PARTS]
    paths = [path for part in parts if part.exists() for path in (part, *part.rglob("*"))]
    return max((path.stat().st_mtime for path in paths), default=0.0)


def is_stale(manifest: Path, project_dir: Path) -> bool:
    """Whether the manifest is absent or older than a file of the project."""
    return not manifest.exists() or manifest.stat().st_mtime < newest_change(project_dir)


def ensure_manifest() -> Path:
    """The path of a manifest that is as new as the project; made by ``dbt parse`` when it is not.

    Raises:
        SettingsError: dbt cannot parse the project; the message is dbt's own.
    """
    target = target_dir()
    manifest = target / "manifest.json"
    if not is_stale(manifest, DBT_DIR):
        return manifest
    target.mkdir(parents=True, exist_ok=True)
    with (target / ".parse.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_stale(manifest, DBT_DIR):
            parse_project(target)
            manifest.touch()
    return manifest


def parse_project(target: Path) -> None:
    """Run ``dbt parse``; it reads files only and needs no database."""
    command = [
        sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "parse", "--project-dir", str(DBT_DIR),
        "--profiles-dir", str(DBT_DIR), "--target-path", str(target), "--log-path", str(target / "logs"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=DBT_DIR, check=False)
    if done.returncode != 0:
        raise SettingsError(f"dbt cannot parse {DBT_DIR}:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")


def dbt_models(group_id: str, dbt_vars: dict[str, Any], callback: Any, *, is_one_build: bool = True) -> DbtTaskGroup:
    """The project's models as one task group, each followed by its tests.

    Args:
        dbt_vars: handed to dbt as ``--vars``.
        callback: called with the folder of dbt's artifacts after the build; reports lineage.
        is_one_build: one ``dbt build`` whose progress the tasks follow; else one dbt run for each task.
            ``make bench NAME=dbt`` measures both (``docs/decisions``).
    """
    import_cosmos()
    from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, RenderConfig
    from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior
    from cosmos.profiles import PostgresUserPasswordProfileMapping

    operator_args: dict[str, Any] = {"vars": dbt_vars, "callback": callback, "install_deps": False}
    # Unit tests check the models' code, which CI does; a build checks data.
    if is_one_build:
        flags = {"dbt_cmd_flags": ["--exclude-resource-type", "unit_test"]}
        execution = ExecutionConfig(execution_mode=ExecutionMode.WATCHER, setup_operator_args=flags)
        # The tasks defer: awake, they could hold every slot while the build waits for one to be tried again.
        operator_args |= {"poke_interval": 2, "deferrable": True}
    else:
        # The flag would reach `dbt run` too, which does not know it.
        operator_args |= {"env": {"DBT_EXCLUDE_RESOURCE_TYPES": "unit_test"}, "append_env": True}
        execution = ExecutionConfig(execution_mode=ExecutionMode.LOCAL, invocation_mode=InvocationMode.DBT_RUNNER)
    return DbtTaskGroup(
        group_id=group_id,
        project_config=_describe_project(ensure_manifest()),
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
