"""What happens to a dbt build when its report to lineage fails."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.orchestration import dbt_lineage
from include.orchestration.dbt_lineage import emit_dbt_lineage


def test_a_report_that_fails_leaves_the_task_and_the_report_of_cosmos(
    tmp_path: Path, airflow_home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow.providers.openlineage import api

    monkeypatch.setattr(api, "is_openlineage_active", lambda: True)
    context: dict[str, Any] = {"ti": None, "task": SimpleNamespace(openlineage_events_completes=["flattened"])}

    with caplog.at_level(logging.WARNING):
        emit_dbt_lineage(str(tmp_path), context=context, find_uri=lambda: "postgresql://u:p@h/w")

    assert "was not reported" in caplog.text
    assert context["task"].openlineage_events_completes == ["flattened"]


def test_without_openlineage_nothing_is_read(
    tmp_path: Path, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> int:
        raise AssertionError("the artifacts were read")

    monkeypatch.setattr(dbt_lineage, "emit_run", refuse)

    emit_dbt_lineage(str(tmp_path), context={})
