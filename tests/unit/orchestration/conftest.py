"""Airflow in this process without touching the user's own files, and the Astro SDK over a real warehouse."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def sdk(airflow_home: Path, warehouse_uri: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The seam, with the connection ``warehouse`` leading to this test's database."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_uri)
    return importlib.import_module("include.orchestration.astro_sdk")
