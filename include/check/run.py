"""All checks, one after another; none keeps another from being made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from include.check import contracts, database, dbt, settings, sources
from include.check.columns import ModelColumns, read_model_columns
from include.check.finding import Finding, Reporter
from include.check.variables import read_variables
from include.errors import SettingsError
from include.features import manifest as dbt_manifest
from include.features.catalog import Catalog, read_catalog
from include.settings import resolve_environment
from include.settings.section import Environment
from include.settings.sources import sources_root


def run_checks(folder: Path, model: str | None, variables: Mapping[str, str]) -> Iterator[Finding]:
    """Everything that is declared in a folder of settings and in the dbt project.

    Args:
        model: of the models, this one alone.
        variables: of the process, such as ``ORRERY_ENVIRONMENT`` and ``AIRFLOW_CONN_…``.
    """
    environment: Environment = "development"
    try:
        environment = resolve_environment(variables.get("ORRERY_ENVIRONMENT"))
    except SettingsError as error:
        yield Reporter("settings").fault("ORRERY_ENVIRONMENT", str(error), "Development is looked at instead")
    declared = settings.Declared()
    report = Reporter("settings")
    yield from report.guard("settings", lambda: settings.check_settings(folder, environment, model, declared))
    config = folder / "sources.yml"
    known = declared.sources
    if known is not None:
        root = sources_root(known)
        yield from Reporter("sources").guard("sources", lambda: sources.check_sources(known, config, root, variables))
    else:
        yield Reporter("sources").note("sources", "not looked at while sources.yml is wrong", "Correct it first")
    project = _Project()
    yield from _check_dbt(project, declared, config)
    if project.catalog is not None:
        catalog = project.catalog
        yield from Reporter("contracts").guard(
            "contracts",
            lambda: contracts.check_contracts(
                project.manifest, catalog, project.columns, declared.models, folder / "models"
            ),
        )
    yield from Reporter("database").guard(
        "warehouse", lambda: database.check_database(variables, declared.sources, project.catalog, declared.models)
    )


class _Project:
    """What could be read of the dbt project."""

    def __init__(self) -> None:
        self.manifest: dict[str, Any] = {}
        self.variables: dict[str, Any] = {}
        self.catalog: Catalog | None = None
        self.columns: dict[str, ModelColumns] = {}


def _check_dbt(project: _Project, declared: settings.Declared, config: Path) -> Iterator[Finding]:
    report = Reporter("dbt")
    yield from report.guard("project", lambda: dbt.parse_project(project.manifest))
    if not project.manifest:
        yield Reporter("contracts").note("contracts", "not looked at: dbt cannot parse the project")
        return

    def read() -> Iterator[Finding]:
        project.variables = read_variables(dbt_manifest.DBT_DIR)
        project.columns = read_model_columns(project.manifest, project.variables, declared.sources)
        project.catalog = read_catalog(project.manifest)
        yield from ()

    yield from report.guard("project", read)
    catalog = project.catalog
    if catalog is not None:
        yield from report.guard(
            "project",
            lambda: dbt.check_dbt(
                project.manifest, catalog, project.variables, declared.sources, project.columns, config
            ),
        )
