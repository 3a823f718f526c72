"""Scores parameters on folds of the training rows; what does not depend on the parameters is prepared once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from include.families.family import Rounds
from include.features.matrix import split_names
from include.settings.training import TrainingSettings
from include.tasks.task import Task
from include.training.compare import measure_score
from include.training.families import build_estimator, build_inputs, build_pipeline
from include.training.folds import list_folds
from include.training.search.spaces import DataShape
from include.training.splits import TrainingData

if TYPE_CHECKING:
    from include.tasks.task import Labels


@dataclass(frozen=True)
class PreparedFold:
    """What an estimator is fitted on and scored on: prepared inputs and labels."""

    inputs: Any
    labels: Labels
    held_out_inputs: Any
    held_out_labels: Labels

    def take(self, share: float, seed: int) -> PreparedFold:
        """The fold with a drawn share of the rows to fit on."""
        import numpy as np

        count = max(int(len(self.labels) * share), 2)
        rows = np.sort(np.random.default_rng(seed).permutation(len(self.labels))[:count])
        return replace(self, inputs=self.inputs[rows], labels=self.labels[rows])


@dataclass(frozen=True)
class Stopping:
    """How fits of boosted trees end before their last one.

    Attributes:
        most_trees: of a fit.
        patience: so many trees that are no better end it.
    """

    rounds: Rounds
    most_trees: int
    patience: int


class FoldScorer:
    """The folds of a family's search, newest first."""

    def __init__(
        self, data: TrainingData, family: str, task: Task, horizon_days: int, settings: TrainingSettings
    ) -> None:
        """Prepare the inputs of every fold."""
        self.family, self.task, self.settings = family, task, settings
        numeric, categorical = split_names(data.features)
        self._names = (*numeric, *categorical)
        self.folds = [self._prepare(fold) for fold in split_training_rows(data, task, horizon_days, settings)]
        train = data.train
        share = task.count_evidence(train.labels, data.classes) / len(train.labels)
        rows = min(len(fold.labels) for fold in self.folds)
        self.shape = DataShape(rows, max(self.folds[0].inputs.shape[1], 1), share)

    def score(self, fold: PreparedFold, settings: TrainingSettings) -> float:
        """The score of parameters on a fold; NaN where the model answers a row with no number."""
        estimator = build_estimator(self.family, self.task, settings)
        return self._measure(fold, estimator.fit(fold.inputs, fold.labels))

    def score_stopped(self, fold: PreparedFold, settings: TrainingSettings, stopping: Stopping) -> tuple[float, int]:
        """As :meth:`score`, of boosted trees that end when more of them are no better on the fold; and their number."""
        rows, held_out = (fold.inputs, fold.labels), (fold.held_out_inputs, fold.held_out_labels)
        estimator = build_estimator(self.family, self.task, settings)
        model, trees = stopping.rounds.fit(estimator, rows, held_out, stopping.patience)
        return self._measure(fold, model), trees

    def _measure(self, fold: PreparedFold, model: Any) -> float:
        predictions = self.task.predict(model, fold.held_out_inputs)
        if self.task.find_invalid(predictions).any():
            return float("nan")
        return measure_score(self.task, fold.held_out_labels, predictions)

    def _prepare(self, fold: TrainingData) -> PreparedFold:
        train, held_out = (split.matrix.select(self._names) for split in (fold.train, fold.validation))
        steps = build_pipeline(self.family, train, self.task, self.settings)[:-1]
        inputs, others = build_inputs(train), build_inputs(held_out)
        if len(steps):
            inputs, others = steps.fit_transform(inputs), steps.transform(others)
        return PreparedFold(inputs, fold.train.labels, others, fold.validation.labels)


def split_training_rows(
    data: TrainingData, task: Task, horizon_days: int, settings: TrainingSettings
) -> Iterator[TrainingData]:
    """The training rows as folds, by time or by drawn rows; the validation split is never among them."""
    search = settings.search
    if search.folds == "time":
        options = settings.model_copy(update={"validation_folds": search.max_folds + 1})
        folds = list(list_folds(data, task, horizon_days, options))
        if folds:
            yield from folds
            return
    yield from _draw_folds(data, task, settings)


def _draw_folds(data: TrainingData, task: Task, settings: TrainingSettings) -> Iterator[TrainingData]:
    import numpy as np
    from sklearn.model_selection import KFold, StratifiedKFold

    kind = KFold if task.name == "regression" else StratifiedKFold
    draw = kind(settings.search.max_folds, shuffle=True, random_state=settings.random_seed)
    labels = data.train.labels
    for fitted, held_out in draw.split(labels, labels):
        masks = [np.isin(np.arange(len(labels)), rows) for rows in (fitted, held_out)]
        train, validation = (data.train.take(mask) for mask in masks)
        yield replace(data, train=train, validation=validation)
