"""
### Score batch

Scores every entity with the champion, one partition of `ml.<model>_predictions` per as-of date. The
as-of dates since the champion's test cutoff are filled in too, so that outcomes become known day by
day. A rerun replaces the same partitions with the same scores. `explain` then adds to each score of the newest date
the features that moved it farthest (`reasons`, `include/config/scoring.yml`). `ml.<model>_latest_predictions` shows the
newest date alone.

**When it is skipped**: there is no champion yet. **When it fails**: MLflow or the warehouse is away
(it retries), or a feature that the champion needs is gone (the message names it).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowSkipException

from include.assets import champion_of, features_of, predictions_of
from include.orchestration.assets import all_assets, asset
from include.orchestration.connections import mlflow_uri, warehouse_uri
from include.orchestration.defaults import FIRST, model_defaults
from include.orchestration.lineage import traced
from include.orchestration.models import declared_models, name_dag
from include.settings.models import ModelSettings


def score_batch(model: ModelSettings) -> None:
    """Make the DAG of one model."""

    @dag(
        dag_id=name_dag(model.name, "score_batch"),
        schedule=all_assets(map(features_of, model.features.groups)) | asset(champion_of(model.name)),
        **model_defaults(__doc__, model, "scoring"),
    )
    def wire() -> None:
        @task(outlets=[asset(predictions_of(model.name))], **FIRST)
        @traced
        def score() -> dict[str, Any]:
            """Score the entities of every as-of date that has no scores of this champion."""
            from include.scoring.entities import score_entities

            result = score_entities(warehouse_uri(), mlflow_uri(), model.name, settings=model.scoring)
            if not result["scored"]:
                raise AirflowSkipException(result["reason"])
            return result

        @task
        @traced
        def explain() -> dict[str, Any]:
            """Add to each score of the newest date what moved it; who waits for scores does not wait for that."""
            from include.scoring.entities import explain_scores

            result = explain_scores(warehouse_uri(), mlflow_uri(), model.name, settings=model.scoring)
            if not result["scored"]:
                raise AirflowSkipException(result["reason"])
            return result

        score() >> explain()

    wire()


for declared in declared_models("score_batch"):
    score_batch(declared)
