"""The folder of one local stack: where each part keeps its things."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from include.errors import StackError
from include.settings import PROJECT_ROOT

DEFAULT_HOME: Final = PROJECT_ROOT / ".local"
FIRST_START_GB: Final = 3.0
LATER_START_GB: Final = 0.5


class _Part:
    """A path below the stack's folder, as an attribute."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, home: StackHome, _: object = None) -> Path:
        return home.path / self._name


@dataclass(frozen=True)
class StackHome:
    """Paths below one folder; two stacks in two folders have nothing in common."""

    path: Path

    lock_file = _Part("stack.lock")  # held while the stack is being started or stopped
    plan_file = _Part("plan.json")  # the components of the last start, with their environments: private
    state_file = _Part("stack.json")  # ports and processes
    secrets_file = _Part("secrets.json")  # generated passwords and keys: private
    passwords_file = _Part("airflow-passwords.json")  # of the Airflow users, as SimpleAuthManager reads them
    demo_marker = _Part("demo/data-version")  # empty while a demo is under way, its data version afterwards
    logs = _Part("logs")
    airflow = _Part("airflow")  # AIRFLOW_HOME
    postgres = _Part("postgres")  # PostgreSQL's data folder
    artifacts = _Part("mlflow-artifacts")
    models = _Part("models")  # what the model server has loaded
    sources = _Part("sources")  # deliveries of the sources
    lineage_spool = _Part("lineage-spool")  # lineage events on their way to the warehouse
    dbt_target = _Part("dbt-target")  # dbt's manifest and run results

    def log(self, component: str) -> Path:
        """The log file of one component."""
        return self.logs / f"{component}.log"

    def start_log(self, component: str) -> Path:
        """An empty log file; what the last start wrote is kept beside it."""
        log = self.log(component)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        log.touch(mode=0o600)
        return log


def resolve_home(chosen: StackHome | str | Path | None = None) -> StackHome:
    """The stack's folder: ``chosen``, else ``ORRERY_HOME``, else ``.local`` in the project."""
    if isinstance(chosen, StackHome):
        return chosen
    path = Path(chosen or os.environ.get("ORRERY_HOME") or DEFAULT_HOME)
    return StackHome(path.expanduser().absolute())


def prepare_home(home: StackHome) -> None:
    """Create the folders, after checking that they can be written and that the disk has room.

    Raises:
        StackError: the folder cannot be written, or the disk is too full.
    """
    needed_gb = LATER_START_GB if (home.postgres / "PG_VERSION").exists() else FIRST_START_GB
    try:
        for folder in (home.logs, home.airflow, home.artifacts, home.models,
                       home.sources, home.lineage_spool, home.dbt_target):  # fmt: skip
            folder.mkdir(parents=True, exist_ok=True)
        probe = home.path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StackError(
            f"The stack's folder {home.path} cannot be written: {error.strerror or error}. "
            "Make it writable, or choose another one with --home or ORRERY_HOME."
        ) from error
    check_disk(home.path, needed_gb, shutil.disk_usage(home.path).free / 1e9)


def check_disk(path: Path, needed_gb: float, free_gb: float) -> None:
    """Refuse to go on with a disk that would fill up.

    Raises:
        StackError: names the path, what is needed and what is free.
    """
    if free_gb < needed_gb:
        raise StackError(
            f"The stack needs {needed_gb:.1f} GB in {path}, and only {free_gb:.1f} GB are free. "
            "Free some space, or choose another disk with --home or ORRERY_HOME."
        )


def claim_interrupted_demo(home: StackHome) -> None:
    """Mark what an interrupted demo has left as no longer the demo's, before anybody adds to it."""
    if home.demo_marker.exists() and not home.demo_marker.read_text(encoding="utf-8"):
        home.demo_marker.write_text("taken over", encoding="utf-8")
