"""A DAG of tasks that fail, and one that is tried again; run by ``test_notified_run.py`` in Airflow itself."""

from __future__ import annotations

from airflow.sdk import dag, get_current_context, task

from include.errors import PermanentError, TransientError
from include.orchestration.defaults import dag_defaults


@dag(dag_id="notified", schedule=None, **dag_defaults("When it fails: on purpose.", "test", retry_delay_s=0.0))
def notified() -> None:
    """One task fails for good at once, a mapped one too, one after its retries; one succeeds at its second try."""

    @task
    def fail_at_once() -> None:
        """No retry can help."""
        raise PermanentError("the column is gone")

    @task
    def fail_one(number: int) -> None:
        """One of two."""
        if number == 1:
            raise PermanentError("number 1 is broken")

    @task(retries=1, retry_exponential_backoff=False)
    def fail_in_the_end() -> None:
        """Retries do not help."""
        raise TransientError("it is still away")

    @task(retries=1, retry_exponential_backoff=False)
    def succeed_in_the_end() -> None:
        """The retry helps."""
        if get_current_context()["ti"].try_number == 1:
            raise TransientError("it was away")

    fail_at_once()
    fail_one.expand(number=[0, 1])
    fail_in_the_end()
    succeed_in_the_end()


instance = notified()

if __name__ == "__main__":
    instance.test()  # type: ignore[attr-defined]
