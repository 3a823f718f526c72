"""The tiny read inside of a measured task works on a warehouse that has just been made."""

from __future__ import annotations

import importlib
from pathlib import Path


def test_a_task_reads_from_a_new_warehouse(airflow_home: Path, warehouse_uri: str) -> None:
    tasks = importlib.import_module("benchmarks.dags.overhead.traced_tasks")

    assert tasks.time_read(warehouse_uri) > 0
