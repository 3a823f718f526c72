"""Whether ``build_features`` builds, which of its builds it keeps as done, and how it ends."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.features.builds import (
    BUILD_TASK,
    UNDONE,
    find_changes,
    find_unbuilt,
    list_work,
    read_published_version,
    record_build,
)
from include.orchestration.connections import warehouse_uri
from include.orchestration.dbt_trigger import FAILED_TESTS

if TYPE_CHECKING:
    from include.features.catalog import FeatureGroup

DATA_VERSION: Final = "data_version"
"""XCom of the task that runs dbt: the version of the data before the build began, ``UNDONE`` for another try."""

log = logging.getLogger(__name__)


def begin_build(context: Any) -> None:
    """Keep the version of the data for :func:`record_run`.

    Raises:
        AirflowSkipException: the hourly look finds that nothing has changed. Events and persons get a build.
    """
    ti, uri = context["ti"], warehouse_uri()
    is_cleared = ti.max_tries > context["task"].retries
    if context["dag_run"].run_type == "scheduled" and not is_cleared and not find_changes(uri):
        raise AirflowSkipException("Neither data nor the dbt project have changed since the last build.")
    # Groups that an earlier try has published do not have what arrived since: the next look builds again.
    ti.xcom_push(key=DATA_VERSION, value=read_published_version(uri) if ti.try_number == 1 else UNDONE)


def publish_validated(context: Any, uri: str, group: FeatureGroup) -> dict[str, Any]:
    """Validate and publish what the run has built of a group; says what is there now.

    Raises:
        AirflowFailException: the group was refused, or its online model has not one row for each entity. The same
            build would be refused again, so it is not tried again, and the run is as one whose dbt test failed.
    """
    from include.errors import FeatureError
    from include.feature_quality.publish import GroupRefusedError, publish_group
    from include.features.store import describe_group
    from include.settings import load_settings

    ti = context["ti"]
    ti.xcom_push(key=FAILED_TESTS, value=[])  # what an earlier try has found may not stay
    try:
        published = publish_group(uri, group, load_settings().features, context["run_id"])
    except FeatureError as error:
        rules = error.rules if isinstance(error, GroupRefusedError) else ("one row for each entity",)
        ti.xcom_push(key=FAILED_TESTS, value=list(rules))
        raise AirflowFailException(str(error)) from error
    return {**describe_group(uri, group), **published.summarise()}


def record_run(context: Any, uri: str, groups: Iterable[FeatureGroup]) -> str:
    """Note what the run has built, and from which data; returns what was noted as the data's version.

    What it has changed of a group that was not published is held back from training and scoring.

    Raises:
        AirflowFailException: a test failed, a model was not built, or a group was not announced. Where something
            was left undone, the next catch-up builds again.
        AirflowSkipException: there was nothing to build.
    """
    ti = context["ti"]
    (states,) = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).values()
    if states[BUILD_TASK] == "skipped" and not {"success", "failed"} & {*list_work(states).values()}:
        raise AirflowSkipException("Nothing was to be built.")
    failed = [task for task, state in states.items() if state == "failed"]
    tests = {task: names for task in failed if (names := ti.xcom_pull(task_ids=task, key=FAILED_TESTS))}
    unbuilt = find_unbuilt(states, tests)
    data_version: str = (not unbuilt and ti.xcom_pull(task_ids=BUILD_TASK, key=DATA_VERSION)) or UNDONE
    record_build(uri, data_version)
    _hold_back(uri, [group for group in groups if states.get(f"publish_{group.name}") != "success"], ti.run_id)
    refused = {task: names for task, names in tests.items() if task != BUILD_TASK}
    if unbuilt or refused:
        raise AirflowFailException(describe_failure(unbuilt, refused))
    return data_version


def _hold_back(uri: str, groups: Iterable[FeatureGroup], build_key: str) -> None:
    """Keep what was not validated of the groups from being read; what goes wrong with that is logged."""
    import psycopg

    from include.errors import WarehouseError
    from include.feature_quality.publish import hold_back
    from include.settings import load_settings

    for group in groups:
        try:
            held = hold_back(uri, group, load_settings().features, build_key)
        except (psycopg.Error, WarehouseError) as error:
            log.warning("What has changed of %s could not be held back: %s", group.name, str(error).strip())
            continue
        if held:
            log.warning("%s is not published as of %s to %s: nobody reads these dates.", group.name, held[0], held[-1])


def describe_failure(unbuilt: list[str], tests: dict[str, list[str]]) -> str:
    """What failed, what that has stopped, and what happens next."""
    found = [f"{task} failed {', '.join(names)}" for task, names in tests.items()]
    again = ["the build is tried again within an hour"] if unbuilt else []
    return "; ".join(
        [*found, *(f"{task} was not done" for task in unbuilt), "nothing that depends on it was published", *again]
    )
