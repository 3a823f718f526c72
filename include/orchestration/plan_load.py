"""The task ``plan`` of ``ingest_sources``."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from include.orchestration.connections import warehouse_uri
from include.orchestration.lineage import report_tables
from include.orchestration.release import read_release
from include.orchestration.sources import open_sources
from include.orchestration.window import read_run_time, read_window
from include.settings import load_settings
from include.settings.sources import SourceSettings

if TYPE_CHECKING:
    from include.ingestion.plan import LoadItem


class PlanLoad(BaseOperator):  # type: ignore[misc]
    """Decides what a run loads.

    A run with parameters loads their days. Another one loads the day before it and, unless it is of a backfill, the
    late ones; while deliveries of its own day are missing, or were changed just now, it waits in the
    triggerer, until ``wait.timeout_minutes`` after the run's time.
    """

    def execute(self, context: Any) -> list[LoadItem]:
        """Wait or plan.

        Raises:
            TaskDeferred: the run's deliveries are not there yet.
            SettingsError: also where a release is asked for that is not complete.
            SourceError, WarehouseError, WarehouseSchemaError: see
                :func:`include.ingestion.plan.plan_load`.
        """
        return self._plan(context, may_wait=True)

    def _plan(self, context: Any, *, may_wait: bool) -> list[LoadItem]:
        from include.ingestion.plan import plan_load

        sources, params = load_settings().sources, context["params"]
        run_time = read_run_time(context["dag_run"])
        read_release(context, sources)  # refused here, before anything is loaded
        first, last = read_window(context, sources.time_zone)
        catch_up_from = None
        if not (params["from_day"] or params["to_day"]):
            if may_wait:
                self._wait_for_deliveries(sources, last, run_time)
            # Of a backfill each run has its own day: runs at the same time would take one another's as late ones.
            if context["dag_run"].run_type != "backfill":
                catch_up_from = last - timedelta(days=sources.catch_up_days - 1)
        with report_tables():
            return plan_load(warehouse_uri(), open_sources(sources), first, last, catch_up_from=catch_up_from)

    def look_again(self, context: Any, event: list[str]) -> list[LoadItem]:
        """Plan after the wait; ``event`` lists what is still missing, or changing."""
        self.log.info("The wait is over; missing or written just now: %s.", ", ".join(event) or "nothing")
        return self._plan(context, may_wait=False)

    def _wait_for_deliveries(self, sources: SourceSettings, day: date, run_time: datetime) -> None:
        """Hand over to the triggerer if deliveries of a day are missing or young and there is time left."""
        from include.sources.deliveries import list_daily, look_for

        until = run_time + timedelta(minutes=sources.wait.timeout_minutes)
        left = until - datetime.now(UTC)
        if left <= timedelta(0):
            return
        names = list_daily(sources)
        poll = timedelta(minutes=sources.wait.poll_minutes)
        look = look_for(open_sources(sources), names, day)
        if not (waited_for := look.list_waited_for(None, datetime.now(UTC) - poll)):
            return
        from include.orchestration.deliveries_trigger import DeliveriesTrigger

        self.log.info("Until %s the run waits for %s.", until, ", ".join(waited_for))
        # Airflow's own limit, in case that no triggerer runs, is later than the trigger's.
        self.defer(
            trigger=DeliveriesTrigger(names, day.isoformat(), until.isoformat(), poll.total_seconds()),
            method_name="look_again",
            timeout=left + poll,
        )
