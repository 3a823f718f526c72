"""What trainings were asked for, and which validations stood in their place: tables that are only appended to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from include.settings.strategies import Strategy, TrainingCause
from include.warehouse.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.training.validation import ChampionValidation


@dataclass(frozen=True)
class TrainingPlan:
    """Why a training is due, and what it tries; ``cause`` is None, and ``strategies`` are empty, where none is due."""

    cause: TrainingCause | None
    reason: str
    strategies: tuple[Strategy, ...] = ()

    @property
    def is_due(self) -> bool:
        """Whether there is a reason."""
        return self.cause is not None


def record_plan(
    session: Session, model_name: str, run_key: str, plan: TrainingPlan, candidates: Sequence[str | None]
) -> None:
    """Append why a run of ``train_candidates`` trains, and the names of its candidates; of a run, the newest counts."""
    session.execute(
        "insert into ml.training_plans (model_name, run_key, cause, reason, strategies, candidates) "
        "values (%s, %s, %s, %s, %s, %s)",
        (model_name, run_key, plan.cause, plan.reason, list(plan.strategies), list(candidates)),
    )


def record_validation(
    session: Session, model_name: str, facts: Mapping[str, Any], validation: ChampionValidation
) -> None:
    """Append what was found of a champion.

    Args:
        facts: ``assembled_at``, ``data_version`` and ``feature_version`` of the training set.
    """
    interval = validation.interval
    session.execute(
        "insert into ml.champion_validations (model_name, version, assembled_at, data_version, feature_version, "
        "test_as_of_date, score, score_low, score_high, baseline_score, is_held, reason) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            model_name, validation.version, facts["assembled_at"], facts["data_version"], facts["feature_version"],
            validation.test_as_of_date, validation.score, interval and interval.low, interval and interval.high,
            validation.baseline_score, validation.is_held, validation.reason,
        ),
    )  # fmt: skip


def find_held_at(session: Session, model_name: str) -> datetime | None:
    """When the newest training set was read on which a champion held; None for never."""
    at: datetime | None = session.fetch_value(
        "select max(assembled_at) from ml.champion_validations where model_name = %s and is_held", (model_name,)
    )
    return at
