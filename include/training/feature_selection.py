"""Which features a candidate keeps, and why: decided on the training rows alone.

Neither validation nor test rows are looked at: a feature chosen for what it says of them would make their figures
better than those of rows that nobody has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from include.errors import TrainingError
from include.features.catalog import Feature
from include.features.matrix import MISSING_TEXT, FeatureMatrix, split_names
from include.tasks.task import Task
from include.training.selection_methods import METHODS, FeatureVerdict, Sample
from include.training.splits import TrainingData

if TYPE_CHECKING:
    from include.settings.training import TrainingSettings

OFF: Final = "none"
NULL: Final = "null in every training row"
CONSTANT_VALUE: Final = "one and the same value in every training row"


@dataclass(frozen=True)
class FeatureSelection:
    """What a method said of every feature that was offered to it, kept ones first, best first."""

    method: str
    verdicts: tuple[FeatureVerdict, ...]

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of the features that the candidate takes, best first."""
        return tuple(item.feature for item in self.verdicts if item.is_kept)

    def describe(self) -> dict[str, Any]:
        """The selection in JSON types, for the record."""
        return {"method": self.method, "features": [asdict(item) for item in self.verdicts]}


def select_features(
    data: TrainingData, offered: Sequence[Feature], family: str, task: Task, settings: TrainingSettings
) -> tuple[TrainingData, FeatureSelection | None]:
    """The training set with the selected features to learn from, and the verdicts; None when selection is off.

    Args:
        offered: the features that the candidate was to have; those of them that ``data`` lacks have no value.

    Raises:
        TrainingError: every offered feature is constant or null in the training rows.
    """
    method = settings.feature_selection.method
    if method == OFF:
        return data, None
    known = {item.name for item in data.features}
    empty = [_drop(item.name, NULL) for item in offered if item.name not in known]
    numeric, categorical = split_names(data.features)
    matrix = data.train.matrix.select((*numeric, *categorical))
    names = [name for name in matrix.names if not _is_constant(matrix, name)]
    constant = [_drop(name, CONSTANT_VALUE) for name in matrix.names if name not in names]
    if not names:
        raise TrainingError(
            "Every feature is constant in the training rows: there is nothing to select from. Check the features' dbt "
            "models, or ingest more days."
        )
    sample = _draw_sample(matrix.select(names), data, settings)
    verdicts = sorted(METHODS[method](sample, family, task, settings), key=lambda item: item.rank or 0)
    ordered = [item for item in verdicts if item.is_kept] + [item for item in verdicts if not item.is_kept]
    selection = FeatureSelection(method, (*ordered, *constant, *empty))
    kept = set(selection.kept)
    return replace(data, features=tuple(item for item in data.features if item.name in kept)), selection


def _drop(name: str, reason: str) -> FeatureVerdict:
    return FeatureVerdict(name, False, None, None, reason)


def _is_constant(matrix: FeatureMatrix, name: str) -> bool:
    """Whether a feature has one value in all rows; a value and a missing one are two."""
    import numpy as np

    values = matrix.column(name)
    if name in matrix.categorical_names:
        return len(np.unique(np.where(values == MISSING_TEXT, MISSING_TEXT, values).astype(str))) < 2
    return len(np.unique(values)) < 2  # numpy counts all NaN as one value


def _draw_sample(matrix: FeatureMatrix, data: TrainingData, settings: TrainingSettings) -> Sample:
    """At most ``max_rows`` of the training rows, drawn with the training's seed, in their order."""
    import numpy as np

    count, limit = len(matrix), settings.feature_selection.max_rows
    if count <= limit:
        return Sample(matrix, data.train.labels)
    rows = np.sort(np.random.default_rng(settings.random_seed).choice(count, limit, replace=False))
    return Sample(matrix.take(rows), data.train.labels[rows])
