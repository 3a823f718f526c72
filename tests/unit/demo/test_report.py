"""What the demo reports, read from a real warehouse and a real MLflow, and what it counts as a shortcoming."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from include.demo.model_report import (
    ModelNotes,
    find_model_shortcomings,
    read_approval,
    read_canary,
    read_monitoring,
    read_performance,
    report_model,
)
from include.demo.progress import Progress, Stage
from include.demo.report import build_report, find_shortcomings, read_data, read_lineage, write_report
from include.governance.events import parse_event
from include.governance.store import insert_events
from include.registry.rest import MlflowRest
from include.servers.ports import find_free_port
from include.settings.models import ModelSettings
from include.warehouse.session import open_session
from tests.unit.registry.mlflow_server import start_shared_server

SECTION: dict[str, Any] = {
    "task": "binary",
    "champion": {
        "version": 2, "family": "random_forest", "score_name": "auc", "score": 0.85, "score_low": 0.8,
        "score_high": 0.9, "metrics": {},
    },
    "baseline": {"feature": "age_days", "score": 0.8, "gain": 0.05, "gain_low": None, "gain_high": None},
    "gates": {"decision": "production", "results": []},
    "approval": {
        "is_required": True, "answered_by": "approver", "trained_by": "scientist", "is_trainer_refused": True,
    },
    "canary": [],
    "traffic": {"requests": 100, "failed": 0},
    "performance": {},
    "monitoring": {"action": "keep", "reasons": []},
    "seconds": {},
    "failure": None,
    "shortcomings": [],
}  # fmt: skip
GOOD: dict[str, Any] = {
    "models": {"failures": SECTION, "units": deepcopy(SECTION)},
    "lineage": {"tables_written": 3, "tables_without_producer": [], "events": 9},
    "dag_runs": [{"dag_id": "units.score_batch", "run_id": "r1", "state": "success"}],
}
TAGS = {
    "family": "random_forest", "score_name": "auc", "score": "0.853219", "score_low": "0.81", "score_high": "0.89",
    "metrics": '{"auc": 0.853219, "f1": 0.4}', "decision": "production", "baseline_score": "0.8",
    "baseline_feature": "age_days", "gates": '[{"name": "leakage", "is_passed": true}]',
    "feature_set": "full", "selection_method": "importance", "selected_features": "11",
}  # fmt: skip


def plant_champion(warehouse_uri: str, model_name: str, version: int) -> None:
    with open_session(warehouse_uri) as session:
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


def rename(model: ModelSettings, name: str) -> ModelSettings:
    return model.model_copy(update={"name": name})


def test_the_report_has_what_is_shared_and_a_section_for_each_model(
    warehouse_uri: str, models: dict[str, ModelSettings]
) -> None:
    tracking_uri = start_shared_server().uri
    declared = {
        name: rename(model, name) for name, model in zip(("report_a", "report_b"), models.values(), strict=True)
    }
    for name in declared:
        plant_champion(warehouse_uri, name, register(tracking_uri, name, TAGS))
    stages = [
        Stage("start_stack", "start", None, started_at=100.0, seconds=1.26),
        Stage("report_a.train_candidates", "train", "report_a", started_at=101.0, seconds=9.0),
        Stage("report_b.train_candidates", "train", "report_b", started_at=101.5, seconds=20.04),
        Stage("replay", "replay"),
    ]
    runs = [{"dag_id": "report_a.score_batch", "run_id": "r", "state": "success"}]
    notes = {"report_a": ModelNotes(True, 50, 1), "report_b": ModelNotes(failure="report_b.deploy_model failed\nlog")}

    report = build_report(warehouse_uri, tracking_uri, declared, notes, Progress("demo", stages, is_live=False), runs)

    assert report["stages"] == [
        {"name": "start_stack", "model": None, "seconds": 1.3},
        {"name": "report_a.train_candidates", "model": "report_a", "seconds": 9.0},
        {"name": "report_b.train_candidates", "model": "report_b", "seconds": 20.0},
    ]
    assert report["total_seconds"] == 21.5  # side by side: less than the sum
    assert report["dag_runs"] == runs
    assert list(report["models"]) == ["report_a", "report_b"]
    assert [section["task"] for section in report["models"].values()] == ["binary", "regression"]
    assert report["models"]["report_a"]["seconds"] == {"train_candidates": 9.0}
    assert report["models"]["report_a"]["traffic"] == {"requests": 50, "failed": 1}
    assert "report_b: report_b.deploy_model failed" in report["shortcomings"]
    assert json.loads(json.dumps(report, default=str))["models"]["report_b"]["failure"].endswith("log")


def test_a_section_tells_what_the_stores_hold(warehouse_uri: str, models: dict[str, ModelSettings]) -> None:
    tracking_uri, name = start_shared_server().uri, "report_section"
    plant_champion(warehouse_uri, name, register(tracking_uri, name, TAGS))

    section = report_model(warehouse_uri, tracking_uri, rename(models["failures"], name), [], ModelNotes(True, 10, 0))

    assert section["champion"] == {
        "version": 1, "family": "random_forest", "score_name": "auc", "score": 0.853219, "score_low": 0.81,
        "score_high": 0.89, "metrics": {"auc": 0.853219, "f1": 0.4},
        "feature_set": "full", "selection_method": "importance", "selected_features": 11,
    }  # fmt: skip
    assert section["baseline"]["feature"] == "age_days"
    assert section["gates"] == {"decision": "production", "results": [{"name": "leakage", "is_passed": True}]}
    assert section["approval"] == {
        "is_required": True, "answered_by": None, "trained_by": None, "is_trainer_refused": True,
    }  # fmt: skip
    assert section["monitoring"] == {"action": None, "reasons": []}
    assert (section["canary"], section["performance"]) == ([], {})


def test_a_model_without_a_champion_says_so(warehouse_uri: str, models: dict[str, ModelSettings]) -> None:
    nowhere = f"http://127.0.0.1:{find_free_port()}"
    section = report_model(warehouse_uri, nowhere, models["units"], [], ModelNotes())
    assert section["champion"] is None
    assert section["shortcomings"] == ["no version serves; look at the runs of its deploy_model in the Airflow UI"]


def test_a_champion_that_the_registry_does_not_know_serves_nobody(
    warehouse_uri: str, models: dict[str, ModelSettings]
) -> None:
    plant_champion(warehouse_uri, "report_unregistered", 7)
    model = rename(models["units"], "report_unregistered")
    section = report_model(warehouse_uri, start_shared_server().uri, model, [], ModelNotes())
    assert section["champion"] is None


def test_the_newest_approval_of_the_model_counts(warehouse_uri: str, models: dict[str, ModelSettings]) -> None:
    with open_session(warehouse_uri) as session:
        session.execute_many(
            "insert into governance.approvals (at, model_name, model_version, decision, answered_by, trained_by, "
            "dag_id, run_id) values (%s, %s, %s, 'approved', %s, 'scientist', 'deploy', %s)",
            [
                ("2026-03-02", "units", 2, "approver", "r2"),
                ("2026-03-01", "units", 1, "admin", "r1"),
                ("2026-03-03", "failures", 1, "analyst", "r3"),
            ],
        )
        assert read_approval(session, models["units"]) == {
            "is_required": True, "answered_by": "approver", "trained_by": "scientist", "decision": "approved",
            "model_version": 2,
        }  # fmt: skip


def test_a_table_without_a_producing_run_is_named(warehouse_uri: str) -> None:
    database = warehouse_uri.rsplit("/", 1)[1]
    with open_session(warehouse_uri) as session:
        session.execute("create table raw.parts (part text)")
        session.execute("create table raw.sites (site text)")
        session.execute("insert into raw.parts values ('a')")
        session.execute("insert into raw.sites values ('b')")
        event = {
            "eventType": "COMPLETE",
            "eventTime": "2026-03-01T12:00:00Z",
            "run": {"runId": "01234567-89ab-7def-8123-456789abcdef"},
            "job": {"namespace": "default", "name": "ingest"},
            "outputs": [{"namespace": "postgres://127.0.0.1:5432", "name": f"{database}.raw.parts"}],
        }
        insert_events(session, [parse_event(json.dumps(event).encode())])
    lineage: dict[str, Any] = {"tables_written": 0}
    # PostgreSQL publishes a session's statistics a moment after its end.
    while lineage["tables_written"] < 2:
        with open_session(warehouse_uri) as session:
            lineage = read_lineage(session)
    assert lineage == {"tables_written": 2, "tables_without_producer": ["raw.sites"], "events": 1}


def test_the_rollouts_events_come_in_order(warehouse_uri: str) -> None:
    events = [("bootstrapped", 0.0), ("canary_started", 0.05), ("weight_set", 0.5), ("promoted", 0.0)]
    with open_session(warehouse_uri) as session:
        session.execute_many(
            "insert into serving.rollout_events (model_name, event, champion_version, challenger_weight) "
            "values (%s, %s, 1, %s)",
            [("units", *event) for event in events] + [("failures", "promoted", 0.0)],
        )
        found = read_canary(session, "units")
    assert [(row["event"], row["challenger_weight"]) for row in found] == events


def test_the_newest_decision_counts_with_its_reasons(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute_many(
            "insert into monitoring.decisions (model_name, as_of_date, model_version, action, reasons, checks, "
            "run_key, decided_at) values (%s, %s, 2, %s, %s, '[]', 'k', %s)",
            [
                ("units", "2026-03-02", "retrain", ["the score fell", "drift"], "2026-03-02 12:00Z"),
                ("units", "2026-03-01", "keep", ["fine"], "2026-03-01 12:00Z"),
                ("failures", "2026-03-03", "keep", ["fine"], "2026-03-03 12:00Z"),
            ],
        )
        found = read_monitoring(session, "units")
    assert found == {"action": "retrain", "reasons": ["the score fell", "drift"], "as_of_date": "2026-03-02"}


def test_of_two_versions_on_one_day_the_later_measured_one_counts(warehouse_uri: str) -> None:
    rows = [
        ("units", 1, "2026-03-02", 0.7, "2026-03-02 10:00Z"),
        ("units", 2, "2026-03-02", 0.8, "2026-03-02 12:00Z"),
        ("units", 3, "2026-03-02", None, "2026-03-02 11:00Z"),
        ("units", 2, "2026-03-01", 0.6, "2026-03-02 13:00Z"),
    ]
    with open_session(warehouse_uri) as session:
        session.execute_many(
            "insert into monitoring.performance (model_name, model_version, as_of_date, first_cohort, "
            "last_cohort, predictions, entities, metric, score, computed_at) values (%s, %s, %s, '2026-01-26', "
            "'2026-02-02', 10, 5, 'd2_absolute_error', %s, %s)",
            rows,
        )
        found = read_performance(session, "units")
    assert found == {
        "model_version": 2, "as_of_date": "2026-03-02", "predictions": 10, "entities": 5, "metrics": {},
        "metric": "d2_absolute_error", "score": 0.8, "baseline_score": None,
    }  # fmt: skip
    assert json.loads(json.dumps(found)) == found


def test_the_published_rows_and_days_are_counted_by_source(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        assert read_data(session) == {"rows": 0, "days": 0, "first_day": None, "last_day": None, "sources": {}}
        session.execute_many(
            "insert into raw.partitions (source, batch_day, row_count, content_hash) values (%s, %s, %s, 'x')",
            [("sales", "2026-03-01", 3), ("sales", "2026-03-02", 0), ("parts", "2026-03-01", 4)],
        )
        data = read_data(session)
    assert (data["rows"], data["days"], data["first_day"], data["last_day"]) == (7, 2, "2026-03-01", "2026-03-02")
    assert data["sources"]["parts"] == {"rows": 4, "days": 1, "first_day": "2026-03-01", "last_day": "2026-03-01"}


def test_a_loop_that_worked_has_no_shortcoming() -> None:
    assert find_model_shortcomings(SECTION) == []
    assert find_shortcomings(GOOD) == []


@pytest.mark.parametrize(
    ("part", "change", "sentence"),
    [
        ("baseline", {"gain": 0.0}, "the champion's AUC 0.85 does not beat age_days alone, 0.8"),
        ("champion", {"family": "baseline"}, "the champion is still the baseline"),
        ("gates", {"decision": "staging"}, "the gates decided 'staging', not production"),
        ("approval", {"answered_by": "scientist"}, "scientist approved a model of scientist"),
        ("approval", {"answered_by": None}, "None approved a model of scientist"),
        ("approval", {"is_trainer_refused": False}, "the trainer's own approval was not refused"),
        ("traffic", {"requests": 0}, "no client asked during the rollout"),
        ("traffic", {"failed": 3}, "3 requests failed during the rollout"),
        ("monitoring", {"action": None}, "monitoring decided nothing"),
    ],
)
def test_each_shortcoming_of_a_model_is_one_sentence(part: str, change: dict[str, Any], sentence: str) -> None:
    section = deepcopy(SECTION)
    section[part] |= change
    assert find_model_shortcomings(section) == [sentence]


def test_a_model_that_needs_no_approval_and_has_no_baseline_lacks_nothing() -> None:
    section = deepcopy(SECTION)
    section["approval"] = {"is_required": False, "answered_by": None, "trained_by": None, "is_trainer_refused": None}
    section["baseline"] = None
    assert find_model_shortcomings(section) == []


def test_a_loop_that_ended_early_is_told_by_its_first_line() -> None:
    section = {
        **SECTION,
        "failure": "units.train_candidates failed in fit (run r).\n--- end of the log",
        "champion": None,
    }
    assert find_model_shortcomings(section) == ["units.train_candidates failed in fit (run r)."]


def test_shortcomings_name_their_model_and_what_is_shared() -> None:
    report = deepcopy(GOOD)
    report["models"]["units"]["shortcomings"] = ["monitoring decided nothing"]
    report["dag_runs"].append({"dag_id": "units.deploy_model", "run_id": "r2", "state": "failed"})
    report["lineage"]["tables_without_producer"] = ["raw.a", "ml.b"]
    assert find_shortcomings(report) == [
        "units: monitoring decided nothing",
        "runs failed: units.deploy_model r2",
        "tables have no producing run: raw.a, ml.b",
    ]


def test_the_written_report_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "report.json"
    write_report(path, {"old": True})
    write_report(path, GOOD)
    assert json.loads(path.read_text()) == GOOD
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]
