"""A stack of a benchmark's own that the examples' history has been ingested into, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.scheduler import own_stack, run_dag, wait_until_quiet
from benchmarks.timing import Tell
from include.example.panel import write_shop_sources
from include.local.home import StackHome
from include.settings import PROJECT_ROOT, load_settings
from include.settings.clock import read_today

INGESTION: Final = "ingest_sources"


@contextmanager
def loaded_panel(folder: Path, households: int | None, tell: Tell) -> Iterator[str]:
    """The URI of a warehouse with all published days of the panel; its stack is stopped at the end.

    Args:
        folder: receives the stack's home.
        households: a sample of so many; all of them when None.
    """
    home, dags = folder / "home", folder / "dags"
    dags.mkdir()
    shutil.copy(PROJECT_ROOT / "dags" / f"{INGESTION}.py", dags)
    today = read_today(load_settings().sources.time_zone)
    panel = write_shop_sources(StackHome(home).sources, today, 0, households)
    with own_stack(home, dags, tell) as stack:
        api = stack.airflow()
        api.wait_for_dags({INGESTION})
        tell(f"  loading {panel.rows['transactions']:,} lines")
        run_dag(api, INGESTION, {"from_day": str(panel.first_day), "to_day": str(panel.history_to)})
        wait_until_quiet(api)
        yield stack.uris.warehouse
