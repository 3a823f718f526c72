"""One model's score against another's, both on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.settings.training import TrainingSettings
from include.tasks.bootstrap import estimate_gain_interval
from include.tasks.task import Task

if TYPE_CHECKING:
    from include.tasks.task import Floats, Labels


@dataclass(frozen=True)
class Gain:
    """How much better a model is than another.

    Attributes:
        score: of the other model.
        gain: of the model over the other.
        low: with ``high``, the 95 % interval of the gain over shared bootstrap samples.
    """

    score: float
    gain: float
    low: float
    high: float


def measure_score(task: Task, labels: Labels, predictions: Floats) -> float:
    """The task's score of some predictions."""
    import numpy as np

    return float(task.weighted_scores(labels, predictions, np.ones((1, len(labels)), dtype=np.int64))[0])


def measure_gain(task: Task, labels: Labels, predictions: Floats, others: Floats, settings: TrainingSettings) -> Gain:
    """Compare what two models say of the same rows."""
    other = measure_score(task, labels, others)
    interval = estimate_gain_interval(
        task, labels, predictions, others, settings.bootstrap_repetitions, settings.random_seed
    )
    return Gain(other, measure_score(task, labels, predictions) - other, interval.low, interval.high)
