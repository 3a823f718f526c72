"""Which of its builds ``build_features`` keeps as done."""

from __future__ import annotations

from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from include.features.builds import find_unbuilt, record_build


def record_run(context: Any, uri: str, data_version: str) -> str:
    """Note what the run has built, and from which data; returns the data's version.

    Raises:
        AirflowSkipException: a model was not built or a group not announced, so that the next catch-up tries again.
    """
    ti = context["ti"]
    (states,) = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).values()
    if unbuilt := find_unbuilt(states):
        raise AirflowSkipException(f"{', '.join(unbuilt)} failed: the build is tried again within an hour.")
    record_build(uri, data_version)
    return data_version
