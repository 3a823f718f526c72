"""The plant of ``plant_project.py`` as files, and the checks of its parts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path

import pytest

from include.check.columns import read_model_columns
from include.check.contracts import check_contracts
from include.check.dbt import check_dbt
from include.check.finding import Finding
from include.check.settings import Declared, check_settings
from include.features.catalog import read_catalog
from include.features.manifest import hash_project
from include.settings import CONFIG_DIR
from include.settings.models import SECTIONS
from tests.unit.check.plant_project import MODEL, SOURCES, PlantProject, load_sources

DAY = date(2026, 3, 2)


@pytest.fixture
def config_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shared files as shipped, the plant's source and its model."""
    folder = tmp_path / "config"
    (folder / "models").mkdir(parents=True)
    for name in (*SECTIONS, "features"):
        shutil.copy(CONFIG_DIR / f"{name}.yml", folder)
    (folder / "sources.yml").write_text(SOURCES)
    (folder / "models" / "failures.yml").write_text(MODEL)
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(folder))
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path / "home"))
    for name in ("ORRERY_WAREHOUSE_URI", "AIRFLOW_CONN_WAREHOUSE", "ORRERY_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of the source's files: three days of readings."""
    write_readings(tmp_path / "inbox" / "readings", 3)
    return tmp_path / "inbox"


def write_readings(folder: Path, count: int) -> None:
    """Files of several days."""
    folder.mkdir(parents=True)
    for offset in range(count):
        day = DAY + timedelta(days=offset)
        (folder / f"{day}.csv").write_text(f"machine_id,heat,measured_at\nm1,71.5,{day}T08:00:00Z\n")


@pytest.fixture
def project() -> PlantProject:
    """The plant's dbt project."""
    return PlantProject()


@pytest.fixture
def use_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[PlantProject], Path]:
    """Writes a project and has the manifest made of it."""

    def use(project: PlantProject) -> Path:
        folder = project.write(tmp_path / "dbt")
        monkeypatch.setattr("include.features.manifest.DBT_DIR", folder)
        monkeypatch.setattr(hash_project, "__defaults__", (folder,))
        monkeypatch.setenv("ORRERY_DBT_TARGET", str(tmp_path / "target"))
        return folder

    return use


@pytest.fixture
def look_at_settings(config_dir: Path) -> Callable[..., list[Finding]]:
    """Checks the settings."""

    def look(model: str | None = None, declared: Declared | None = None) -> list[Finding]:
        return list(check_settings(config_dir, "development", model, declared or Declared()))

    return look


@pytest.fixture
def look_at_dbt(
    project: PlantProject, config_dir: Path, use_project: Callable[[PlantProject], Path]
) -> Callable[..., list[Finding]]:
    """Checks the dbt project, and the contracts with the declared model."""

    def look(sources: str = SOURCES) -> list[Finding]:
        use_project(project)
        (config_dir / "sources.yml").write_text(sources)
        manifest, settings, declared = project.parse(), load_sources(sources), Declared()
        list(check_settings(config_dir, "development", None, declared))
        columns, catalog = read_model_columns(manifest, project.variables, settings), read_catalog(manifest)
        return [
            *check_dbt(manifest, catalog, project.variables, settings, columns, config_dir / "sources.yml"),
            *check_contracts(manifest, catalog, columns, declared.models, config_dir / "models"),
        ]

    return look


def faults(findings: Iterable[Finding]) -> list[Finding]:
    """What cannot work."""
    return [one for one in findings if one.mark == "fault"]


def notes(findings: Iterable[Finding]) -> list[Finding]:
    """What is worth knowing."""
    return [one for one in findings if one.mark == "note"]


def only(findings: list[Finding]) -> Finding:
    """The one finding of a list."""
    assert len(findings) == 1, [one.describe() for one in findings]
    return findings[0]
