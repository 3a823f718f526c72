"""Yes or no: the label is a boolean, the prediction the probability of yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.errors import TrainingError
from include.tasks.binary_evidence import BinaryEvidence
from include.tasks.classification import (
    describe_wrong_probability,
    find_non_probabilities,
    fit_single_feature,
)
from include.tasks.curves import count_confusion, shorten_bins, trace_ranking
from include.tasks.paired import PairedTest, compare_answers
from include.tasks.ranking import measure_column_aucs, measure_weighted_aucs
from include.tasks.task import Decision, FittedBaseline

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.features.matrix import FeatureMatrix
    from include.settings.task_name import TaskName
    from include.tasks.task import Floats, Labels

_TEXTS = ("false", "true")


class BinaryTask(BinaryEvidence):
    """See :class:`include.tasks.task.Task`; the score is the AUC."""

    name: TaskName = "binary"
    score_name = "auc"
    score_title = "AUC"
    evidence_title = "rows of the smaller class"
    sql_type = "bigint"
    outcome_sql = "::integer::boolean::text"
    output_name = "probabilities"

    def find_classes(self, values: Sequence[Any]) -> tuple[str, ...]:  # noqa: ARG002
        """None: the classes are always the same."""
        return ()

    def encode_labels(self, values: Sequence[Any], classes: Sequence[str] = ()) -> Labels:  # noqa: ARG002
        """Booleans, or 0 and 1, as int64."""
        import numpy as np

        known = {False: 0, True: 1}
        try:
            return np.array([known[value] for value in values], dtype=np.int64)
        except (KeyError, TypeError) as error:
            raise TrainingError(f"A binary label holds {error}; it is true or false, and never null.") from error

    def count_evidence(self, labels: Labels, classes: Sequence[str] = ()) -> int:  # noqa: ARG002
        """Rows of the smaller class."""
        positives = int(labels.sum())
        return min(positives, len(labels) - positives)

    def describe_counts(self, labels: Labels, classes: Sequence[str] = ()) -> str:  # noqa: ARG002
        """The rows of both classes."""
        positives = int(labels.sum())
        return f"{positives} positive, {len(labels) - positives} negative"

    def predict(self, model: Any, inputs: Any) -> Floats:
        """The probability of the positive class."""
        probabilities: Floats = model.predict_proba(inputs)[:, 1]
        return probabilities

    def read_output(self, output: Floats) -> Floats:
        """The second column."""
        return output[:, 1]

    def tune(
        self,
        labels: Labels,
        predictions: Floats,
        classes: Sequence[str] = (),  # noqa: ARG002
        gains: Mapping[str, float] | None = None,
    ) -> Decision:
        """The probability from which predicting yes gives the best F1, or earns most."""
        return {"threshold": choose_threshold(labels, predictions, gains)}

    def measure(self, labels: Labels, predictions: Floats, decision: Decision) -> dict[str, float]:
        """AUC, F1, precision, recall, accuracy, log loss, Brier score, share of positives."""
        import numpy as np
        from sklearn import metrics

        predicted = predictions >= decision["threshold"]
        probabilities = np.clip(predictions, 0.0, 1.0)
        has_both = 0 < labels.sum() < len(labels)
        auc = float(metrics.roc_auc_score(labels, predictions)) if has_both else float("nan")
        return {
            "score": auc,
            "auc": auc,
            "f1": float(metrics.f1_score(labels, predicted, zero_division=0)),
            "precision": float(metrics.precision_score(labels, predicted, zero_division=0)),
            "recall": float(metrics.recall_score(labels, predicted, zero_division=0)),
            "accuracy": float(metrics.accuracy_score(labels, predicted)),
            "log_loss": float(metrics.log_loss(labels, probabilities, labels=[0, 1])),
            "brier": float(metrics.brier_score_loss(labels, probabilities, pos_label=1)),
            "positive_rate": float(labels.mean()),
            "calibration_error": measure_calibration_error(labels, probabilities),
        }

    def weighted_scores(self, labels: Labels, predictions: Floats, weights: Labels) -> npt.NDArray[np.float64]:
        """The AUC of each weighting."""
        return measure_weighted_aucs(labels == 1, predictions, weights)

    def score_features(self, numeric: Floats, labels: Labels) -> npt.NDArray[np.float64]:
        """The AUC of each feature alone, in its better direction."""
        return measure_column_aucs(numeric, labels == 1)

    def fit_baseline(self, matrix: FeatureMatrix, labels: Labels, seed: int) -> FittedBaseline:
        """A logistic curve on the feature that ranks the training rows best."""
        return fit_single_feature(matrix, labels, self.score_features(matrix.numeric, labels), seed)

    def measure_difference(self, expected: Floats, answered: Floats, labels: Labels) -> Floats:  # noqa: ARG002
        """The absolute difference in probability."""
        import numpy as np

        difference: Floats = np.abs(expected.astype(np.float64) - answered)
        return difference

    def find_invalid(self, predictions: Floats) -> npt.NDArray[np.bool_]:
        """What is no probability."""
        return find_non_probabilities(predictions)

    def summarise(self, predictions: Floats) -> npt.NDArray[np.float64]:
        """The probability, within [0, 1]."""
        import numpy as np

        return np.clip(predictions.astype(np.float64), 0.0, 1.0)

    def decide(self, predictions: Floats, decision: Decision) -> list[str | None]:
        """'true' from the threshold on."""
        return [_TEXTS[int(value >= decision["threshold"])] for value in predictions]

    def describe(self, prediction: Any, decision: Decision) -> dict[str, Any]:
        """Whether yes is predicted, and its probability."""
        probability = min(max(float(prediction), 0.0), 1.0)
        return {"prediction": bool(prediction >= decision["threshold"]), "probability": probability}

    def check_answer(self, answer: Mapping[str, Any], decision: Decision) -> str | None:  # noqa: ARG002
        """True or false with a probability."""
        if not isinstance(answer.get("prediction"), bool):
            return f"prediction {answer.get('prediction')!r} is neither true nor false"
        return describe_wrong_probability(answer.get("probability"))

    def parse_outcomes(self, texts: Sequence[str], decision: Decision) -> Labels:  # noqa: ARG002
        """'true' is 1."""
        import numpy as np

        return np.array([_TEXTS.index(text) for text in texts], dtype=np.int64)

    def compare(
        self, labels: Labels, predictions: Floats, decision: Decision, others: Floats, other_decision: Decision
    ) -> PairedTest:
        """McNemar's test."""
        names = ("false", "true")
        outcomes = [names[label] for label in labels]
        return compare_answers(self.decide(predictions, decision), self.decide(others, other_decision), outcomes)

    def list_curves(self, labels: Labels, predictions: Floats, decision: Decision) -> dict[str, Any]:
        """What the ranking finds, calibration, and the confusion of no and yes."""
        return {
            **trace_ranking(labels, predictions),
            "calibration": shorten_bins(self.bin_calibration(labels, predictions)),
            **count_confusion(labels, (predictions >= decision["threshold"]).astype(int), ("no", "yes")),
        }


