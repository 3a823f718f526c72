"""
### Ingest sources

Loads the sources for a window of days: **plan → land → audit → publish → confirm**. What lands is audited before it
can be read, and all sources of the window are published in one transaction: readers see
the old data or the new, never a mix.

**Schedule**: `schedule` in `include/config/sources.yml`, by the clocks of `time_zone` there.

**Parameters**: `from_day`, `to_day` (both included). The run loads these days and waits for nothing. A rerun of a day
changes nothing; a backfill is a run with a longer window. Of snapshots it loads those that count on a day of the
window, when their files have other content than what is published.

**Without parameters** it loads its own day, the last whole one before its logical date in that time zone:
- While a delivery of that day is missing, `plan` waits for it in the triggerer, without a worker: `wait` in
  `sources.yml`. At the end of the wait a critical source without its delivery stops the run: if there are
  late days, it loads these and snapshots, and fails at its end. Another source is left out.
- It also loads late deliveries: of the last `catch_up_days`, each day, and each snapshot that counts on one of them,
  that a source has not published yet, or has delivered with other content since. An earlier day that is still missing
  stops nothing, critical or not: the log of `plan` names it. Labels and as-of dates that need the day wait for it.
- Each late day is audited by itself. A bad one is left out with a warning, until its file or its declaration has
  changed; so is one that a newer run has taken meanwhile. A run of a backfill loads its own day only.

**To let a refused batch through** when the rule was wrong and not the data: `from_day` and `to_day` of the refused
batch, `accept_refused` with its source, and `reason`. The days are loaded and audited again; what the audit refuses
is published for the named sources alone, if it has refused the same days for the same rules before. Rules on files,
columns, types, keys and lateness cannot be overruled. Who, why and which rules: `quality.releases`, and the page of
the batch. A corrected file needs none of this: load its days again.

**When it fails**
- `plan`: the message names the delivery that is missing, the source that is away (it is tried again, and left out if it
  is not critical), or the table in `raw` that is not as `sources.yml` declares it, and what to do. A new column has to
  be nullable. Clear the task when the delivery is there, or leave the day to the next run.
- `land`: the message names the delivery, the column and the remedy. Correct it, clear the task. A bad
  delivery of a source that is not critical fails nothing: it is left out, with a warning, and quarantined.
- `audit`: the batch is in `quality.quarantine` with its reasons; what was published stays served. Nothing of the run is
  published, its late days neither: the next run loads them, and the refused day as a late one once its file or its
  declaration has changed. The button *Quality* of the task opens its page, *Browse → Quality* those of all sources.
  Ask the source's owner for a corrected delivery, or correct the rule in `include/config/sources.yml`.
- `publish`: nothing was published; it retries.
- A stale fence (`land`, `audit`, `publish`) means that a newer run has the work: let it finish. `audit` is tried again
  where another run has landed one of its days meanwhile.
- `confirm`: what was late is published. The message names the delivery of the run's own day that was not there, with
  a task for each source. Clear `plan` when it is there; or let the next run load it as a late day, then clear
  `confirm`. It is skipped where nothing is missing.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from include.assets import RAW
from include.orchestration.assets import asset
from include.orchestration.connections import warehouse_uri
from include.orchestration.defaults import FIRST, dag_defaults
from include.orchestration.lineage import traced
from include.orchestration.plan_load import PlanLoad
from include.orchestration.quality_link import link_quality
from include.orchestration.release import read_release, release_params
from include.orchestration.sources import open_sources
from include.orchestration.window import make_timetable, read_window
from include.settings import load_settings

SETTINGS = load_settings()


def day_param() -> Param:
    """An optional day; each parameter needs its own object, for a run's value is written into it."""
    return Param(None, type=["null", "string"], format="date")


@dag(
    dag_id="ingest_sources",
    schedule=make_timetable(SETTINGS.sources.schedule, SETTINGS.sources.time_zone),
    params={"from_day": day_param(), "to_day": day_param(), **release_params(SETTINGS.sources.sources)},
    **dag_defaults(__doc__, "data"),
)
def ingest_sources() -> None:
    """Wire the hop."""
    plan = PlanLoad(task_id="plan", **FIRST)

    @task(map_index_template="{{ task.op_kwargs['item']['source'] }}", **FIRST)
    @traced
    def land(item: dict[str, Any]) -> dict[str, Any]:
        """Copy one source's files of the window into `landing`."""
        from include.ingestion.land import land_source

        return land_source(warehouse_uri(), open_sources(SETTINGS.sources), item)

    @task(**FIRST)
    @traced
    def audit(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Check everything that landed; refuse and quarantine what breaks its rules."""
        from include.ingestion.audit import audit_run
        from include.orchestration.told_events import tell_quarantine

        uri, context = warehouse_uri(), get_current_context()
        release = read_release(context, SETTINGS.sources)
        with tell_quarantine(uri, context["run_id"]):
            return audit_run(uri, SETTINGS.sources, items, context["run_id"], release)

    @task(outlets=[asset(RAW)], **FIRST)
    @traced
    def publish(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Publish all sources of the window in one transaction; returns the run's own days that are missing."""
        from include.ingestion.own_day import find_missing
        from include.ingestion.publish import publish_batch

        context = get_current_context()
        context["ti"].xcom_push(key="published", value=publish_batch(warehouse_uri(), SETTINGS.sources, items))
        return find_missing(warehouse_uri(), SETTINGS.sources, *read_window(context, SETTINGS.sources.time_zone))

    @task(map_index_template="{{ task.op_kwargs['missing']['source'] }}")
    def confirm(missing: dict[str, Any]) -> None:
        """Fail for a critical source whose own day was not delivered; Airflow skips it when there is none."""
        from include.ingestion.own_day import check_published

        check_published(warehouse_uri(), open_sources(SETTINGS.sources), missing)

    confirm.expand(missing=publish(link_quality(audit(land.expand(item=plan.output)))))


ingest_sources()
