"""What a report says of one model, read from a real warehouse."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from include.operate.hops import ModelNotes
from include.operate.model_report import read_approval, read_canary, read_monitoring, read_performance, report_model
from include.registry.ledger import record_decision
from include.settings.models import ModelSettings
from include.warehouse.session import open_session
from tests.unit.registry.planting import make_measured, plant_candidate, plant_version

MEASURED = {
    "family": "random_forest", "score_name": "auc", "score": 0.853219, "score_low": 0.81, "score_high": 0.89,
    "metrics": {"auc": 0.853219, "f1": 0.4}, "feature_set": "full", "selection_method": "importance",
    "selected_features": 11,
    "baseline": {"feature": "age_days", "score": 0.8, "gain": 0.053219, "gain_low": 0.01, "gain_high": 0.09},
}  # fmt: skip
GATES = [
    {
        "name": "leakage", "is_passed": True, "observed": 0.85, "threshold": 0.9, "severity": "blocking", "reason": "",
    }
]  # fmt: skip


def plant_champion(warehouse_uri: str, model_name: str, version: int) -> None:
    with open_session(warehouse_uri) as session:
        session.execute(
            "insert into serving.rollouts (model_name, champion_version) values (%s, %s)", (model_name, version)
        )


def rename(model: ModelSettings, name: str) -> ModelSettings:
    return model.model_copy(update={"name": name})


def test_a_section_tells_what_the_stores_hold(warehouse_uri: str, models: dict[str, ModelSettings]) -> None:
    name = "report_section"
    plant_champion(warehouse_uri, name, plant_version(warehouse_uri, name, make_measured(**MEASURED), gates=GATES))

    section = report_model(warehouse_uri, rename(models["failures"], name), [], ModelNotes(True, 10, 0))

    assert section["champion"] == {
        "version": 1, "family": "random_forest", "score_name": "auc", "score": 0.853219, "score_low": 0.81,
        "score_high": 0.89, "metrics": {"auc": 0.853219, "f1": 0.4},
        "feature_set": "full", "selection_method": "importance", "selected_features": 11,
    }  # fmt: skip
    assert section["baseline"] == MEASURED["baseline"]
    assert section["gates"] == {"decision": "production", "results": GATES, "refused": []}
    assert section["approval"] == {
        "is_required": True, "answered_by": None, "trained_by": None, "is_trainer_refused": True,
    }  # fmt: skip
    assert section["monitoring"] == {"action": None, "reasons": []}
    assert (section["canary"], section["performance"]) == ([], {})


def test_a_model_without_a_champion_says_so(warehouse_uri: str, models: dict[str, ModelSettings]) -> None:
    section = report_model(warehouse_uri, models["units"], [], ModelNotes())
    assert (section["champion"], section["gates"]["refused"]) == (None, [])


def test_of_a_model_that_was_refused_the_reasons_are_told(warehouse_uri: str, models: dict[str, ModelSettings]) -> None:
    run_id = plant_candidate(warehouse_uri, "units", make_measured(), "refuse")
    with open_session(warehouse_uri) as session:
        record_decision(session, run_id, "refuse", ["parity: too far", "leakage: too good"])
    section = report_model(warehouse_uri, models["units"], [], ModelNotes())
    assert section["gates"]["refused"] == ["parity: too far", "leakage: too good"]


def test_a_champion_that_the_registry_does_not_know_serves_nobody(
    warehouse_uri: str, models: dict[str, ModelSettings]
) -> None:
    plant_champion(warehouse_uri, "report_unregistered", 7)
    model = rename(models["units"], "report_unregistered")
    section = report_model(warehouse_uri, model, [], ModelNotes())
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


def test_an_approval_of_before_is_none_of_this_run(warehouse_uri: str, models: dict[str, ModelSettings]) -> None:
    with open_session(warehouse_uri) as session:
        session.execute(
            "insert into governance.approvals (at, model_name, model_version, decision, answered_by, trained_by, "
            "dag_id, run_id) values ('2026-03-02 12:00Z', 'units', 2, 'approved', 'admin', 'scientist', 'deploy', 'r')"
        )
        answered = [
            read_approval(session, models["units"], datetime(2026, 3, 2, hour, tzinfo=UTC))["answered_by"]
            for hour in (12, 13)
        ]
    assert answered == ["admin", None]


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
