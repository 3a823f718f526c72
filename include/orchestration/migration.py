"""Migrates the warehouse when a part of Airflow starts, as in every deployment and at every ``astro dev start``.

By hand: ``python -m include.orchestration.migration``, where Airflow's database or ``ORRERY_WAREHOUSE_URI`` is known.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from airflow.exceptions import AirflowNotFoundException
from airflow.listeners import hookimpl

from include.errors import OrreryError
from include.orchestration.connections import locate_warehouse
from include.warehouse.migrate import migrate_warehouse

log = logging.getLogger(__name__)


class MigrateAtStart:
    """Airflow's listener of the start of its own parts."""

    @hookimpl  # type: ignore[untyped-decorator]
    def on_starting(self, component: Any) -> None:  # noqa: ARG002 - the hook's name for it
        """Migrate before the scheduler starts its first task; a failure is logged, and tasks say what is absent.

        Scheduler, triggerer and DAG processor all do: Airflow does not say yet which of them starts.
        """
        try:
            applied = migrate_warehouse(locate_warehouse())
        except Exception:
            log.exception("The warehouse was not migrated")
        else:
            log.info("The warehouse is migrated: %d migrations were applied now", len(applied))


def main() -> int:
    """Migrate and say what was applied; the exit code."""
    try:
        applied = migrate_warehouse(locate_warehouse())
    except (OrreryError, AirflowNotFoundException) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"applied {name}\n" for name in applied) or "Nothing to apply.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
