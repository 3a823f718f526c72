"""What every DAG has in common: owner, tags, retries, documentation, one run at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

START_DATE: Final = datetime(2026, 1, 1)
OWNER: Final = "ml-platform"

RETRY_POLICY: Final = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="include.errors.PermanentError",
            action=RetryAction.FAIL,
            reason="The same work would fail again: read the message, change what it names, clear the task.",
        )
    ]
)


def dag_defaults(doc: str | None, *tags: str, retry_delay_s: float = 10.0) -> dict[str, Any]:
    """Keyword arguments for ``@dag``.

    Args:
        doc: the DAG file's docstring, which becomes its page in the UI.
        tags: the hop's own tags besides ``orrery``.
        retry_delay_s: seconds before the first retry; later ones wait longer.
    """
    return {
        "doc_md": doc,
        "tags": ["orrery", *tags],
        "start_date": START_DATE,
        "catchup": False,
        "max_active_runs": 1,
        "default_args": {
            "owner": OWNER,
            "retries": 3,
            "retry_delay": timedelta(seconds=retry_delay_s),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
            "retry_policy": RETRY_POLICY,
        },
    }
