"""What damaged inputs do to score and answers."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from include.evaluation.candidate import Candidate
from include.evaluation.perturbations import damage_rows, measure_spread
from include.training.compare import measure_score
from include.training.splits import SplitData

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Damage:
    """What one kind of damage does.

    Attributes:
        column: the one that was damaged; None for all at once.
        loss: of score.
        change: of the answers (see ``EvidenceOfTask.measure_change``).
    """

    kind: str
    column: str | None
    loss: float
    change: float


@dataclass(frozen=True)
class RobustnessEvidence:
    """What every kind of damage does to the answers to ``rows`` test rows; ``change_title`` names their change."""

    damages: tuple[Damage, ...]
    change_title: str
    rows: int


def measure_robustness(candidate: Candidate) -> RobustnessEvidence:
    """Damage a sample of the test rows in each way, in the columns that the model takes."""
    task, onnx, limits = candidate.task, candidate.onnx, candidate.model.gates.robustness
    names = onnx.contract.feature_names
    booleans = frozenset(item.name for item in onnx.contract.features if item.kind == "boolean")
    spread = measure_spread(candidate.data.train.matrix.select(names), booleans)
    sample = draw_rows(candidate.data.test, limits.max_rows, candidate.seed)
    matrix = sample.matrix.select(names)
    before = onnx.predict(matrix)
    score = measure_score(task, sample.labels, before)
    damages = []
    for damaged in damage_rows(matrix, spread, limits, candidate.seed):
        after = onnx.predict(damaged.matrix)
        loss = score - measure_score(task, sample.labels, after)
        change = task.measure_change(before, after, onnx.contract.decision, sample.labels)
        damages.append(Damage(damaged.kind, damaged.column, loss, change))
    # What is kept of a long list is its beginning.
    damages.sort(key=lambda one: (one.column is not None, -one.change if one.change == one.change else -inf))
    return RobustnessEvidence(tuple(damages), task.change_title, len(sample.labels))


def draw_rows(split: SplitData, most: int, seed: int) -> SplitData:
    """At most so many rows of a split."""
    import numpy as np

    if len(split.labels) <= most:
        return split
    rows: npt.NDArray[np.bool_] = np.zeros(len(split.labels), dtype=bool)
    rows[np.random.default_rng(seed).choice(len(split.labels), most, replace=False)] = True
    return split.take(rows)
