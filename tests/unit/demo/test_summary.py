"""The summary at the end of the demo, as it is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from include.demo.summary import describe_report, print_summary
from include.local.credentials import Credentials
from include.local.home import StackHome
from include.local.stack import Stack
from tests.unit.operate.test_model_summary import FAILURES, UNITS

REPORT: dict[str, Any] = {
    "data": {
        "rows": 1234567, "days": 365, "first_day": "2025-03-02", "last_day": "2026-03-01",
        "sources": {"parts": {}, "readings": {}},
    },
    "models": {"failures": FAILURES, "units": UNITS},
    "lineage": {"tables_written": 30, "events": 1500, "tables_without_producer": ["raw.a"]},
    "stages": [{"name": "units.score_batch", "model": "units", "seconds": 12.34}],
    "total_seconds": 99.9,
    "shortcomings": [],
}  # fmt: skip


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal on which no line is broken."""
    monkeypatch.setenv("COLUMNS", "200")


def print_lines(capsys: pytest.CaptureFixture[str], stack: Stack | None = None, **changes: Any) -> list[str]:
    print_summary({**REPORT, **changes}, stack)
    return [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]


def test_every_sentence_is_printed_under_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    lines = print_lines(capsys)
    expected = [line.strip() for heading, below in describe_report(REPORT).items() for line in (heading, *below)]
    assert lines[: len(expected)] == expected
    assert [line.split() for line in lines[len(expected) :]] == [
        ["Time", "(the", "stages", "of", "several", "models", "overlap)"],
        ["units.score_batch", "12.3", "s"],
        ["total", "99.9", "s"],
    ]


def test_what_is_shared_stands_around_the_models() -> None:
    told = describe_report(REPORT)
    assert list(told) == ["Data", "Model failures", "Model units", "Lineage"]
    assert told["Data"] == ["1,234,567 rows of 2 sources on 365 days, 2025-03-02 … 2026-03-01"]
    assert told["Lineage"] == ["30 tables written, 1,500 events; without a producing run: raw.a"]


def test_brackets_are_not_swallowed(capsys: pytest.CaptureFixture[str]) -> None:
    shortcoming = "runs failed: units.train_candidates fit[bold] fit[/red] fit[random_forest]"
    monitoring = {"action": "retrain", "reasons": ["psi[/bold] of [red]"]}
    lines = print_lines(capsys, models={"failures": {**FAILURES, "monitoring": monitoring}}, shortcomings=[shortcoming])
    assert "monitoring  retrain (psi[/bold] of [red])" in lines
    assert lines[-1] == f"✘ {shortcoming}"


def test_each_shortcoming_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    shown = print_lines(capsys, shortcomings=["no client asked", "monitoring decided nothing"])
    assert [line for line in shown if line.startswith("✘")] == ["✘ no client asked", "✘ monitoring decided nothing"]
    assert not [line for line in print_lines(capsys) if line.startswith("✘")]


def test_a_stack_that_stays_up_is_shown_with_its_addresses(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    home = StackHome(tmp_path / "a[bold]folder" / ("long" * 20))
    ports = {"postgres": 15432, "mlflow": 15000, "model-server": 18000, "airflow": 18080}
    credentials = Credentials()
    stack = Stack(home, ports, credentials)
    lines = print_lines(capsys, stack)
    shown = lines[lines.index("Everything is up") + 1 :]
    assert [line.split()[-1] for line in shown[:4]] == [
        "http://127.0.0.1:18080",
        "http://127.0.0.1:15000/#/experiments",
        "http://127.0.0.1:18000/docs",
        "postgresql://postgres@127.0.0.1:15432/warehouse",
    ]
    assert shown[4] == f"Airflow users and passwords: {home.passwords_file}"
    place = f'ARGS="--home {home.path}"'
    assert shown[5] == f"make status {place} shows it, make down {place} stops it"
    monkeypatch.setenv("ORRERY_HOME", str(home.path))
    assert "make status shows it, make down stops it" in print_lines(capsys, Stack(home, ports, credentials))
    assert not any(word in line for line in lines for word in credentials.airflow_passwords.values())
