"""A folder of settings that speaks of machines, over the shared files as shipped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.settings import CONFIG_DIR
from include.settings.models import SECTIONS

SOURCES = {
    "time_zone": "Europe/Berlin",
    "sources": {
        "readings": {
            "kind": "files",
            "path": "readings/{day}.csv",
            "format": "csv",
            "grain": "daily",
            "key": ["machine_id"],
            "event_column": "measured_at",
            "columns": {"machine_id": {"type": "int64"}, "measured_at": {"type": "timestamp"}},
        }
    },
}
FAILURES: dict[str, Any] = {
    "description": "Machines that will fail in the next week.",
    "owner": "maintenance",
    "task": "binary",
    "label": "failure_labels.failed",
    "features": {"groups": ["machine_readings"]},
    "trainer": "ada",
}

WriteModel = Callable[..., Path]


@pytest.fixture
def config_dir(tmp_path: Path) -> Path:
    """The shared files and one source; no model."""
    for name in SECTIONS:
        shutil.copy(CONFIG_DIR / f"{name}.yml", tmp_path)
    (tmp_path / "sources.yml").write_text(yaml.safe_dump(SOURCES))
    (tmp_path / "models").mkdir()
    return tmp_path


@pytest.fixture
def write_model(config_dir: Path) -> WriteModel:
    """Writes a model's file: the usual content with changes; a change to None takes a key away."""

    def write(name: str = "failures", **changes: Any) -> Path:
        content = {key: value for key, value in {**FAILURES, **changes}.items() if value is not None}
        path = config_dir / "models" / f"{name}.yml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write
