"""Links from Airflow's navigation to the rest of the house: MLflow and the model server."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin


def find_views(environment: dict[str, str]) -> list[dict[str, Any]]:
    """One navigation link for each address that is set in the environment; MLflow opens on the experiments."""
    links = {"MLflow": ("ORRERY_MLFLOW_URI", "/#/experiments"), "Model server": ("ORRERY_MODEL_SERVER_URL", "")}
    return [
        {"name": name, "href": environment[variable].rstrip("/") + page, "destination": "nav", "category": "browse"}
        for name, (variable, page) in links.items()
        if environment.get(variable)
    ]


class OrreryPlugin(AirflowPlugin):
    """Registers the links."""

    name = "orrery"
    external_views: ClassVar[list[dict[str, Any]]] = find_views(dict(os.environ))
