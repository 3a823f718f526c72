"""Whether there is a reason to train, and what a training for that reason tries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.registry.ledger import find_last_decision, has_versions
from include.settings.models import ModelSettings
from include.settings.strategies import TrainingCause
from include.settings.training import TrainingSettings
from include.training.history import TrainingPlan, find_held_at
from include.warehouse.session import Session, open_session


@dataclass(frozen=True)
class RetrainingRequest:
    """What monitoring asked for: when, and the names of the checks that did not pass."""

    at: datetime
    failed_checks: tuple[str, ...]

    @property
    def cause(self) -> TrainingCause:
        """``decay`` where the score has fallen, with drift or without; else ``drift``."""
        return "decay" if "score_drop" in self.failed_checks else "drift"


@dataclass(frozen=True)
class LastTraining:
    """When the newest training set was read that led to a decision, a refusal among them.

    Attributes:
        feature_version: of the groups that it was read from.
        held_at: when a later one was read on which the champion held; it then is as good as new, and no more is said.
    """

    at: datetime
    feature_version: str
    held_at: datetime | None = None


def plan_training(
    has_version: bool,
    request: RetrainingRequest | None,
    last: LastTraining | None,
    feature_version: str,
    now: datetime,
    settings: TrainingSettings,
) -> TrainingPlan:
    """Train when there is no model, when monitoring asked since the last training, when the version of a feature
    group was raised, or when the last training is too old.

    Args:
        request: the newest one, answered or not.
        feature_version: of the groups as they are declared now.
    """

    def plan(cause: TrainingCause, reason: str) -> TrainingPlan:
        return TrainingPlan(cause, reason, getattr(settings.strategies, cause))

    if not has_version:
        return plan("first", "there is no model yet")
    if last is None:
        return plan("first", "no training is on record for the model that there is")
    if request is not None and request.at > last.at:
        found = " and ".join(request.failed_checks) or "a check that is not on record"
        return plan(request.cause, f"monitoring requested a retraining at {request.at:%Y-%m-%d %H:%M %Z}: {found}")
    if feature_version != last.feature_version:
        return plan("feature_version", f"the feature groups are {feature_version}, trained was {last.feature_version}")
    renewed_at = max(last.at, last.held_at or last.at)
    age = f"the last training is {(now - renewed_at).days} days old, {settings.max_model_age_days} are allowed"
    if now - renewed_at > timedelta(days=settings.max_model_age_days):
        return plan("schedule", age)
    return TrainingPlan(None, f"{age}, and no retraining was requested since")


def check_training_due(
    uri: str, model: ModelSettings, feature_version: str, now: datetime | None = None
) -> TrainingPlan:
    """Read what :func:`plan_training` needs, and plan.

    Args:
        uri: the warehouse.
        feature_version: of the model's groups (``include.features.spec.ModelSpec``).
        now: the clock's time when absent.

    Raises:
        WarehouseError: the warehouse is away.
    """
    with open_session(uri) as session:
        has_version = has_versions(session, model.name)
        last, request = _find_last(session, model.name), _find_request(session, model.name)
    return plan_training(has_version, request, last, feature_version, now or datetime.now(UTC), model.training)


def _find_last(session: Session, name: str) -> LastTraining | None:
    found, held_at = find_last_decision(session, name), find_held_at(session, name)
    return None if found is None else LastTraining(found["assembled_at"], found["feature_version"], held_at)


def _find_request(session: Session, name: str) -> RetrainingRequest | None:
    row = session.fetch_one(
        "select decided_at, checks from monitoring.decisions where model_name = %s and action = 'retrain' "
        "order by decided_at desc limit 1",
        (name,),
    )
    return None if row is None else RetrainingRequest(row["decided_at"], list_failed(row["checks"]))


def list_failed(checks: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The names of the checks that did not pass."""
    return tuple(str(check["name"]) for check in checks if not check["is_passed"])
