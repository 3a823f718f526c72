"""What the best single feature knows of the label, for the gate on leakage.

A category is scored as the mean label, or the share of each class, that it has in the training rows (target
encoding: Micci-Barreca, 2001). It is measured on the test rows, so that a text with many values, which tells
the training rows apart, knows no more than it does of rows that it has not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.tasks.task import Task
from include.training.splits import TrainingData

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.tasks.task import Labels

    Texts = npt.NDArray[np.object_]


def find_single_feature(task: Task, data: TrainingData) -> dict[str, Any]:
    """The feature that knows most of the test rows' label by itself: ``single_feature``, ``single_feature_score``."""
    test = data.test.matrix.select([item.name for item in data.features])
    scores: dict[str, float] = {}
    if test.numeric_names:
        scores |= dict(zip(test.numeric_names, task.score_features(test.numeric, data.test.labels), strict=True))
    scores |= {name: score_category(task, data, name) for name in test.categorical_names}
    best = max(scores, key=lambda name: scores[name])
    return {"single_feature": best, "single_feature_score": float(scores[best])}


def score_category(task: Task, data: TrainingData, name: str) -> float:
    """How much one categorical feature knows of the test rows' label, on the scale of ``task.score_features``."""
    train, test = (split.matrix.select([name]).categorical[:, 0] for split in (data.train, data.test))
    targets = _spread_labels(data.train.labels, len(data.classes))
    encoded = encode_category(train, targets, test)
    return float(task.score_features(encoded, data.test.labels).max())


def _spread_labels(labels: Labels, class_count: int) -> npt.NDArray[np.float64]:
    """The label as the one column, or a column of 0 and 1 for each class, [n, t]."""
    import numpy as np

    column = labels[:, None]
    targets: npt.NDArray[np.float64] = np.asarray(column == np.arange(class_count) if class_count else column, float)
    return targets


def encode_category(train: Texts, targets: npt.NDArray[np.float64], test: Texts) -> npt.NDArray[np.float64]:
    """The mean target of each test row's category in the training rows, [test rows, t].

    Args:
        train: categories of the training rows, [n].
        targets: of the training rows, [n, t].
        test: categories of the test rows; one that no training row has gets the mean of all.
    """
    import numpy as np

    known, positions = np.unique(train.astype(str), return_inverse=True)
    sums = np.zeros((len(known), targets.shape[1]))
    np.add.at(sums, positions, targets)
    means = sums / np.bincount(positions)[:, None]
    texts = test.astype(str)
    found = np.minimum(np.searchsorted(known, texts), len(known) - 1)
    return np.where((known[found] == texts)[:, None], means[found], targets.mean(axis=0))
