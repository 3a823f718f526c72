"""Migrates the warehouse when Airflow's scheduler starts, which every deployment and every ``astro dev start`` does.

By hand: ``python -m include.orchestration.migration``, where Airflow's connections are known.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from airflow.listeners import hookimpl

from include.errors import OrreryError
from include.orchestration.connections import read_warehouse_uri
from include.warehouse.migrate import migrate_warehouse

log = logging.getLogger(__name__)


class MigrateAtStart:
    """Airflow's listener of the start of its own parts."""

    @hookimpl  # type: ignore[untyped-decorator]
    def on_starting(self, component: Any) -> None:
        """Migrate before the scheduler starts its first task; a failure is logged, and tasks say what is absent."""
        if getattr(component, "job_type", None) != "SchedulerJob":
            return
        try:
            applied = migrate_warehouse(read_warehouse_uri())
        except Exception:
            log.exception("The warehouse was not migrated")
        else:
            log.info("The warehouse is migrated: %d migrations were applied now", len(applied))


def main() -> int:
    """Migrate and say what was applied; the exit code."""
    try:
        applied = migrate_warehouse(read_warehouse_uri())
    except OrreryError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"applied {name}\n" for name in applied) or "Nothing to apply.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