def choose_threshold(labels: Labels, predictions: Floats, gains: Mapping[str, float] | None = None) -> float:
    """The probability from which predicting yes gives the best F1; of equals, the highest.

    With gains it is the one that earns most on these rows (Elkan, 2001, whose threshold for calibrated probabilities it
    comes to with many rows); at least the highest probability is a yes.

    The threshold lies halfway to the next lower probability, so that rounding in float32 cannot move a
    row of these across it.
    """
    import numpy as np

    order = np.argsort(-predictions, kind="stable")
    ranked = predictions[order].astype(np.float64)
    hits = np.cumsum(labels[order])
    predicted = np.arange(1, len(ranked) + 1)
    if gains is None:
        worth = 2 * hits / (predicted + labels.sum())
    else:
        by_hit, by_miss = (
            gains["true_positive"] - gains["false_negative"],
            gains["false_positive"] - gains["true_negative"],
        )
        worth = by_hit * hits + by_miss * (predicted - hits)
    # Rows of one probability are predicted together: only the last of them is a place to cut.
    is_cut = np.append(ranked[1:] < ranked[:-1], True)
    best = int(np.argmax(np.where(is_cut, worth, -np.inf)))
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)


def measure_calibration_error(labels: Labels, predictions: Floats, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width (Naeini, Cooper & Hauskrecht, 2015).

    The mean distance between predicted and observed share of positives, weighted by rows per bin.
    """
    import numpy as np

    index = np.clip((predictions * bins).astype(np.int64), 0, bins - 1)
    surplus = np.bincount(index, weights=predictions - labels, minlength=bins)
    return float(np.abs(surplus).sum() / len(labels))
