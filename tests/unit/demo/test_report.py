"""What the demo reports, read from a real warehouse and a real MLflow, and what it counts as a shortcoming."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from include.demo.progress import Stage
from include.demo.report import (
    build_report,
    find_shortcomings,
    read_approval,
    read_canary,
    read_data,
    read_lineage,
    read_performance,
    read_retraining,
    write_report,
)
from include.errors import StackError
from include.governance.events import parse_event
from include.governance.store import insert_events
from include.local.ports import find_free_port
from include.registry.rest import MlflowRest
from include.warehouse.session import open_session
from tests.unit.registry.mlflow_server import start_shared_server

MODEL = "churn"
GOOD: dict[str, Any] = {
    "champion": {"name": MODEL, "family": "xgboost", "version": 2, "auc": 0.85, "auc_low": 0.8, "auc_high": 0.9},
    "baseline": {"feature": "recency_days", "auc": 0.8},
    "decision": "production",
    "approval": {"answered_by": "approver", "trained_by": "scientist", "is_trainer_refused": True},
    "lineage": {"tables_written": 3, "tables_without_producer": [], "events": 9},
    "traffic": {"requests": 100, "failed": 0},
    "retraining": {"action": "keep", "reasons": []},
    "dag_runs": [{"dag_id": "score_batch", "run_id": "r1", "state": "success"}],
}
PERFORMANCE = (
    "insert into monitoring.performance (model_name, model_version, as_of_date, first_cohort, last_cohort, "
    "predictions, customers, base_rate, auc, accuracy, brier_score, log_loss, calibration_error, computed_at) "
    "values (%s, %s, %s, '2026-01-01', '2026-01-02', 10, 5, 0.2, %s, 0.9, 0.1, 0.3, 0.05, %s)"
)


def plant_champion(uri: str, model_name: str, version: int) -> None:
    with open_session(uri) as session:
        session.execute(
            "insert into serving.rollouts (model_name, champion_version) values (%s, %s)", (model_name, version)
        )


def register(tracking_uri: str, model_name: str, tags: dict[str, str]) -> int:
    """A registered version with these tags; nobody loads its model."""
    with MlflowRest(tracking_uri) as mlflow:
        run = mlflow.send("runs/create", {"experiment_id": "0"})["run"]["info"]
        mlflow.send("registered-models/create", {"name": model_name})
        body = {
            "name": model_name,
            "run_id": run["run_id"],
            "source": f"{run['artifact_uri']}/model",
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        return int(mlflow.send("model-versions/create", body)["model_version"]["version"])


def test_the_report_tells_what_the_stores_hold(warehouse_uri: str) -> None:
    tracking_uri, name = start_shared_server().uri, "churn-report"
    tags = {
        "family": "xgboost", "auc": "0.853219", "auc_low": "0.81", "auc_high": "0.89", "decision": "production",
        "baseline_auc": "0.8", "baseline_feature": "recency_days",
    }  # fmt: skip
    plant_champion(warehouse_uri, name, register(tracking_uri, name, tags))
    stages = [Stage("ingest", "ingest", seconds=1.26), Stage("train", "train", seconds=2.01), Stage("score", "score")]
    runs = [{"dag_id": "score_batch", "run_id": "r", "state": "success"}]

    report = build_report(warehouse_uri, tracking_uri, name, stages, runs)

    assert report["champion"] == {
        "name": name, "family": "xgboost", "version": 1, "auc": 0.853219, "auc_low": 0.81, "auc_high": 0.89,
    }  # fmt: skip
    assert report["baseline"] == {"feature": "recency_days", "auc": 0.8}
    assert report["decision"] == "production"
    assert report["stages"] == [{"name": "ingest", "seconds": 1.3}, {"name": "train", "seconds": 2.0}]
    assert report["total_seconds"] == 3.3
    assert report["dag_runs"] == runs
    assert report["approval"] == {"answered_by": None, "trained_by": None}
    assert report["retraining"] == {"action": None, "reasons": []}
    assert (report["canary"], report["performance"]) == ([], {})


def test_a_champion_that_the_registry_does_not_know_is_refused(warehouse_uri: str) -> None:
    plant_champion(warehouse_uri, "churn-unregistered", 7)
    with pytest.raises(StackError, match=r"No version of 'churn-unregistered' serves.*deploy_model"):
        build_report(warehouse_uri, start_shared_server().uri, "churn-unregistered", [], [])


def test_without_a_champion_there_is_no_report(warehouse_uri: str) -> None:
    plant_champion(warehouse_uri, "another", 1)
    nowhere = f"http://127.0.0.1:{find_free_port()}"
    with pytest.raises(StackError, match=r"No version of 'churn' serves.*deploy_model"):
        build_report(warehouse_uri, nowhere, MODEL, [], [])


def test_the_newest_approval_of_the_model_counts(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute_many(
            "insert into governance.approvals (at, model_name, model_version, decision, answered_by, trained_by, "
            "dag_id, run_id) values (%s, %s, %s, 'approved', %s, 'scientist', 'deploy_model', %s)",
            [
                ("2026-03-02", MODEL, 2, "approver", "r2"),
                ("2026-03-01", MODEL, 1, "admin", "r1"),
                ("2026-03-03", "another", 1, "analyst", "r3"),
            ],
        )
        expected = {"answered_by": "approver", "trained_by": "scientist", "decision": "approved", "model_version": 2}
        assert read_approval(session, MODEL) == expected


def test_a_table_without_a_producing_run_is_named(warehouse_uri: str) -> None:
    database = warehouse_uri.rsplit("/", 1)[1]
    with open_session(warehouse_uri) as session:
        session.execute("insert into raw.products (product_id) values (1)")
        session.execute("insert into raw.campaigns (campaign_id) values (1)")
        event = {
            "eventType": "COMPLETE",
            "eventTime": "2026-03-01T12:00:00Z",
            "run": {"runId": "01234567-89ab-7def-8123-456789abcdef"},
            "job": {"namespace": "default", "name": "ingest"},
            "outputs": [{"namespace": "postgres://127.0.0.1:5432", "name": f"{database}.raw.products"}],
        }
        insert_events(session, [parse_event(json.dumps(event).encode())])
    lineage: dict[str, Any] = {"tables_written": 0}
    # PostgreSQL publishes a session's statistics a moment after its end.
    while lineage["tables_written"] < 2:
        with open_session(warehouse_uri) as session:
            lineage = read_lineage(session)
    assert lineage == {"tables_written": 2, "tables_without_producer": ["raw.campaigns"], "events": 1}


def test_the_rollouts_events_come_in_order(warehouse_uri: str) -> None:
    events = [("bootstrapped", 0.0), ("canary_started", 0.05), ("weight_set", 0.5), ("promoted", 0.0)]
    with open_session(warehouse_uri) as session:
        session.execute_many(
            "insert into serving.rollout_events (model_name, event, champion_version, challenger_weight) "
            "values (%s, %s, 1, %s)",
            [(MODEL, *event) for event in events] + [("another", "promoted", 0.0)],
        )
        found = read_canary(session, MODEL)
    assert [(row["event"], row["challenger_weight"]) for row in found] == events


def test_the_newest_decision_counts_with_its_reasons(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute_many(
            "insert into monitoring.decisions (model_name, as_of_date, model_version, action, reasons, checks, "
            "run_key, decided_at) values (%s, %s, 2, %s, %s, '[]', 'k', %s)",
            [
                (MODEL, "2026-03-02", "retrain", ["AUC fell", "drift"], "2026-03-02 12:00Z"),
                (MODEL, "2026-03-01", "keep", ["fine"], "2026-03-01 12:00Z"),
                ("another", "2026-03-03", "keep", ["fine"], "2026-03-03 12:00Z"),
            ],
        )
        found = read_retraining(session, MODEL)
    assert found == {"action": "retrain", "reasons": ["AUC fell", "drift"], "as_of_date": "2026-03-02"}


def test_of_two_versions_on_one_day_the_later_measured_one_counts(warehouse_uri: str) -> None:
    rows = [
        (MODEL, 1, "2026-03-02", 0.7, "2026-03-02 10:00Z"),
        (MODEL, 2, "2026-03-02", 0.8, "2026-03-02 12:00Z"),
        (MODEL, 3, "2026-03-02", None, "2026-03-02 11:00Z"),
        (MODEL, 2, "2026-03-01", 0.6, "2026-03-02 13:00Z"),
    ]
    with open_session(warehouse_uri) as session:
        session.execute_many(PERFORMANCE, rows)
        found = read_performance(session, MODEL)
    assert (found["model_version"], found["auc"], found["predictions"]) == (2, 0.8, 10)
    assert json.loads(json.dumps(found)) == found


def test_the_published_rows_and_days_are_counted(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        assert read_data(session) == {"rows": 0, "days": 0, "first_day": None, "last_day": None}
        days = [("2026-03-02",), ("2026-03-01",), ("2026-03-02",)]
        session.execute_many("insert into raw.transactions (day) values (%s)", days)
        assert read_data(session) == {"rows": 3, "days": 2, "first_day": "2026-03-01", "last_day": "2026-03-02"}


def test_a_loop_that_worked_has_no_shortcoming() -> None:
    assert find_shortcomings(GOOD) == []


@pytest.mark.parametrize(
    ("section", "change", "sentence"),
    [
        ("champion", {"auc": 0.8}, "the champion's AUC 0.8 does not beat recency_days alone, 0.8"),
        ("approval", {"answered_by": "scientist"}, "scientist approved a model of scientist"),
        ("approval", {"answered_by": None}, "None approved a model of scientist"),
        ("approval", {"is_trainer_refused": False}, "the trainer's own approval was not refused"),
        ("lineage", {"tables_without_producer": ["raw.a", "ml.b"]}, "tables have no producing run: raw.a, ml.b"),
        ("traffic", {"requests": 0}, "no customer asked during the rollout"),
        ("traffic", {"failed": 3}, "3 requests failed during the rollout"),
        ("retraining", {"action": None}, "monitoring decided nothing"),
    ],
)
def test_each_shortcoming_is_one_sentence(section: str, change: dict[str, Any], sentence: str) -> None:
    report = deepcopy(GOOD)
    report[section] |= change
    assert find_shortcomings(report) == [sentence]


def test_a_decision_short_of_production_is_a_shortcoming() -> None:
    assert find_shortcomings({**GOOD, "decision": "staging"}) == ["the gates decided 'staging', not production"]


def test_failed_runs_are_a_shortcoming() -> None:
    runs = [*GOOD["dag_runs"], {"dag_id": "deploy_model", "run_id": "r2", "state": "failed"}]
    assert find_shortcomings({**GOOD, "dag_runs": runs}) == ["runs failed: deploy_model r2"]


def test_the_written_report_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "report.json"
    write_report(path, {"old": True})
    write_report(path, GOOD)
    assert json.loads(path.read_text()) == GOOD
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]
