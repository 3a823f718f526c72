"""The summary at the end of the demo, as it is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from include.demo.summary import (
    describe_approval,
    describe_canary,
    describe_performance,
    describe_report,
    describe_retraining,
    print_summary,
)
from include.local.credentials import Credentials
from include.local.home import StackHome
from include.local.stack import Stack

REPORT: dict[str, Any] = {
    "data": {"rows": 1234567, "days": 730, "first_day": "2024-03-01", "last_day": "2026-03-01"},
    "champion": {"name": "churn", "family": "xgboost", "version": 2, "auc": 0.8512, "auc_low": 0.8, "auc_high": 0.9},
    "baseline": {"feature": "recency_days", "auc": 0.8},
    "decision": "production",
    "approval": {"answered_by": "approver", "trained_by": "scientist", "is_trainer_refused": True},
    "canary": [
        {"event": "bootstrapped", "challenger_weight": 0.0},
        {"event": "canary_started", "challenger_weight": 0.05},
        {"event": "weight_set", "challenger_weight": 0.5},
        {"event": "promoted", "challenger_weight": 0.0},
    ],
    "traffic": {"requests": 4321, "failed": 0},
    "performance": {"predictions": 2000, "auc": 0.84},
    "retraining": {"action": "keep", "reasons": ["no drift [psi]", "AUC is fine"]},
    "lineage": {"tables_written": 30, "events": 1500, "tables_without_producer": ["raw.a"]},
    "stages": [{"name": "replay_day_1", "seconds": 12.34}],
    "total_seconds": 99.9,
    "shortcomings": [],
}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal on which no line is broken."""
    monkeypatch.setenv("COLUMNS", "200")


def print_lines(capsys: pytest.CaptureFixture[str], stack: Stack | None = None, **changes: Any) -> list[str]:
    print_summary({**REPORT, **changes}, stack)
    return [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]


def test_every_sentence_is_printed_under_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    lines = print_lines(capsys)
    expected = [line for heading, below in describe_report(REPORT).items() for line in (heading, *below)]
    assert lines[: len(expected)] == expected
    assert [line.split() for line in lines[len(expected) :]] == [
        ["Time"], ["replay_day_1", "12.3", "s"], ["total", "99.9", "s"],
    ]  # fmt: skip


def test_the_sentences_carry_the_figures() -> None:
    assert describe_report(REPORT) == {
        "Data": ["1,234,567 transaction lines over 730 days, 2024-03-01 … 2026-03-01"],
        "Champion": [
            "churn version 2, xgboost: AUC 0.851 (95 % interval 0.800 … 0.900)",
            "the best single feature, recency_days, has AUC 0.800: a gain of +0.051",
            "gates: production",
        ],
        "Approval": ["answered by approver, trained by scientist; the trainer tried and was refused"],
        "Canary": ["5% → 50% → promoted"],
        "Traffic": ["4,321 requests during the rollout, 0 failed"],
        "Monitoring": [
            "outcomes known for 2000 predictions: AUC 0.840",
            "decision: keep (no drift [psi]; AUC is fine)",
        ],
        "Lineage": ["30 tables written, 1,500 events; without a producing run: raw.a"],
    }


def test_brackets_are_not_swallowed(capsys: pytest.CaptureFixture[str]) -> None:
    shortcoming = "runs failed: train_candidates fit[bold] fit[/red] fit[xgboost]"
    retraining = {"action": "retrain", "reasons": ["psi[/bold] of [red]"]}
    lines = print_lines(capsys, retraining=retraining, shortcomings=[shortcoming])
    assert "decision: retrain (psi[/bold] of [red])" in lines
    assert lines[-1] == f"✘ {shortcoming}"


def test_each_shortcoming_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    shown = print_lines(capsys, shortcomings=["no customer asked", "monitoring decided nothing"])
    assert [line for line in shown if line.startswith("✘")] == ["✘ no customer asked", "✘ monitoring decided nothing"]
    assert not [line for line in print_lines(capsys) if line.startswith("✘")]


def test_a_stack_that_stays_up_is_shown_with_its_addresses(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    home = StackHome(tmp_path / "a[bold]folder" / ("long" * 20))
    ports = {"postgres": 15432, "mlflow": 15000, "model-server": 18000, "airflow": 18080}
    credentials = Credentials()
    lines = print_lines(capsys, Stack(home, ports, credentials))
    shown = lines[lines.index("Everything is up") + 1 :]
    assert [line.split() for line in shown[:2]] == [
        ["Airflow", "http://127.0.0.1:18080"],
        ["MLflow", "http://127.0.0.1:15000"],
    ]
    assert shown[2].endswith("http://127.0.0.1:18000")
    assert shown[3] == f"Airflow users and passwords: {home.passwords_file}"
    place = f'ARGS="--home {home.path}"'
    assert shown[4] == f"make status {place} shows it, make down {place} stops it"
    monkeypatch.setenv("ORRERY_HOME", str(home.path))
    assert "make status shows it, make down stops it" in print_lines(capsys, Stack(home, ports, credentials))
    assert not any(word in line for line in lines for word in credentials.airflow_passwords.values())


def test_what_did_not_happen_is_said() -> None:
    assert describe_canary([]) == "no rollout"
    assert describe_performance({}) == "no outcome has become known yet"
    assert (
        describe_performance({"predictions": 3, "auc": None}) == "outcomes known for 3 predictions: too few to measure"
    )
    assert describe_performance({"predictions": 3}) == "outcomes known for 3 predictions: too few to measure"
    assert describe_approval({"answered_by": "a", "trained_by": "b"}) == "answered by a, trained by b"
    assert describe_retraining({"action": "keep", "reasons": "one reason"}) == "decision: keep (one reason)"
