"""
### Monitor the model

Joins the outcomes that have become known, measures the champion on them, compares the newest features
and scores with those of training, and decides whether to retrain. A request to retrain starts
`<model>.train_candidates`; a cool-down limits how often it asks.

`compare_served` compares the features that the model server has used since the last run with the feature
tables, and fails with the feature, the entity and both values where they differ (`monitoring.served_checks`). It
stops nothing else.

**When it fails**: the warehouse or MLflow is away; it retries. Thresholds and the cool-down stand in
`include/config/monitoring.yml` and in the model's file; each decision with its numbers is in
`monitoring.decisions`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include.assets import predictions_of, retrain_requested_of
from include.orchestration.assets import asset
from include.orchestration.connections import mlflow_uri, warehouse_uri
from include.orchestration.defaults import model_defaults
from include.orchestration.lineage import traced
from include.orchestration.models import declared_models, name_dag
from include.settings.models import ModelSettings


def monitor_model(model: ModelSettings) -> None:
    """Make the DAG of one model."""

    @dag(
        dag_id=name_dag(model.name, "monitor_model"),
        schedule=asset(predictions_of(model.name)),
        **model_defaults(__doc__, model, "monitoring"),
    )
    def wire() -> None:
        @task
        @traced
        def measure() -> dict[str, Any]:
            """Join outcomes, measure performance and drift, decide."""
            from include.monitoring.monitor import monitor_champion
            from include.orchestration.models import find_spec
            from include.orchestration.told_events import tell_monitoring

            uri, run_id = warehouse_uri(), get_current_context()["run_id"]
            measured = monitor_champion(uri, mlflow_uri(), model, find_spec(model), run_key=run_id)
            return tell_monitoring(uri, model.name, measured)

        @task(outlets=[asset(retrain_requested_of(model.name))])
        def request_retraining(measured: dict[str, Any]) -> list[str]:
            """Pass the request on with its reasons; skip when the model may stay."""
            if measured["action"] != "retrain":
                raise AirflowSkipException(f"The champion stays: {'; '.join(measured['reasons'])}")
            return list(measured["reasons"])

        @task
        @traced
        def compare_served() -> dict[str, Any]:
            """Compare served features with the feature tables."""
            from include.feature_quality.served import check_served
            from include.orchestration.models import find_spec

            return check_served(warehouse_uri(), find_spec(model), get_current_context()["run_id"]).summarise()

        request_retraining(measure())
        compare_served()

    wire()


for declared in declared_models("monitor_model"):
    monitor_model(declared)
