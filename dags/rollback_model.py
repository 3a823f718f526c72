"""
### Roll back the model

Puts an earlier version back as champion, at once and without a canary, and ends a canary if one runs.
The model server follows within a second; no request is lost. A rerun changes nothing.

**Parameters**: `version` (the number in MLflow's registry) and `reason` (kept in
`serving.rollout_events`).

**When it fails**: there is no such version (the message says so), or somebody changed the rollout at
the same moment (clear the task).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from include.assets import CHAMPION
from include.orchestration.assets import asset
from include.orchestration.connections import mlflow_uri, warehouse_uri
from include.orchestration.defaults import dag_defaults
from include.orchestration.lineage import traced
from include.settings import load_settings

SETTINGS = load_settings()


@dag(
    dag_id="rollback_model",
    schedule=None,
    params={"version": Param(type="integer", minimum=1), "reason": Param(type="string", minLength=3)},
    **dag_defaults(__doc__, "deployment"),
)
def rollback_model() -> None:
    """Wire the hop."""

    @task(outlets=[asset(CHAMPION)])
    @traced
    def restore() -> dict[str, Any]:
        """Make the version champion again."""
        from include.orchestration.deployment import restore_version

        params = get_current_context()["params"]
        return restore_version(warehouse_uri(), mlflow_uri(), params["version"], params["reason"], SETTINGS)

    restore()


rollback_model()
