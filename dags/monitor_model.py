"""
### Monitor the model

Joins the outcomes that have become known, measures the champion on them, compares today's features
and scores with those of training (PSI and KS per feature), and decides whether to retrain. A
request to retrain starts `train_candidates`; a cool-down keeps it from storming.

**When it fails**: the warehouse or MLflow is away; it retries. Thresholds and the cool-down stand in
`include/config/monitoring.yml`; each decision with its numbers is in `monitoring.decisions`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include.assets import PREDICTIONS, RETRAIN_REQUESTED
from include.orchestration.assets import asset
from include.orchestration.connections import mlflow_uri, warehouse_uri
from include.orchestration.defaults import dag_defaults
from include.orchestration.lineage import traced
from include.settings import load_settings

SETTINGS = load_settings()


@dag(dag_id="monitor_model", schedule=asset(PREDICTIONS), **dag_defaults(__doc__, "monitoring"))
def monitor_model() -> None:
    """Wire the hop."""

    @task
    @traced
    def measure() -> dict[str, Any]:
        """Join outcomes, measure performance and drift, decide."""
        from include.monitoring.monitor import monitor_champion

        name, run_id = SETTINGS.training.model_name, get_current_context()["run_id"]
        return monitor_champion(warehouse_uri(), mlflow_uri(), name, SETTINGS.monitoring, run_key=run_id)

    @task(outlets=[asset(RETRAIN_REQUESTED)])
    def request_retraining(measured: dict[str, Any]) -> list[str]:
        """Pass the request on with its reasons; skip when the model may stay."""
        if measured["action"] != "retrain":
            raise AirflowSkipException(f"The champion stays: {'; '.join(measured['reasons'])}")
        return list(measured["reasons"])

    request_retraining(measure())


monitor_model()
