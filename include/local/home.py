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


@dataclass(frozen=True)
class StackHome:
    """Paths below one folder; two stacks in two folders have nothing in common."""

    path: Path

    @property
    def state_file(self) -> Path:
        """Ports and processes."""
        return self.path / "stack.json"

    @property
    def secrets_file(self) -> Path:
        """Generated passwords and keys, readable by the owner only."""
        return self.path / "secrets.json"

    @property
    def passwords_file(self) -> Path:
        """Passwords of the Airflow users, in the form that Airflow's SimpleAuthManager reads."""
        return self.path / "airflow-passwords.json"

    @property
    def lock_file(self) -> Path:
        """Held while the stack is being started or stopped."""
        return self.path / "stack.lock"

    @property
    def airflow(self) -> Path:
        """``AIRFLOW_HOME``."""
        return self.path / "airflow"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data folder."""
        return self.path / "postgres"

    @property
    def artifacts(self) -> Path:
        """MLflow's artifacts."""
        return self.path / "mlflow-artifacts"

    @property
    def models(self) -> Path:
        """What the model server has loaded."""
        return self.path / "models"

    @property
    def demo_marker(self) -> Path:
        """The demo's mark: there while one is under way (empty) or was (the data version at its end)."""
        return self.path / "demo" / "data-version"

    @property
    def sources(self) -> Path:
        """Deliveries of the sources."""
        return self.path / "sources"

    @property
    def lineage_spool(self) -> Path:
        """Lineage events on their way to the warehouse."""
        return self.path / "lineage-spool"

    @property
    def dbt_target(self) -> Path:
        """dbt's manifest and run results."""
        return self.path / "dbt-target"

    def log(self, component: str) -> Path:
        """The log file of one component."""
        return self.path / "logs" / f"{component}.log"


def resolve_home(chosen: str | Path | None = None) -> StackHome:
    """The stack's folder: ``chosen``, else ``ORRERY_HOME``, else ``.local`` in the project."""
    path = Path(chosen or os.environ.get("ORRERY_HOME") or DEFAULT_HOME)
    return StackHome(path.expanduser().absolute())


def prepare_home(home: StackHome) -> None:
    """Create the folders, after checking that they can be written and that the disk has room.

    Raises:
        StackError: the folder cannot be written, or the disk is too full.
    """
    needed_gb = LATER_START_GB if (home.postgres / "PG_VERSION").exists() else FIRST_START_GB
    try:
        for folder in (home.path, home.path / "logs", home.airflow, home.artifacts, home.models,
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
    """Refuse to start on a disk that would fill up.

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
