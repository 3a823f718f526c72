"""What `astro dev parse` runs passes here too."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_integrity_test_of_the_astro_cli_passes(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("dags_conftest", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    target = {conftest.TARGET_VARIABLE: str(tmp_path / "target")}
    environment = {**os.environ, **conftest.airflow_test_environment(tmp_path), **target}
    # The image holds the manifest; its build makes it by this command.
    subprocess.run([sys.executable, "-m", "include.features.manifest"], cwd=ROOT, env=environment, check=True)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", ".astro/test_dag_integrity_default.py"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert "passed" in done.stdout
