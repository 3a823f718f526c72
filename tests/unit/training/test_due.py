"""When training is due, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from include.settings.training import TrainingSettings
from include.training.due import check_training_due, decide_training
from include.warehouse.session import open_session
from tests.model.machines import make_model
from tests.unit.registry.planting import make_measured, plant_candidate, plant_version

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, SOON = timedelta(days=1), timedelta(seconds=1)


def test_without_a_model_training_is_due(settings: TrainingSettings) -> None:
    decision = decide_training(False, None, NOW - DAY, NOW, settings)
    assert decision.is_due
    assert "no model" in decision.reason


def test_with_a_model_of_unknown_age_training_is_due(settings: TrainingSettings) -> None:
    assert decide_training(True, None, None, NOW, settings).is_due


def test_a_request_since_the_last_training_makes_it_due(settings: TrainingSettings) -> None:
    decision = decide_training(True, NOW - DAY, NOW - 2 * DAY, NOW, settings)
    assert decision.is_due
    assert "requested a retraining at 2026-02-28 12:00 UTC" in decision.reason


def test_a_request_that_was_answered_does_not(settings: TrainingSettings) -> None:
    assert not decide_training(True, NOW - 2 * DAY, NOW - DAY, NOW, settings).is_due


def test_a_model_is_due_once_it_is_older_than_allowed(settings: TrainingSettings) -> None:
    allowed = timedelta(days=settings.max_model_age_days)
    assert not decide_training(True, None, NOW - allowed, NOW, settings).is_due
    decision = decide_training(True, None, NOW - allowed - timedelta(seconds=1), NOW, settings)
    assert decision.is_due
    assert "28 days old, 28 are allowed" in decision.reason


def request_retraining(uri: str, model_name: str, action: str, at: datetime) -> None:
    """What monitoring writes."""
    with open_session(uri) as session:
        session.execute(
            """
            insert into monitoring.decisions
                (model_name, as_of_date, model_version, action, reasons, checks, run_key, decided_at)
            values (%s, %s, 1, %s, '{drift}', '{}', '', %s)
            """,
            (model_name, at.date(), action, at),
        )


def test_what_is_on_record_is_read_from_the_warehouse(warehouse_uri: str) -> None:
    model, now = make_model("binary", "machines_due"), datetime.now(UTC)
    assert "no model" in check_training_due(warehouse_uri, model).reason

    plant_version(warehouse_uri, model.name, make_measured(family="baseline"))
    assert "no training is on record" in check_training_due(warehouse_uri, model).reason
    # a refusal is a training, too
    plant_candidate(warehouse_uri, model.name, make_measured(assembled_at=now.isoformat()), "refuse")
    assert not check_training_due(warehouse_uri, model).is_due

    # what is requested while the candidates are fitted was not known to their training set
    request_retraining(warehouse_uri, "another_model", "retrain", now + SOON)
    request_retraining(warehouse_uri, model.name, "keep", now + DAY)
    assert not check_training_due(warehouse_uri, model).is_due
    request_retraining(warehouse_uri, model.name, "retrain", now + SOON)
    assert "requested" in check_training_due(warehouse_uri, model).reason

    later = now + timedelta(days=model.training.max_model_age_days + 1)
    assert check_training_due(warehouse_uri, model, now=later).is_due
