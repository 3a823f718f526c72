"""
### Empty tasks

Twelve tasks that do nothing, in the shape of `traced_tasks`, which `make bench NAME=task_overhead`
compares with them.
"""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import chain, dag, task


@dag(dag_id="empty_tasks", schedule=None, start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1)
def empty_tasks() -> None:
    """Wire three lanes of four steps."""

    @task
    def nothing() -> list[float]:
        """Return two numbers, as its counterpart does."""
        return [0.0, 0.0]

    for lane in range(3):
        chain(*[nothing.override(task_id=f"nothing_{lane}_{step}")() for step in range(4)])


empty_tasks()
