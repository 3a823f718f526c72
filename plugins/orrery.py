"""Links and pages in Airflow's navigation, and the listeners of its start: one migrates the warehouse."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from include.candidate_pages.paths import ROOT as CANDIDATES
from include.feature_pages.paths import ROOT as FEATURES
from include.orchestration.migration import MigrateAtStart
from include.orchestration.model_ends import EndQuietly
from include.orchestration.page_apps import PageApp, page_view
from include.quality.page_paths import ROOT as QUALITY


def find_views(environment: dict[str, str]) -> list[dict[str, Any]]:
    """One navigation link for each address that is set in the environment: of MLflow to its experiments."""
    links = {"MLflow": ("ORRERY_MLFLOW_URI", "/#/experiments"), "Model server": ("ORRERY_MODEL_SERVER_URL", "/docs")}
    return [
        {"name": name, "href": environment[variable].rstrip("/") + page, "destination": "nav", "category": "browse"}
        for name, (variable, page) in links.items()
        if environment.get(variable)
    ]


class OrreryPlugin(AirflowPlugin):
    """Registers the links, the pages and the listeners."""

    name = "orrery"
    listeners: ClassVar[list[Any]] = [MigrateAtStart(), EndQuietly()]
    fastapi_apps: ClassVar[list[dict[str, Any]]] = [
        {"app": PageApp(f"include.orchestration.{name}_routes"), "url_prefix": root, "name": name}
        for name, root in (("quality", QUALITY), ("feature", FEATURES), ("candidate", CANDIDATES))
    ]
    external_views: ClassVar[list[dict[str, Any]]] = [
        page_view("Quality", QUALITY, conf.get("api", "base_url", fallback="")),
        page_view("Features", FEATURES, conf.get("api", "base_url", fallback="")),
        page_view("Candidates", CANDIDATES, conf.get("api", "base_url", fallback="")),
        *find_views(dict(os.environ)),
    ]
