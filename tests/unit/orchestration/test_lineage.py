"""Reports of tasks to lineage, and what happens to a task when the report fails."""

from __future__ import annotations

import inspect
import logging
from pathlib import Path
from typing import Any

import pytest

from include.orchestration import lineage
from include.orchestration.lineage import report_tables, traced
from include.warehouse.trace import record_read, record_write


def test_traced_keeps_name_signature_and_result() -> None:
    def add(a: int, b: int = 1) -> int:
        """Add."""
        return a + b

    wrapped = traced(add)

    assert wrapped(1) == 2
    assert (wrapped.__name__, wrapped.__doc__) == ("add", "Add.")
    assert inspect.signature(wrapped) == inspect.signature(add)


def test_a_report_that_fails_leaves_the_task_alone(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no lineage today")

    monkeypatch.setattr(lineage, "report_trace", refuse)

    @traced
    def work() -> str:
        return "done"

    with caplog.at_level(logging.WARNING):
        assert work() == "done"

    assert "no lineage today" in caplog.text


def test_the_task_s_own_error_is_the_one_that_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no lineage today")

    monkeypatch.setattr(lineage, "report_trace", refuse)

    @traced
    def work() -> None:
        raise KeyError("the task's own")

    with pytest.raises(KeyError, match="the task's own"):
        work()


def test_without_openlineage_nothing_is_asked_of_the_warehouse(airflow_home: Path) -> None:
    def refuse() -> str:
        raise AssertionError("the warehouse was asked for")

    with report_tables(refuse) as trace:
        record_read("raw.a")
        record_write("ml.t")

    assert [str(table) for table in trace.writes] == ["ml.t"]
