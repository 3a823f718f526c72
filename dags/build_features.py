"""
### Build features

Turns published data into customer features and churn labels: the dbt models of `dbt/models`, each
followed by its tests. A failing test stops what depends on its model and nothing else.

Which days to compute is read from the data: every published day that has no features yet. A rerun
computes nothing twice; a late delivery recomputes the days that it touched.

**When it fails**: open the red model's log. A failed test names the rows (`dbt test --select MODEL`
shows them); correct the model in `dbt/models` or ask for corrected data, then clear the task. The
models that were built stay, also the one whose own test failed; nothing that depends on it is built, and
neither training, scoring nor the online store go on with it.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from include.assets import FEATURES, RAW
from include.orchestration.assets import asset
from include.orchestration.connections import warehouse_uri
from include.orchestration.dbt_lineage import emit_dbt_lineage
from include.orchestration.dbt_project import dbt_models
from include.orchestration.defaults import dag_defaults
from include.orchestration.lineage import traced
from include.settings import load_settings

SETTINGS = load_settings()


@dag(dag_id="build_features", schedule=asset(RAW), **dag_defaults(__doc__, "features", "dbt"))
def build_features() -> None:
    """Wire the hop."""

    @task(outlets=[asset(FEATURES)])
    @traced
    def publish_features() -> dict[str, object]:
        """Announce the features and say what is there."""
        from include.features.store import describe_features

        return describe_features(warehouse_uri(), SETTINGS.features)

    dbt_models("dbt", SETTINGS.features.dbt_vars, callback=emit_dbt_lineage) >> publish_features()


build_features()
