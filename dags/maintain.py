"""
### Maintain

What no other hop does, once an hour:

- `end_orphaned_canaries` rolls back the canary of each model whose file was removed while it ran, and returns the names
  of these models. See `docs/runbooks/canary-rolled-back.md`.
- `deliver_notifications` tries again what a channel has not taken yet, and returns the number of attempts by outcome.
  See `docs/runbooks/notification-missing.md`.
- `drop_expired_days` drops the deliveries that `keep_days` in `include/config/sources.yml` no longer keeps, and returns
  their days by source. A day that somebody reads meanwhile waits for the next hour.

**When it fails**: the warehouse is away; it is tried again, and the next hour does the work. What could not be dropped
is a warning in the log of `drop_expired_days`.
"""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task

from include.orchestration.connections import warehouse_uri
from include.orchestration.defaults import dag_defaults
from include.orchestration.lineage import traced
from include.settings import load_settings


@dag(
    dag_id="maintain",
    schedule=CronTriggerTimetable("47 * * * *", timezone="UTC"),
    **dag_defaults(__doc__, "maintenance"),
)
def maintain() -> None:
    """Wire the tasks; none waits for another."""

    @task
    @traced
    def end_orphaned_canaries() -> list[str]:
        """Roll back the canaries of models whose file was removed while they ran; nobody else would."""
        from include.orchestration.deployment import end_orphans

        return end_orphans(warehouse_uri())

    @task
    @traced
    def drop_expired_days() -> dict[str, list[str]]:
        """Drop the days of raw data that are kept no longer."""
        from include.ingestion.retention import drop_expired_days as drop

        dropped = drop(warehouse_uri(), load_settings().sources)
        return {source: [*map(str, days)] for source, days in dropped.items()}

    @task
    def deliver_notifications() -> dict[str, int]:
        """Try again what was not delivered where it happened."""
        from include.orchestration.notifications import deliver_pending

        return deliver_pending(warehouse_uri())

    end_orphaned_canaries()
    drop_expired_days()
    deliver_notifications()


maintain()
