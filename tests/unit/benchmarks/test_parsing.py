"""A DAG file that cannot be imported is named with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.catalog import BenchmarkError
from benchmarks.parsing import time_import
from benchmarks.surroundings import bare_airflow


def test_a_broken_file_is_named_with_its_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise ValueError('no such shop')\n")
    with pytest.raises(BenchmarkError, match=r"(?s)broken\.py cannot be imported.*no such shop"):
        time_import(broken, bare_airflow(tmp_path))


def test_the_time_of_a_file_is_beyond_that_of_airflow(tmp_path: Path) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text("import time, airflow.sdk\ntime.sleep(0.2)\n")
    assert time_import(slow, bare_airflow(tmp_path)) >= 0.2
