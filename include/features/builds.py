"""Which data and which dbt project the features were last built from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from include.features.manifest import hash_project
from include.ingestion.version import read_data_version
from include.warehouse.session import Session, open_session

BUILD_TASK: Final = "dbt.dbt_producer_watcher"
"""The task that runs dbt; it fails with any of its models, and names the tests where nothing else has failed."""
UNDONE: Final = "undone"
"""In place of the data's version: something was not built, although no test refused it."""


def read_built_version(session: Session) -> str:
    """The version of the data that the features were last built from, whole; of what is published where none was."""
    built = session.fetch_value("select data_version from governance.feature_builds order by id desc limit 1")
    return read_data_version(session) if built in (None, UNDONE) else str(built)


def find_changes(uri: str) -> str | None:
    """What has changed since the last build, in words; None when a build would find nothing new.

    The event that starts a build can be missed: the DAG was absent, broken or paused when it came.
    """
    with open_session(uri) as session:
        if session.fetch_value("select to_regclass('raw.partitions')") is None:
            return None
        if not session.fetch_value("select exists (select from raw.partitions)"):
            return None
        data_version = read_data_version(session)
        last = session.fetch_one(
            "select data_version, project_hash from governance.feature_builds order by id desc limit 1"
        )
    if last is None:
        return "data is published and no features were built yet"
    if last["data_version"] == UNDONE:
        return "the last build left something undone"
    if last["data_version"] != data_version:
        return "data was published since the last build"
    return "the dbt project has changed since the last build" if last["project_hash"] != hash_project() else None


def list_work(states: Mapping[str, str | None]) -> dict[str, str | None]:
    """The tasks that build a model or publish, of all tasks of a run."""
    return {
        task: state
        for task, state in states.items()
        if task.startswith(("dbt.", "publish_")) and not task.startswith(BUILD_TASK)
    }


def find_unbuilt(states: Mapping[str, str | None], tested: Collection[str]) -> list[str]:
    """The tasks of a build that were not done although no test of the data stopped them, by name.

    A failed test is what the build found in the data, and the same again would find it, too. A model that could
    not be built, or a group that could not be announced, may go well the next time, and so may what was left out for
    a failure that is mended since. Where dbt itself failed, its task stands for all of them.

    Args:
        states: of the run's tasks, by task id, as Airflow names them.
        tested: the tasks that failed for nothing but tests.
    """
    work = list_work(states)
    failed = sorted(task for task, state in work.items() if state == "failed" and task not in tested)
    left_out = sorted(task for task, state in work.items() if state in ("skipped", "upstream_failed"))
    has_dbt_failed = states.get(BUILD_TASK) == "failed" and BUILD_TASK not in tested
    if failed or not left_out:
        return failed
    if has_dbt_failed:
        return [BUILD_TASK]
    return [] if any(task in tested for task in work) else left_out


def record_build(uri: str, data_version: str) -> None:
    """Note that the features were built from this data by the dbt project as it is now.

    Args:
        data_version: read before the build began, so that data that arrived during it counts as new; or ``UNDONE``.
    """
    with open_session(uri) as session:
        session.execute(
            "insert into governance.feature_builds (data_version, project_hash) values (%s, %s)",
            (data_version, hash_project()),
        )


def read_published_version(uri: str) -> str:
    """The version of the published data (see ``include.ingestion.version``)."""
    with open_session(uri) as session:
        return read_data_version(session)
