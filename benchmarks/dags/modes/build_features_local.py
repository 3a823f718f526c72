"""
### Build features, one dbt process per task

The same models as `build_features`, run by Cosmos in `ExecutionMode.LOCAL` with dbt's runner inside of
each task. For `make bench NAME=dbt` only, which compares the two. **When it fails**: see the red model's
log.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from include.features.catalog import load_catalog
from include.orchestration.connections import warehouse_uri
from include.orchestration.dbt_lineage import emit_dbt_lineage
from include.orchestration.dbt_project import dbt_models
from include.orchestration.defaults import dag_defaults
from include.orchestration.lineage import traced


@dag(dag_id="build_features_local", schedule=None, **dag_defaults(__doc__, "benchmark", "dbt"))
def build_features_local() -> None:
    """Wire the models and what follows them in `build_features`."""

    @task
    @traced
    def describe() -> list[dict[str, object]]:
        """Say what is there."""
        from include.features.store import describe_group

        return [describe_group(warehouse_uri(), group) for group in load_catalog().groups.values()]

    models = dbt_models("dbt", callback=emit_dbt_lineage, is_one_build=False)
    models >> describe()


build_features_local()
