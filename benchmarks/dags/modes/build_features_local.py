"""
### Build features, one dbt process per task

The same models as `build_features`, run by Cosmos in `ExecutionMode.LOCAL` with dbt's runner inside of
each task. For `make bench NAME=dbt` only, which compares the two. **When it fails**: see the red model's
log.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from include.orchestration.connections import warehouse_uri
from include.orchestration.dbt_lineage import emit_dbt_lineage
from include.orchestration.dbt_project import dbt_models
from include.orchestration.defaults import dag_defaults
from include.orchestration.lineage import traced
from include.settings import load_settings

SETTINGS = load_settings()


@dag(dag_id="build_features_local", schedule=None, **dag_defaults(__doc__, "benchmark", "dbt"))
def build_features_local() -> None:
    """Wire the models and what follows them in `build_features`."""

    @task
    @traced
    def describe() -> dict[str, object]:
        """Say what is there."""
        from include.features.store import describe_features

        return describe_features(warehouse_uri(), SETTINGS.features)

    models = dbt_models("dbt", SETTINGS.features.dbt_vars, callback=emit_dbt_lineage, is_one_build=False)
    models >> describe()


build_features_local()
