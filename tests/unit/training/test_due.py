"""When training is due, why, and what it tries."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from include.registry.ledger import record_decision
from include.settings.training import TrainingSettings
from include.tasks.bootstrap import Interval
from include.training.due import LastTraining, RetrainingRequest, check_training_due, plan_training
from include.training.history import TrainingPlan, record_validation
from include.training.validation import ChampionValidation
from include.warehouse.session import open_session
from tests.model.machines import make_model
from tests.unit.registry.planting import make_measured, plant_candidate, plant_version

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, SOON = timedelta(days=1), timedelta(seconds=1)


LAST = LastTraining(NOW - DAY, "visits=1")


def test_without_a_model_training_is_due(settings: TrainingSettings) -> None:
    plan = plan_training(False, None, LAST, "visits=1", NOW, settings)
    assert (plan.cause, plan.strategies) == ("first", ("standard",))
    assert "no model" in plan.reason


def test_with_a_model_of_unknown_age_training_is_due(settings: TrainingSettings) -> None:
    assert plan_training(True, None, None, "visits=1", NOW, settings).cause == "first"


@pytest.mark.parametrize(
    ("failed", "cause", "strategies"),
    [
        (("score_drop",), "decay", ("standard", "search", "ensemble")),
        (("drifted_share", "score_drop"), "decay", ("standard", "search", "ensemble")),
        (("drifted_share",), "drift", ("standard", "feature_selection")),
        (("score_drift",), "drift", ("standard", "feature_selection")),
    ],
)
def test_a_request_since_the_last_training_is_planned_for_what_monitoring_found(
    settings: TrainingSettings, failed: tuple[str, ...], cause: str, strategies: tuple[str, ...]
) -> None:
    request = RetrainingRequest(NOW - DAY / 2, failed)
    plan = plan_training(True, request, LAST, "visits=1", NOW, settings)
    assert (plan.cause, plan.strategies) == (cause, strategies)
    assert "requested a retraining at 2026-03-01 00:00 UTC" in plan.reason
    assert failed[0] in plan.reason


def test_a_request_that_was_answered_does_not(settings: TrainingSettings) -> None:
    request = RetrainingRequest(NOW - 2 * DAY, ("score_drop",))
    plan = plan_training(True, request, LAST, "visits=1", NOW, settings)
    assert (plan.is_due, plan.cause, plan.strategies) == (False, None, ())


def test_a_raised_version_of_a_group_is_a_reason_and_only_once(settings: TrainingSettings) -> None:
    plan = plan_training(True, None, LAST, "visits=2", NOW, settings)
    assert (plan.cause, plan.strategies) == ("feature_version", ("standard", "feature_selection"))
    assert "visits=2, trained was visits=1" in plan.reason
    assert not plan_training(True, None, LastTraining(NOW, "visits=2"), "visits=2", NOW, settings).is_due


def test_a_model_is_due_once_it_is_older_than_allowed(settings: TrainingSettings) -> None:
    allowed = timedelta(days=settings.max_model_age_days)
    assert not plan_training(True, None, LastTraining(NOW - allowed, ""), "", NOW, settings).is_due
    plan = plan_training(True, None, LastTraining(NOW - allowed - SOON, ""), "", NOW, settings)
    assert plan.cause == "schedule"
    assert "28 days old, 28 are allowed" in plan.reason


def request_retraining(uri: str, model_name: str, action: str, at: datetime) -> None:
    """What monitoring writes."""
    checks = [
        {"name": "score_drop", "is_passed": True, "reason": "held"},
        {"name": "drifted_share", "is_passed": False, "reason": "drifted"},
    ]
    with open_session(uri) as session:
        session.execute(
            """
            insert into monitoring.decisions
                (model_name, as_of_date, model_version, action, reasons, checks, run_key, decided_at)
            values (%s, %s, 1, %s, '{drift}', %s, '', %s)
            """,
            (model_name, at.date(), action, json.dumps(checks), at),
        )


def test_what_is_on_record_is_read_from_the_warehouse(warehouse_uri: str) -> None:
    model, now = make_model("binary", "machines_due"), datetime.now(UTC)
    version = make_measured()["feature_version"]

    def plan(feature_version: str = version, at: datetime = now) -> TrainingPlan:
        return check_training_due(warehouse_uri, model, feature_version, at)

    assert "no model" in plan().reason
    plant_version(warehouse_uri, model.name, make_measured(family="baseline"))
    assert "no training is on record" in plan().reason
    # a refusal is a training, too
    plant_candidate(warehouse_uri, model.name, make_measured(assembled_at=now.isoformat()), "refuse")
    assert not plan().is_due
    assert plan("visits=99").cause == "feature_version"

    # what is requested while the candidates are fitted was not known to their training set
    request_retraining(warehouse_uri, "another_model", "retrain", now + SOON)
    request_retraining(warehouse_uri, model.name, "keep", now + DAY)
    assert not plan().is_due
    request_retraining(warehouse_uri, model.name, "retrain", now + SOON)
    assert plan().cause == "drift"
    assert plan().reason.endswith(": drifted_share")

    # a champion that held on newer data is as good as new, and answers nothing that monitoring has found
    facts = {"assembled_at": (now + DAY).isoformat(), "data_version": "d8", "feature_version": "visits=99"}
    old = now + timedelta(days=model.training.max_model_age_days, hours=1)
    for is_held in (False, True):
        with open_session(warehouse_uri) as session:
            found = ChampionValidation(2, date(2026, 2, 1), 0.8, Interval(0.7, 0.9), 0.6, is_held, "why")
            record_validation(session, model.name, facts, found)
        assert plan().cause == "drift"
    plant_candidate(
        warehouse_uri, model.name, make_measured(run_id="later", assembled_at=(now + 2 * SOON).isoformat()), "refuse"
    )
    assert plan("visits=99").cause == "feature_version"
    assert not plan(at=old).is_due
    assert plan(at=old + DAY).cause == "schedule"


def test_a_candidate_that_is_taken_from_an_earlier_training_answers_for_the_later_one(warehouse_uri: str) -> None:
    model, now = make_model("binary", "machines_taken"), datetime.now(UTC)
    measured = make_measured(assembled_at=(now - 9 * DAY).isoformat())
    plant_version(warehouse_uri, model.name, measured)
    request_retraining(warehouse_uri, model.name, "retrain", now - DAY)
    assert check_training_due(warehouse_uri, model, measured["feature_version"], now).is_due
    with open_session(warehouse_uri) as session:
        record_decision(session, measured["run_id"], "refuse", ["as before"], {"assembled_at": now.isoformat()})
    assert not check_training_due(warehouse_uri, model, measured["feature_version"], now).is_due
