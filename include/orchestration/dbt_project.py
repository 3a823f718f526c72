"""The dbt project as Airflow tasks: Cosmos configuration and a manifest that is never stale.

Cosmos renders the DAG from dbt's manifest, which costs milliseconds to read where ``dbt ls`` costs
seconds in every task. The manifest is made again when a file of the project is newer, so that an
analyst who saves a model sees it in the next run.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.errors import SettingsError
from include.orchestration.connections import WAREHOUSE
from include.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from cosmos import DbtTaskGroup

DBT_DIR: Final = PROJECT_ROOT / "dbt"
_PARTS: Final = ("models", "macros", "data-tests", "seeds", "snapshots", "dbt_project.yml")


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


def dbt_models(group_id: str, dbt_vars: dict[str, Any], callback: Any) -> DbtTaskGroup:
    """The project's models as one task group, each followed by its tests.

    ``ExecutionMode.WATCHER`` runs one ``dbt build``; the tasks follow its progress. Measured by
    ``make bench NAME=dbt`` against one dbt process per task (``docs/decisions``).

    Args:
        dbt_vars: handed to dbt as ``--vars``.
        callback: called with the folder of dbt's artifacts after the build; reports lineage.
    """
    from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
    from cosmos.constants import ExecutionMode, LoadMode, TestBehavior
    from cosmos.profiles import PostgresUserPasswordProfileMapping

    return DbtTaskGroup(
        group_id=group_id,
        project_config=ProjectConfig(
            dbt_project_path=DBT_DIR,
            manifest_path=ensure_manifest(),
            install_dbt_deps=False,
            project_name="orrery",
        ),
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
        ),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.WATCHER,
            # Unit tests check the models' code, which CI does; a build checks data.
            setup_operator_args={"dbt_cmd_flags": ["--exclude-resource-type", "unit_test"]},
        ),
        operator_args={"vars": dbt_vars, "callback": callback, "install_deps": False, "poke_interval": 2},
    )
