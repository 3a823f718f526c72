"""What every DAG has in common: owner, tags, retries, whom a failure is told, documentation, one run at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from include.orchestration.notifications import HOUSE_OWNER, notify_failure
from include.settings.models import ModelSettings

START_DATE: Final = datetime(2026, 1, 1)
FIRST: Final = {"priority_weight": 100, "weight_rule": "absolute"}
"""Keyword arguments for ``@task`` of what stands between new data and its scores. By default Airflow starts first what
most tasks wait for, such as the look whether to train."""
WATCHING: Final = {"priority_weight": 200, "weight_rule": "absolute"}
"""Those of a task that gives its slot back, and must soon have one again."""

RETRY_POLICY: Final = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="include.errors.SourceAwayError",
            action=RetryAction.DEFAULT,
            reason="A source could not be reached: it may be back at the next try.",
        ),
        RetryRule(
            exception="include.errors.PermanentError",
            action=RetryAction.FAIL,
            reason="The same work would fail again: read the message, change what it names, clear the task.",
        ),
    ]
)


def model_defaults(doc: str | None, model: ModelSettings, *tags: str) -> dict[str, Any]:
    """Keyword arguments for ``@dag`` of one model's DAG: what it predicts above the file's page, its owner, its tag."""
    page = f"**{model.name}** ({model.task}): {model.description}\n{doc or ''}"
    return {"description": model.description, **dag_defaults(page, *tags, model.name, owner=model.owner)}


def dag_defaults(doc: str | None, *tags: str, owner: str = HOUSE_OWNER, retry_delay_s: float = 10.0) -> dict[str, Any]:
    """Keyword arguments for ``@dag``.

    Args:
        doc: the DAG file's docstring, which becomes its page in the UI.
        tags: the hop's own tags besides ``orrery``.
        owner: of every task.
        retry_delay_s: seconds before the first retry; later ones wait longer.
    """
    return {
        "doc_md": doc,
        "tags": ["orrery", *tags],
        "start_date": START_DATE,
        "catchup": False,
        "max_active_runs": 1,
        "default_args": {
            "owner": owner,
            "retries": 3,
            "retry_delay": timedelta(seconds=retry_delay_s),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
            "retry_policy": RETRY_POLICY,
            "on_failure_callback": notify_failure,
        },
    }
