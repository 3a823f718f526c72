"""A training set as arrays, one split at a time, and whether it can be learned from and judged by."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from include.errors import TrainingError
from include.features.catalog import Feature
from include.features.matrix import MISSING_TEXT, FeatureMatrix, from_table
from include.features.read import AS_OF
from include.features.spec import ModelSpec
from include.settings.training import TrainingSettings
from include.tasks import TASKS
from include.tasks.task import Task
from include.training.cutoffs import SPLITS
from include.warehouse.frames import from_frame

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from include.tasks.task import Labels

log = logging.getLogger(__name__)

LABEL: Final = "label"
SPLIT: Final = "split"


@dataclass(frozen=True)
class SplitData:
    """One split as arrays, row by row.

    Attributes:
        matrix: all features of the model's declaration.
        labels: as the task encodes them, [n].
        days: the as-of date of each row, [n] of object.
    """

    matrix: FeatureMatrix
    labels: Labels
    days: npt.NDArray[np.object_]

    @property
    def as_of_date(self) -> date:
        """The newest as-of date of the split."""
        newest: date = max(self.days)
        return newest

    def take(self, rows: npt.NDArray[np.bool_]) -> SplitData:
        """The rows that a mask picks."""
        return SplitData(self.matrix.take(rows), self.labels[rows], self.days[rows])


@dataclass(frozen=True)
class TrainingData:
    """A checked training set.

    Attributes:
        features: those that have a value in the training rows: what a model can learn from.
        classes: of the label, in the order in which they are encoded; none for binary and regression.
    """

    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    train: SplitData
    validation: SplitData
    test: SplitData


def read_training_data(frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings) -> TrainingData:
    """Turn a training set into arrays, whichever dtypes the trip through the warehouse has given it.

    Args:
        frame: as ``include.training.dataset.build_training_set`` makes it.

    Raises:
        TrainingError: too few rows, too few rows of a class in a split, labels that are none or all equal,
            infinite values, or no feature that has a value.
        SourceError: a feature is not in the frame, or is there in another kind.
    """
    import numpy as np

    task = TASKS[spec.task]
    table = from_frame(frame)
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite and is named below
        matrix = from_table(table, spec.features)
    values = np.array([*table.column(LABEL).to_pylist(), None], dtype=object)[:-1]
    days = np.array([*table.column(AS_OF).to_pylist(), None], dtype=object)[:-1]
    splits = np.array(table.column(SPLIT).to_pylist(), dtype=str)
    check_training_rows(int((splits == "train").sum()), settings)
    _check_finite(matrix)
    classes = task.find_classes(values[splits == "train"])
    data: dict[str, SplitData] = {}
    for name in SPLITS:
        rows = splits == name
        labels = task.encode_labels(values[rows], classes)
        check_labels(name, labels, classes, task, settings)
        data[name] = SplitData(matrix.take(rows), labels, days[rows])
    return TrainingData(_keep_known(spec.features, data["train"].matrix), classes, **_by_field(data))


def _by_field(data: Mapping[str, SplitData]) -> dict[str, Any]:
    return {name: data[name] for name in SPLITS}


def check_training_rows(rows: int, settings: TrainingSettings) -> None:
    """Refuse too few training rows with a TrainingError."""
    if rows < settings.min_training_rows:
        raise TrainingError(
            f"{rows} training rows, {settings.min_training_rows} are needed (training.min_training_rows): "
            "ingest more days or more entities."
        )


def _check_finite(matrix: FeatureMatrix) -> None:
    import numpy as np

    is_infinite = np.isinf(matrix.numeric).any(axis=0)
    names = [name for name, bad in zip(matrix.numeric_names, is_infinite, strict=True) if bad]
    if names:
        raise TrainingError(f"Infinite values (as float32) in {', '.join(names)}. Make them null in dbt/models.")


def check_labels(split: str, labels: Labels, classes: tuple[str, ...], task: Task, settings: TrainingSettings) -> None:
    """Refuse the labels of a split that are too few, or all equal, with a TrainingError."""
    import numpy as np

    if task.count_evidence(labels, classes) < settings.min_split_count:
        raise TrainingError(
            f"The {split} split is too small: it has {task.describe_counts(labels, classes)}, at least "
            f"{settings.min_split_count} {task.evidence_title} are needed (training.min_split_count)."
        )
    if len(np.unique(labels)) < 2:
        raise TrainingError(
            f"All labels of the {split} split are equal: there is nothing to learn or to measure. "
            "Check the label's dbt model."
        )


def _keep_known(features: tuple[Feature, ...], train: FeatureMatrix) -> tuple[Feature, ...]:
    """The features that have a value in the training rows: without any, gradient boosting cannot be fitted."""
    import numpy as np

    is_known = dict(zip(train.numeric_names, ~np.isnan(train.numeric).all(axis=0), strict=True))
    is_known |= dict(zip(train.categorical_names, (train.categorical != MISSING_TEXT).any(axis=0), strict=True))
    empty = [feature.name for feature in features if not is_known[feature.name]]
    if empty:
        log.warning("Null in every training row, and therefore left out of the model: %s.", ", ".join(empty))
    if len(empty) == len(features):
        raise TrainingError("Every feature is null in all training rows. Build the features again (build_features).")
    return tuple(feature for feature in features if is_known[feature.name])
