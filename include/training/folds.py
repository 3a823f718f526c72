"""Validates a family several times over: on the validation split, and on training cutoffs after those before them.

Candidates are ranked by what comes out; nothing of it looks at the test rows, on which the gates judge the best one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from include.errors import TrainingError
from include.settings.training import TrainingSettings
from include.tasks.task import Decision, Task
from include.training.splits import TrainingData, check_labels, check_training_rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.families.family import Rows
    from include.tasks.task import Floats

    Mask = npt.NDArray[np.bool_]

Predict = Callable[[TrainingData], "tuple[Floats, Decision]"]
"""Fits a family on the training split, and says what it predicts of the validation split, and how it decides."""


@dataclass(frozen=True)
class Validation:
    """The metrics of a family, as the mean over folds.

    Attributes:
        scores: the task's score on each fold, the validation split first.
        metrics: those of the task that are finite on every fold.
    """

    scores: tuple[float, ...]
    metrics: Mapping[str, float]

    def describe(self) -> dict[str, Any]:
        """As XCom and MLflow take it."""
        return {"folds": len(self.scores), "scores": list(self.scores), "metrics": dict(self.metrics)}


def validate(
    data: TrainingData, first: tuple[Floats, Decision], predict: Predict, task: Task, horizon_days: int,
    settings: TrainingSettings,
) -> Validation:  # fmt: skip
    """Measure a family on every fold.

    Args:
        first: what the family, fitted on all training rows, says of the validation split.
        horizon_days: of the label.
    """
    measured = [task.measure(data.validation.labels, *first)]
    for fold in list_folds(data, task, horizon_days, settings):
        measured.append(task.measure(fold.validation.labels, *predict(fold)))
    return Validation(tuple(metrics["score"] for metrics in measured), _average(measured))


def list_folds(data: TrainingData, task: Task, horizon_days: int, settings: TrainingSettings) -> Iterator[TrainingData]:
    """Training cutoffs, newest first, each as the validation split after the cutoffs whose labels were known by then.

    A cutoff without enough rows before it, or in it, is none. A table that is split by entity has none.
    """
    for fitted, held_out in _list_masks(data, task, horizon_days, settings.validation_folds - 1, settings):
        yield replace(data, train=data.train.take(fitted), validation=data.train.take(held_out))


def hold_out_newest(
    data: TrainingData, task: Task, horizon_days: int, settings: TrainingSettings
) -> list[tuple[Rows, Rows]]:
    """The newest fold among the training rows, as positions to fit on and positions to predict; none if there is none.

    For what learns from predictions of rows that a model has not seen: a calibration, a final model of an ensemble.
    """
    import numpy as np

    masks = _list_masks(data, task, horizon_days, 1, settings)
    return [(np.flatnonzero(fitted), np.flatnonzero(held_out)) for fitted, held_out in masks]


def _list_masks(
    data: TrainingData, task: Task, horizon_days: int, count: int, settings: TrainingSettings
) -> Iterator[tuple[Mask, Mask]]:
    """The training rows to fit on and those of the cutoff that is held out, newest first, as long as both suffice."""
    days, embargo = data.train.days, timedelta(days=max(horizon_days, 1))
    for cutoff in sorted(set(days), reverse=True)[:count]:
        fitted, held_out = days <= cutoff - embargo, days == cutoff
        try:
            check_training_rows(int(fitted.sum()), settings)
            for name, rows in (("train", fitted), ("validation", held_out)):
                check_labels(name, data.train.labels[rows], data.classes, task, settings)
        except TrainingError:
            return
        yield fitted, held_out


def _average(measured: Sequence[Mapping[str, float]]) -> dict[str, float]:
    import numpy as np

    means = {name: float(np.mean([metrics[name] for metrics in measured])) for name in measured[0]}
    return {name: mean for name, mean in means.items() if np.isfinite(mean)}
