"""Whether there is a reason to train."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from include.registry.ledger import find_last_decision, has_versions
from include.settings.models import ModelSettings
from include.settings.training import TrainingSettings
from include.warehouse.session import open_session


@dataclass(frozen=True)
class TrainingDecision:
    """Whether to train now, and why or why not."""

    is_due: bool
    reason: str


def decide_training(
    has_candidate_or_champion: bool,
    retrain_requested_at: datetime | None,
    last_trained_at: datetime | None,
    now: datetime,
    settings: TrainingSettings,
) -> TrainingDecision:
    """Train when there is no model, when monitoring asked since the last training, or when it is too old.

    Args:
        retrain_requested_at: the newest request, answered or not.
        last_trained_at: when the newest training set was read that led to a decision, a refusal among them.
    """
    if not has_candidate_or_champion:
        return TrainingDecision(True, "there is no model yet")
    if last_trained_at is None:
        return TrainingDecision(True, "no training is on record for the model that there is")
    if retrain_requested_at is not None and retrain_requested_at > last_trained_at:
        return TrainingDecision(True, f"monitoring requested a retraining at {retrain_requested_at:%Y-%m-%d %H:%M %Z}")
    age = now - last_trained_at
    if age > timedelta(days=settings.max_model_age_days):
        return TrainingDecision(
            True, f"the last training is {age.days} days old, {settings.max_model_age_days} are allowed"
        )
    return TrainingDecision(
        False,
        f"the last training is {age.days} days old, {settings.max_model_age_days} are allowed, "
        "and no retraining was requested since",
    )


def check_training_due(uri: str, model: ModelSettings, now: datetime | None = None) -> TrainingDecision:
    """Read what :func:`decide_training` needs, and decide.

    Args:
        uri: the warehouse.
        now: the clock's time when absent.

    Raises:
        WarehouseError: the warehouse is away.
    """
    with open_session(uri) as session:
        has_model = has_versions(session, model.name)
        last = find_last_decision(session, model.name)
        requested_at = session.fetch_value(
            "select max(decided_at) from monitoring.decisions where model_name = %s and action = 'retrain'",
            (model.name,),
        )
    trained_at = last["assembled_at"] if last else None
    return decide_training(has_model, requested_at, trained_at, now or datetime.now(UTC), model.training)
