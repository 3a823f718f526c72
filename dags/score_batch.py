"""
### Score batch

Scores every customer with the champion, one partition of `ml.predictions` per as-of date. The
as-of dates since the champion's test cutoff are filled in too, so that outcomes become known day by
day. A rerun replaces the same partitions with the same scores.

**When it is skipped**: there is no champion yet. **When it fails**: MLflow or the warehouse is away
(it retries), or a feature that the champion needs is gone (the message names it).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowSkipException

from include.assets import CHAMPION, FEATURES, PREDICTIONS
from include.orchestration.assets import asset
from include.orchestration.connections import mlflow_uri, warehouse_uri
from include.orchestration.defaults import dag_defaults
from include.orchestration.lineage import traced
from include.settings import load_settings

SETTINGS = load_settings()


@dag(dag_id="score_batch", schedule=asset(FEATURES) | asset(CHAMPION), **dag_defaults(__doc__, "scoring"))
def score_batch() -> None:
    """Wire the hop."""

    @task(outlets=[asset(PREDICTIONS)])
    @traced
    def score() -> dict[str, Any]:
        """Score the customers of every as-of date that has no scores of this champion."""
        from include.scoring.batch import score_customers

        result = score_customers(warehouse_uri(), mlflow_uri(), SETTINGS.training.model_name)
        if not result["scored"]:
            raise AirflowSkipException(result["reason"])
        return result

    score()


score_batch()
