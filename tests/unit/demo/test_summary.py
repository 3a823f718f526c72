"""The summary at the end of the demo, as it is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from include.demo.summary import (
    describe_approval,
    describe_canary,
    describe_model,
    describe_monitoring,
    describe_performance,
    describe_report,
    print_summary,
)
from include.local.credentials import Credentials
from include.local.home import StackHome
from include.local.stack import Stack

FAILURES: dict[str, Any] = {
    "task": "binary",
    "champion": {
        "version": 2, "family": "random_forest", "score_name": "auc", "score": 0.8512, "score_low": 0.8,
        "score_high": 0.9, "metrics": {"score": 0.8512, "auc": 0.8512, "f1": 0.4, "log_loss": 0.3},
    },
    "baseline": {"feature": "age_days", "score": 0.8, "gain": 0.0512, "gain_low": 0.01, "gain_high": 0.09},
    "gates": {"decision": "production", "results": []},
    "approval": {
        "is_required": True, "answered_by": "approver", "trained_by": "scientist", "is_trainer_refused": True,
    },
    "canary": [
        {"event": "bootstrapped", "challenger_weight": 0.0},
        {"event": "canary_started", "challenger_weight": 0.05},
        {"event": "weight_set", "challenger_weight": 0.5},
        {"event": "promoted", "challenger_weight": 0.0},
    ],
    "traffic": {"requests": 4321, "failed": 0},
    "performance": {"predictions": 2000, "metric": "auc", "score": 0.84, "baseline_score": 0.8512},
    "monitoring": {"action": "keep", "reasons": ["no drift [psi]", "AUC is fine"]},
    "failure": None,
}  # fmt: skip
UNITS: dict[str, Any] = {
    **FAILURES,
    "task": "regression",
    "champion": {
        "version": 1, "family": "baseline", "score_name": "d2_absolute_error", "score": 0.31, "score_low": 0.28,
        "score_high": 0.33, "metrics": {"d2_absolute_error": 0.31, "mae": 2.5},
    },
    "baseline": {"feature": "units_7d", "score": 0.31, "gain": 0.0, "gain_low": None, "gain_high": None},
    "canary": [],
    "performance": {},
    "failure": "units.deploy_model failed in canary (run r).\n--- end of the log of canary:\nrolled back [x]",
}  # fmt: skip
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


def test_a_models_sentences_carry_its_figures() -> None:
    assert describe_model(FAILURES) == [
        "champion    version 2, random_forest: AUC 0.851 (95 % interval 0.800 … 0.900)",
        "figures     F1 0.4, log loss 0.3",
        "baseline    age_days alone has AUC 0.800: a gain of +0.051 (95 % interval +0.010 … +0.090)",
        "gates       production",
        "approval    answered by approver, trained by scientist; the trainer tried and was refused",
        "canary      5% → 50% → promoted",
        "traffic     4,321 requests during the rollout, 0 failed",
        "outcomes    known for 2,000 predictions: AUC 0.840, against 0.851 on its test set",
        "monitoring  keep (no drift [psi]; AUC is fine)",
    ]


def test_a_regression_is_told_in_its_own_figures_and_a_loop_that_ended_early_says_why() -> None:
    lines = describe_model(UNITS)
    assert lines[0] == "champion    version 1, baseline: D² 0.310 (95 % interval 0.280 … 0.330)"
    assert lines[1] == "figures     MAE 2.5"
    assert lines[-4:] == [
        "it ended early:",
        "  units.deploy_model failed in canary (run r).",
        "  --- end of the log of canary:",
        "  rolled back [x]",
    ]


def test_a_model_of_which_nothing_serves_is_told_as_such() -> None:
    section = {**UNITS, "champion": None, "baseline": None, "gates": {"decision": None, "results": []}}
    assert describe_model(section)[:2] == ["champion    none", "gates       none have run"]


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


def test_what_did_not_happen_is_said() -> None:
    asked = {"is_required": True, "answered_by": "a", "trained_by": "b"}
    assert describe_canary([]) == "no rollout"
    assert describe_performance({}) == "none has become known yet"
    few = {"predictions": 3, "metric": "auc", "score": None, "baseline_score": None}
    assert describe_performance(few) == "known for 3 predictions: too few to measure"
    assert describe_performance({**few, "score": 0.5}) == "known for 3 predictions: AUC 0.500"
    assert describe_approval(asked) == "answered by a, trained by b"
    assert describe_approval({**asked, "answered_by": None}) == "not answered"
    assert describe_approval({**asked, "is_required": False}) == "not required"
    assert describe_monitoring({"action": None, "reasons": []}) == "no decision"
