"""One of several classes: the label is text, the prediction a probability for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.errors import TrainingError
from include.tasks.classification import (
    describe_wrong_probability,
    find_non_probabilities,
    fit_single_feature,
)
from include.tasks.curves import count_confusion, shorten_bins
from include.tasks.multiclass_evidence import MulticlassEvidence
from include.tasks.paired import PairedTest, compare_answers
from include.tasks.ranking import measure_column_aucs, measure_weighted_aucs
from include.tasks.task import Decision, FittedBaseline

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.features.matrix import FeatureMatrix
    from include.settings.task_name import TaskName
    from include.tasks.task import Floats, Labels


class MulticlassTask(MulticlassEvidence):
    """See :class:`include.tasks.task.Task`; the score is the mean AUC of each class against the others."""

    name: TaskName = "multiclass"
    score_name = "auc_macro"
    score_title = "macro-averaged AUC"
    evidence_title = "rows of the smallest class"
    sql_type = "text"
    outcome_sql = "::text"
    output_name = "probabilities"

    def find_classes(self, values: Sequence[Any]) -> tuple[str, ...]:
        """The different values, sorted."""
        classes = tuple(sorted({str(value) for value in values if value is not None}))
        if len(classes) < 2:
            raise TrainingError(f"The label has {len(classes)} class(es) in the training rows; at least 2 are needed.")
        return classes

    def encode_labels(self, values: Sequence[Any], classes: Sequence[str] = ()) -> Labels:
        """The position of each value among the classes, as int64."""
        import numpy as np

        if any(value is None for value in values):
            raise TrainingError("A multiclass label holds None; it is text and never null.")
        positions = {name: index for index, name in enumerate(classes)}
        unknown = sorted({str(value) for value in values if value not in positions})
        if unknown:
            raise TrainingError(
                f"The label holds {', '.join(unknown[:3])}, which the training rows do not have. Train on more history."
            )
        return np.array([positions[value] for value in values], dtype=np.int64)

    def count_evidence(self, labels: Labels, classes: Sequence[str] = ()) -> int:
        """Rows of the smallest class."""
        import numpy as np

        return int(np.bincount(labels, minlength=len(classes)).min())

    def describe_counts(self, labels: Labels, classes: Sequence[str] = ()) -> str:
        """The rows of each class."""
        import numpy as np

        counts = np.bincount(labels, minlength=len(classes))
        return ", ".join(f"{count} {name}" for name, count in zip(classes, counts, strict=True))

    def predict(self, model: Any, inputs: Any) -> Floats:
        """The probability of each class."""
        probabilities: Floats = model.predict_proba(inputs)
        return probabilities

    def read_output(self, output: Floats) -> Floats:
        """As it is."""
        return output

    def tune(
        self,
        labels: Labels,  # noqa: ARG002
        predictions: Floats,  # noqa: ARG002
        classes: Sequence[str] = (),
        gains: Mapping[str, float] | None = None,  # noqa: ARG002
    ) -> Decision:
        """Nothing is tuned: the most probable class is the answer."""
        return {"classes": list(classes)}

    def measure(self, labels: Labels, predictions: Floats, decision: Decision) -> dict[str, float]:
        """Macro-averaged AUC, F1, precision, recall; accuracy and log loss."""
        import numpy as np
        from sklearn import metrics

        predicted = predictions.argmax(axis=1)
        positions = list(range(len(decision["classes"])))
        score = float(self.weighted_scores(labels, predictions, np.ones((1, len(labels)), dtype=np.int64))[0])
        averaged: dict[str, Any] = {"labels": positions, "average": "macro", "zero_division": 0}
        probabilities = np.clip(predictions.astype(np.float64), 0.0, 1.0)
        shares = probabilities / probabilities.sum(axis=1, keepdims=True)
        return {
            "score": score,
            "auc_macro": score,
            "f1": float(metrics.f1_score(labels, predicted, **averaged)),
            "precision": float(metrics.precision_score(labels, predicted, **averaged)),
            "recall": float(metrics.recall_score(labels, predicted, **averaged)),
            "accuracy": float(metrics.accuracy_score(labels, predicted)),
            "log_loss": float(metrics.log_loss(labels, shares, labels=positions)),
        }

    def weighted_scores(self, labels: Labels, predictions: Floats, weights: Labels) -> npt.NDArray[np.float64]:
        """The mean AUC of each class against the others, of each weighting; classes without rows are left out."""
        import numpy as np

        aucs = [
            measure_weighted_aucs(labels == index, predictions[:, index], weights)
            for index in range(predictions.shape[1])
        ]
        known = np.isfinite(aucs).sum(axis=0)
        scores: npt.NDArray[np.float64] = np.divide(
            np.nansum(aucs, axis=0), known, out=np.full(len(weights), np.nan), where=known > 0
        )
        return scores

    def score_features(self, numeric: Floats, labels: Labels) -> npt.NDArray[np.float64]:
        """The best AUC of each feature alone over the classes, each against the others."""
        import numpy as np

        present = np.unique(labels)
        best: npt.NDArray[np.float64] = np.max(
            [measure_column_aucs(numeric, labels == index) for index in present], axis=0
        )
        return best

    def fit_baseline(self, matrix: FeatureMatrix, labels: Labels, seed: int) -> FittedBaseline:
        """Logistic curves on the feature that ranks the training rows best."""
        return fit_single_feature(matrix, labels, self.score_features(matrix.numeric, labels), seed)

    def measure_difference(self, expected: Floats, answered: Floats, labels: Labels) -> Floats:  # noqa: ARG002
        """The largest absolute difference in probability over the classes."""
        import numpy as np

        difference: Floats = np.abs(expected.astype(np.float64) - answered).max(axis=1)
        return difference

    def find_invalid(self, predictions: Floats) -> npt.NDArray[np.bool_]:
        """Rows with a value that is no probability."""
        return find_non_probabilities(predictions)

    def summarise(self, predictions: Floats) -> npt.NDArray[np.float64]:
        """The probability of the most probable class."""
        import numpy as np

        highest: npt.NDArray[np.float64] = np.clip(predictions.max(axis=1).astype(np.float64), 0.0, 1.0)
        return highest

    def decide(self, predictions: Floats, decision: Decision) -> list[str | None]:
        """The most probable class."""
        return [decision["classes"][index] for index in predictions.argmax(axis=1)]

    def describe(self, prediction: Any, decision: Decision) -> dict[str, Any]:
        """The most probable class, and the probability of each."""
        probabilities = [min(max(float(value), 0.0), 1.0) for value in prediction]
        named = dict(zip(decision["classes"], probabilities, strict=True))
        return {"prediction": max(named, key=lambda name: named[name]), "probabilities": named}

    def check_answer(self, answer: Mapping[str, Any], decision: Decision) -> str | None:
        """A known class, with a probability for each."""
        classes, probabilities = decision["classes"], answer.get("probabilities")
        if answer.get("prediction") not in classes:
            return f"prediction {answer.get('prediction')!r} is none of the classes {', '.join(classes)}"
        if not isinstance(probabilities, Mapping) or sorted(probabilities) != sorted(classes):
            return "probabilities are not those of the classes"
        return next(filter(None, map(describe_wrong_probability, probabilities.values())), None)

    def parse_outcomes(self, texts: Sequence[str], decision: Decision) -> Labels:
        """Positions among the version's classes; -1 for a class that it does not know."""
        import numpy as np

        positions = {name: index for index, name in enumerate(decision["classes"])}
        return np.array([positions.get(text, -1) for text in texts], dtype=np.int64)

    def compare(
        self, labels: Labels, predictions: Floats, decision: Decision, others: Floats, other_decision: Decision
    ) -> PairedTest:
        """McNemar's test."""
        names = decision["classes"]
        outcomes = [names[label] for label in labels]
        return compare_answers(self.decide(predictions, decision), self.decide(others, other_decision), outcomes)

    def list_curves(self, labels: Labels, predictions: Floats, decision: Decision) -> dict[str, Any]:
        """The confusion of the classes, and the calibration of the most probable one.

        There is no ranking of each class: what serves is one answer for a row, and the confusion shows those.
        """
        return {
            "calibration": shorten_bins(self.bin_calibration(labels, predictions)),
            **count_confusion(labels, predictions.argmax(axis=1), decision["classes"]),
        }
