"""What a task has to know: the contract that every kind of label fulfils."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from include.tasks.evidence import EvidenceOfTask
from include.tasks.paired import PairedTest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.features.matrix import FeatureMatrix
    from include.settings.task_name import TaskName

    Floats = npt.NDArray[np.floating[Any]]
    Labels = npt.NDArray[Any]

Decision = Mapping[str, Any]
"""What turns predictions into answers: ``{"threshold": …}``, ``{"classes": […]}`` or nothing; JSON types."""


@dataclass(frozen=True)
class FittedBaseline:
    """The rule that one would use without machine learning.

    Attributes:
        feature: the one numeric feature that it looks at.
        model: a fitted scikit-learn pipeline over that feature alone, [n, 1].
    """

    feature: str
    model: Any


class Task(EvidenceOfTask, Protocol):
    """One kind of label.

    ``labels`` are int64 [n] (binary: 0 and 1; multiclass: positions in the classes) or float64 [n]
    (regression). ``predictions`` are float32 or float64: [n] probabilities of the positive class (binary),
    [n, classes] probabilities (multiclass), [n] values (regression). The score is higher-is-better and at
    most 1.
    """

    name: TaskName
    score_name: str
    """The metric that is the task's score, such as ``auc``."""

    score_title: str
    """The same for people, such as ``AUC``."""

    evidence_title: str
    """What :meth:`count_evidence` counts, in words."""

    sql_type: str
    """The type of the label's column in a training set."""

    outcome_sql: str
    """The cast of a label's column to an outcome's text, such as ``::text``."""

    output_name: str
    """The ONNX output: ``probabilities`` or ``prediction``."""

    def find_classes(self, values: Sequence[Any]) -> tuple[str, ...]:
        """The classes among the label values of the training rows; none for binary and regression."""
        ...

    def encode_labels(self, values: Sequence[Any], classes: Sequence[str] = ()) -> Labels:
        """Label values of a table (booleans or 0 and 1; text; numbers) as ``labels``.

        Raises:
            TrainingError: a value that is none of the classes, is missing, or is infinite.
        """
        ...

    def count_evidence(self, labels: Labels, classes: Sequence[str] = ()) -> int:
        """Rows of the smallest class (0 if a class is absent); all rows for regression."""
        ...

    def describe_counts(self, labels: Labels, classes: Sequence[str] = ()) -> str:
        """The rows of each class, or of all, in words."""
        ...

    def predict(self, model: Any, inputs: Any) -> Floats:
        """What a fitted scikit-learn pipeline says, as ``predictions``."""
        ...

    def read_output(self, output: Floats) -> Floats:
        """The ONNX output as ``predictions``."""
        ...

    def tune(
        self,
        labels: Labels,
        predictions: Floats,
        classes: Sequence[str] = (),
        gains: Mapping[str, float] | None = None,
    ) -> Decision:
        """What turns predictions into answers best, chosen on validation rows; by what rows earn, if that is given."""
        ...

    def measure(self, labels: Labels, predictions: Floats, decision: Decision) -> dict[str, float]:
        """All metrics; ``score`` is among them, and again under its own name."""
        ...

    def weighted_scores(self, labels: Labels, predictions: Floats, weights: Labels) -> npt.NDArray[np.float64]:
        """The score of each weighting of the rows (weights int64 [repetitions, n]); NaN where undefined."""
        ...

    def score_features(self, numeric: Floats, labels: Labels) -> npt.NDArray[np.float64]:
        """How much each numeric feature alone knows of the label, [k], at most 1 (missing values as the median)."""
        ...

    def fit_baseline(self, matrix: FeatureMatrix, labels: Labels, seed: int) -> FittedBaseline:
        """Choose the baseline's feature on training rows and fit it.

        Raises:
            TrainingError: there is no numeric feature.
        """
        ...

    def measure_difference(self, expected: Floats, answered: Floats, labels: Labels) -> Floats:
        """The distance of two predictions of each row [n]: in probability, or in standard deviations of the label."""
        ...

    def find_invalid(self, predictions: Floats) -> npt.NDArray[np.bool_]:
        """Which predictions are none, [n]: not finite, or no probability."""
        ...

    def summarise(self, predictions: Floats) -> npt.NDArray[np.float64]:
        """One number for each prediction, [n]: the probability (of the predicted class), or the value."""
        ...

    def decide(self, predictions: Floats, decision: Decision) -> list[str | None]:
        """The answer to each row as text: 'true', 'false', a class; None for regression."""
        ...

    def describe(self, prediction: Any, decision: Decision) -> dict[str, Any]:
        """One row's answer in JSON types: ``prediction``, and ``probability`` or ``probabilities``."""
        ...

    def check_answer(self, answer: Mapping[str, Any], decision: Decision) -> str | None:
        """What is wrong with an answer that should be one of :meth:`describe`, in words; None when nothing is."""
        ...

    def parse_outcomes(self, texts: Sequence[str], decision: Decision) -> Labels:
        """Outcomes, which are kept as text, as ``labels``; a class that is unknown to the version is -1."""
        ...

    def compare(
        self, labels: Labels, predictions: Floats, decision: Decision, others: Floats, other_decision: Decision
    ) -> PairedTest:
        """Whether the answers of two models differ by more than chance, each by its own decision.

        Args:
            others: of the other model, on the same rows.
        """
        ...

    def list_curves(self, labels: Labels, predictions: Floats, decision: Decision) -> dict[str, Any]:
        """What is drawn of the answers, by name, in JSON types (see ``include.tasks.curves``)."""
        ...
