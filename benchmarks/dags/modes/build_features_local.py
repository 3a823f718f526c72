"""
### Build features, one dbt process per task

The same models as `build_features`, run by Cosmos in `ExecutionMode.LOCAL` with dbt's runner inside of
each task. For `make bench NAME=dbt` only, which compares the two. **When it fails**: see the red model's
log.
"""

from __future__ import annotations

from airflow.sdk import dag, task
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior
from cosmos.profiles import PostgresUserPasswordProfileMapping

from include.orchestration.connections import WAREHOUSE, warehouse_uri
from include.orchestration.dbt_lineage import emit_dbt_lineage
from include.orchestration.dbt_project import DBT_DIR, ensure_manifest
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

    models = DbtTaskGroup(
        group_id="dbt",
        project_config=ProjectConfig(
            dbt_project_path=DBT_DIR, manifest_path=ensure_manifest(), install_dbt_deps=False, project_name="orrery"
        ),
        profile_config=ProfileConfig(
            profile_name="orrery",
            target_name="airflow",
            profile_mapping=PostgresUserPasswordProfileMapping(
                conn_id=WAREHOUSE, profile_args={"schema": "features", "threads": 2}
            ),
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.AFTER_EACH,
            emit_datasets=False,
            # A process per task would run a test of two models when only the first of them is there.
            should_detach_multiple_parents_tests=True,
        ),
        execution_config=ExecutionConfig(execution_mode=ExecutionMode.LOCAL, invocation_mode=InvocationMode.DBT_RUNNER),
        operator_args={
            "vars": SETTINGS.features.dbt_vars,
            "callback": emit_dbt_lineage,
            "install_deps": False,
            # A flag would reach `dbt run` too, which does not know it.
            "env": {"DBT_EXCLUDE_RESOURCE_TYPES": "unit_test"},
            "append_env": True,
        },
    )
    models >> describe()


build_features_local()
