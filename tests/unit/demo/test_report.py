"""What the demo reports, read from a real warehouse and a real MLflow, and what it counts as a shortcoming."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from include.demo.report import (
    build_report,
    find_model_shortcomings,
    find_shortcomings,
    read_data,
    read_lineage,
    write_report,
)
from include.governance.events import parse_event
from include.governance.store import insert_events
from include.operate.hops import ModelNotes
from include.operate.progress import Progress, Stage
from include.settings.models import ModelSettings
from include.warehouse.session import open_session
from tests.unit.operate.test_model_report import MEASURED, plant_champion, rename
from tests.unit.registry.planting import make_measured, plant_version

SECTION: dict[str, Any] = {
    "task": "binary",
    "champion": {
        "version": 2, "family": "random_forest", "score_name": "auc", "score": 0.85, "score_low": 0.8,
        "score_high": 0.9, "metrics": {},
    },
    "baseline": {"feature": "age_days", "score": 0.8, "gain": 0.05, "gain_low": None, "gain_high": None},
    "gates": {"decision": "production", "results": [], "refused": []},
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


def test_the_report_has_what_is_shared_and_a_section_for_each_model(
    warehouse_uri: str, models: dict[str, ModelSettings]
) -> None:
    declared = {
        name: rename(model, name) for name, model in zip(("report_a", "report_b"), models.values(), strict=True)
    }
    for name in declared:
        plant_champion(warehouse_uri, name, plant_version(warehouse_uri, name, make_measured(**MEASURED)))
    stages = [
        Stage("start_stack", "start", None, started_at=100.0, seconds=1.26),
        Stage("report_a.train_candidates", "train", "report_a", started_at=101.0, seconds=9.0),
        Stage("report_b.train_candidates", "train", "report_b", started_at=101.5, seconds=20.04),
        Stage("replay", "replay"),
    ]
    runs = [{"dag_id": "report_a.score_batch", "run_id": "r", "state": "success"}]
    notes = {"report_a": ModelNotes(True, 50, 1), "report_b": ModelNotes(failure="report_b.deploy_model failed\nlog")}

    report = build_report(warehouse_uri, declared, notes, Progress("demo", stages, is_live=False), runs)

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
        ("gates", {"decision": "staging", "refused": []}, "the gates decided 'staging', not production"),
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


def test_a_model_of_which_nothing_serves_is_a_shortcoming() -> None:
    shortcomings = find_model_shortcomings({**SECTION, "champion": None})
    assert shortcomings == ["no version serves; look at the runs of its deploy_model in the Airflow UI"]
