"""Links in Airflow's navigation, and the listener that migrates the warehouse when Airflow starts."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from include.orchestration.migration import MigrateAtStart


def find_views(environment: dict[str, str]) -> list[dict[str, Any]]:
    """One navigation link for each address that is set in the environment; MLflow opens on the experiments."""
    links = {"MLflow": ("ORRERY_MLFLOW_URI", "/#/experiments"), "Model server": ("ORRERY_MODEL_SERVER_URL", "")}
    return [
        {"name": name, "href": environment[variable].rstrip("/") + page, "destination": "nav", "category": "browse"}
        for name, (variable, page) in links.items()
        if environment.get(variable)
    ]


class OrreryPlugin(AirflowPlugin):
    """Registers the links and the listener."""

    name = "orrery"
    listeners: ClassVar[list[Any]] = [MigrateAtStart()]
    external_views: ClassVar[list[dict[str, Any]]] = find_views(dict(os.environ))
