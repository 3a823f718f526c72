"""Whether the score is alike over time and in the segments of the test rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.evaluation.candidate import Candidate
from include.evaluation.groups import Grouping, group_rows
from include.tasks.bootstrap import estimate_interval
from include.training.compare import measure_score

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

REPETITIONS: Final = 200


@dataclass(frozen=True)
class Segment:
    """The score of the rows with one value of a column.

    Attributes:
        low: with ``high``, its 95 % interval.
        count: rows of the smallest class, or all for regression.
    """

    column: str
    value: str
    score: float
    low: float
    high: float
    count: int

    @property
    def name(self) -> str:
        """As lists show it."""
        return f"{self.column} {self.value}"


@dataclass(frozen=True)
class StabilityEvidence:
    """Scores over time and by segment.

    Attributes:
        slices: the score on each validation fold and on the test rows, the newest first.
        score: of the test rows.
        segments: those with enough rows.
        small: the others, in words.
    """

    slices: tuple[float, ...]
    score: float
    segments: tuple[Segment, ...]
    small: tuple[str, ...]


def measure_stability(candidate: Candidate) -> StabilityEvidence:
    """The scores of training's validation folds, and those of what serves on parts of the test rows."""
    least = candidate.model.gates.stability.min_segment_count
    test, task = candidate.data.test, candidate.task
    score = measure_score(task, test.labels, candidate.answers)
    segments, small = [], []
    for grouping in list_groupings(candidate):
        if not grouping.members:
            small.append(f"{grouping.column} ({grouping.values} values)")
        for value, rows in grouping.members.items():
            count = task.count_evidence(test.labels[rows], candidate.data.classes)
            if count < least:
                small.append(f"{grouping.column} {value} ({count} {task.evidence_title})")
            else:
                segments.append(_measure_segment(candidate, grouping.column, value, rows, count))
    slices = (score, *(float(fold) for fold in candidate.result["validation"]["scores"]))
    return StabilityEvidence(slices, score, tuple(segments), tuple(small))


def list_groupings(candidate: Candidate) -> Iterator[Grouping]:
    """The declared columns, or else every category and boolean that the model takes."""
    declared = candidate.model.gates.stability.segments
    features = candidate.onnx.contract.features
    chosen = [item.name for item in features if item.kind != "numeric"] if declared is None else declared
    return (group_rows(candidate, name) for name in chosen)


def _measure_segment(candidate: Candidate, column: str, value: str, rows: npt.NDArray[np.bool_], count: int) -> Segment:
    task, labels, answers = candidate.task, candidate.data.test.labels[rows], candidate.answers[rows]
    interval = estimate_interval(task, labels, answers, REPETITIONS, candidate.seed)
    return Segment(column, value, measure_score(task, labels, answers), interval.low, interval.high, count)
