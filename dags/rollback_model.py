"""
### Roll back the model

Puts an earlier champion back, at once and without a canary, and ends a canary if one runs. The model server
follows within a second; no request is lost. A rerun changes nothing. A version that was never champion is
refused: the way into production is training, approval and canary.

**Parameters**: `version`, `reason` (kept in `serving.rollout_events`) and `override`: in an emergency an approver who
did not train the version puts it into production although it was never champion; the event keeps who did.

**When it fails**: there is no such version, or it was never champion (the message lists those that were), or
somebody changed the rollout at the same moment (clear the task).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from include.assets import champion_of
from include.orchestration.assets import asset
from include.orchestration.connections import mlflow_uri, warehouse_uri
from include.orchestration.defaults import model_defaults
from include.orchestration.lineage import traced
from include.orchestration.models import declared_models, name_dag
from include.settings.models import ModelSettings


def rollback_model(model: ModelSettings) -> None:
    """Make the DAG of one model."""

    @dag(
        dag_id=name_dag(model.name, "rollback_model"),
        schedule=None,
        params={
            "version": Param(type="integer", minimum=1),
            "reason": Param(type="string", minLength=3),
            "override": Param(False, type="boolean", description="also if it was never champion; approvers only"),
        },
        **model_defaults(__doc__, model, "deployment"),
    )
    def wire() -> None:
        @task(outlets=[asset(champion_of(model.name))])
        @traced
        def restore() -> dict[str, Any]:
            """Make the version champion again."""
            from include.orchestration.deployment import restore_version

            context = get_current_context()
            version, reason, override = (context["params"][key] for key in ("version", "reason", "override"))
            person = (context["dag_run"].triggering_user_name or "") if override else None
            return restore_version(warehouse_uri(), mlflow_uri(), version, reason, model, person)

        restore()

    wire()


for declared in declared_models("rollback_model"):
    rollback_model(declared)
