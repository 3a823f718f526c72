"""
### Build features

Turns published data into feature groups and labels: the dbt models of `dbt/models`, each built
and then tested. A failing test stops what depends on its model and nothing else; each group and each label table is
announced by itself, to the models that use it.

Before a group is announced, `publish_GROUP` validates the as-of dates that have changed (rules and score in
`quality.feature_validations`, limits in `include/config/features.yml`), measures drift against what was published
before, and writes the changed rows of the online table. A group that is refused is not announced, and its online table
is as it was; *Browse → Features* shows all of it. Labels are announced when groups and models are done
(`build_is_over`, whatever their end): scores wait for groups, and nothing but training waits for labels.

Which days to compute is read from the data: every published day that has no features yet. A rerun
computes nothing twice; a late delivery recomputes the days that it touched. Once an hour the DAG looks whether
data or the dbt project has changed since the last build, so that an event that was missed is caught up.

**When it fails**: `record` says what. The log of a red `publish_GROUP` names the rules and features that were
refused. Open a red model's log: it names the tests that failed (`dbt test --select MODEL` shows the rows);
correct the model in `dbt/models` or ask for corrected data, then clear the task with what is downstream of it, which
dbt left out. The models that were built stay, also the one whose own test failed; nothing that depends on it is built,
and neither training, scoring nor the online tables go on with it.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, get_current_context, task

from include.assets import RAW, features_of, labels_of
from include.features.catalog import load_catalog
from include.orchestration.assets import asset
from include.orchestration.builds import begin_build
from include.orchestration.connections import warehouse_uri
from include.orchestration.dbt_lineage import emit_dbt_lineage
from include.orchestration.dbt_project import dbt_models, find_task
from include.orchestration.defaults import FIRST, dag_defaults
from include.orchestration.lineage import traced

CATCH_UP = CronTriggerTimetable("17 * * * *", timezone="UTC")


def publish(name: str, asset_name: str, group: Any = None, label: Any = None) -> Any:
    """The task that publishes a group, or announces a label table."""

    @task(task_id=f"publish_{name}", outlets=[asset(asset_name)], **(FIRST if group else {}))
    @traced
    def announce() -> dict[str, Any]:
        """Validate a group, write its online table, and announce it; announce a label table; say what is there."""
        from include.features.store import describe_labels
        from include.orchestration.builds import publish_validated

        if group:
            return publish_validated(get_current_context(), warehouse_uri(), group)
        return describe_labels(warehouse_uri(), label)

    return announce()


@dag(
    dag_id="build_features",
    schedule=AssetOrTimeSchedule(timetable=CATCH_UP, assets=asset(RAW)),
    **dag_defaults(__doc__, "features", "dbt"),
)
def build_features() -> None:
    """Wire the hop."""

    @task(trigger_rule="all_done")
    @traced
    def record() -> str:
        """Note which data and which dbt project were built, also when a test failed; then fail with what failed."""
        from include.orchestration.builds import record_run

        return record_run(get_current_context(), warehouse_uri(), load_catalog().groups.values())

    models = dbt_models("dbt", callback=emit_dbt_lineage, begin=begin_build)
    recorded = record()
    models >> recorded
    catalog = load_catalog()
    catalog.check()
    build_is_over = EmptyOperator(task_id="build_is_over", trigger_rule="all_done")
    models >> build_is_over
    for group in catalog.groups.values():
        published = publish(group.name, features_of(group.name), group=group)
        for node in (group.name, *([group.online_model] if group.online_model else [])):
            find_task(models, node) >> published >> [build_is_over, recorded]
    for label in catalog.labels.values():
        published = publish(label.name, labels_of(label.name), label=label)
        [find_task(models, label.name), build_is_over] >> published >> recorded


build_features()
