"""A number: label and prediction are values in the label's own unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.errors import TrainingError
from include.tasks.curves import shorten_bins, trace_forecast
from include.tasks.paired import PairedTest, compare_errors
from include.tasks.ranking import fill_with_median
from include.tasks.regression_evidence import RegressionEvidence
from include.tasks.task import Decision, FittedBaseline

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.features.matrix import FeatureMatrix
    from include.settings.task_name import TaskName
    from include.tasks.task import Floats, Labels


class RegressionTask(RegressionEvidence):
    """See :class:`include.tasks.task.Task`; the score is D² absolute error (Hastie, Tibshirani & Wainwright, 2015).

    D² is ``1 - MAE / MAE of the best constant``, the median: 0 for a model that is as good as the median, 1 for
    a perfect one, negative for a worse one.
    """

    name: TaskName = "regression"
    score_name = "d2_absolute_error"
    score_title = "D² absolute error"
    evidence_title = "rows"
    sql_type = "double precision"
    outcome_sql = "::text"
    output_name = "prediction"

    def find_classes(self, values: Sequence[Any]) -> tuple[str, ...]:  # noqa: ARG002
        """None."""
        return ()

    def encode_labels(self, values: Sequence[Any], classes: Sequence[str] = ()) -> Labels:  # noqa: ARG002
        """Numbers as float64."""
        import numpy as np

        try:
            labels = np.array([float(value) for value in values], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise TrainingError(f"A label to forecast is a number and never null: {error}.") from error
        if not np.isfinite(labels).all():
            raise TrainingError("A label to forecast is not finite. Make it a number in dbt/models.")
        return labels

    def count_evidence(self, labels: Labels, classes: Sequence[str] = ()) -> int:  # noqa: ARG002
        """All rows."""
        return len(labels)

    def describe_counts(self, labels: Labels, classes: Sequence[str] = ()) -> str:  # noqa: ARG002
        """The number of rows."""
        return f"{len(labels)} rows"

    def predict(self, model: Any, inputs: Any) -> Floats:
        """The value."""
        values: Floats = model.predict(inputs)
        return values.reshape(-1)

    def read_output(self, output: Floats) -> Floats:
        """The only column."""
        return output[:, 0]

    def tune(
        self,
        labels: Labels,  # noqa: ARG002
        predictions: Floats,  # noqa: ARG002
        classes: Sequence[str] = (),  # noqa: ARG002
        gains: Mapping[str, float] | None = None,  # noqa: ARG002
    ) -> Decision:
        """Nothing: the value is the answer."""
        return {}

    def measure(self, labels: Labels, predictions: Floats, decision: Decision) -> dict[str, float]:  # noqa: ARG002
        """D², mean absolute and root mean squared error, R², bias (mean error) and WAPE (error by label)."""
        import numpy as np

        errors = predictions.astype(np.float64) - labels
        score = float(self.weighted_scores(labels, predictions, np.ones((1, len(labels)), dtype=np.int64))[0])
        spread = float(((labels - labels.mean()) ** 2).sum())
        total = float(np.abs(labels).sum())
        return {
            "score": score,
            "d2_absolute_error": score,
            "mae": float(np.abs(errors).mean()),
            "rmse": float(np.sqrt((errors**2).mean())),
            "r2": 1 - float((errors**2).sum()) / spread if spread else float("nan"),
            "bias": float(errors.mean()),
            "wape": float(np.abs(errors).sum()) / total if total else float("nan"),
            "label_mean": float(labels.mean()),
        }

    def weighted_scores(self, labels: Labels, predictions: Floats, weights: Labels) -> npt.NDArray[np.float64]:
        """D² of each weighting; NaN where all labels are equal."""
        import numpy as np

        order = np.argsort(labels, kind="stable")
        ranked, misses = labels[order], np.abs(predictions.astype(np.float64) - labels)[order]
        scores = np.full(len(weights), np.nan)
        for row, weighting in enumerate(weights):  # one at a time stays in the processor's cache
            ordered = weighting[order]
            cumulated = np.cumsum(ordered)
            median = ranked[np.searchsorted(cumulated * 2, cumulated[-1])]
            constant = ordered @ np.abs(ranked - median)
            if constant > 0:
                scores[row] = 1 - ordered @ misses / constant
        return scores

    def score_features(self, numeric: Floats, labels: Labels) -> npt.NDArray[np.float64]:
        """The absolute rank correlation of each feature with the label (Spearman, 1904); 0 for a constant."""
        import numpy as np
        from scipy.stats import rankdata

        ranks = rankdata(fill_with_median(numeric), axis=0)
        target = rankdata(labels)
        ranks, target = ranks - ranks.mean(axis=0), target - target.mean()
        scale = np.sqrt((ranks**2).sum(axis=0) * (target**2).sum())
        correlation: npt.NDArray[np.float64] = np.divide(
            target @ ranks, scale, out=np.zeros(ranks.shape[1]), where=scale > 0
        )
        strength: npt.NDArray[np.float64] = np.abs(correlation)
        return strength

    def fit_baseline(self, matrix: FeatureMatrix, labels: Labels, seed: int) -> FittedBaseline:  # noqa: ARG002
        """The line through one feature that has the smallest mean absolute error on the training rows."""
        from include.tasks.line import build_line, fit_line

        if not matrix.numeric_names:
            raise TrainingError("The baseline needs a numeric feature, and the model has none. Add one to its groups.")
        lines = [fit_line(values, labels) for values in fill_with_median(matrix.numeric).T]
        best = min(range(len(lines)), key=lambda index: lines[index].error)
        return FittedBaseline(matrix.numeric_names[best], build_line(matrix.numeric[:, [best]], lines[best]))

    def measure_difference(self, expected: Floats, answered: Floats, labels: Labels) -> Floats:
        """The absolute difference in standard deviations of the label."""
        import numpy as np

        scale = float(labels.std()) or 1.0
        difference: Floats = np.abs(expected.astype(np.float64) - answered) / scale
        return difference

    def find_invalid(self, predictions: Floats) -> npt.NDArray[np.bool_]:
        """What is not finite."""
        import numpy as np

        return ~np.isfinite(predictions)

    def summarise(self, predictions: Floats) -> npt.NDArray[np.float64]:
        """The value."""
        import numpy as np

        return predictions.astype(np.float64)

    def decide(self, predictions: Floats, decision: Decision) -> list[str | None]:  # noqa: ARG002
        """None: a value needs no decision."""
        return [None] * len(predictions)

    def describe(self, prediction: Any, decision: Decision) -> dict[str, Any]:  # noqa: ARG002
        """The value."""
        return {"prediction": float(prediction)}

    def check_answer(self, answer: Mapping[str, Any], decision: Decision) -> str | None:  # noqa: ARG002
        """A finite number."""
        value = answer.get("prediction")
        is_number = isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value)
        return None if is_number else f"prediction {value!r} is no finite number"

    def parse_outcomes(self, texts: Sequence[str], decision: Decision) -> Labels:  # noqa: ARG002
        """Numbers."""
        import numpy as np

        return np.array([float(text) for text in texts], dtype=np.float64)

    def compare(
        self,
        labels: Labels,
        predictions: Floats,
        decision: Decision,  # noqa: ARG002 - a forecast decides nothing
        others: Floats,
        other_decision: Decision,  # noqa: ARG002
    ) -> PairedTest:
        """Diebold and Mariano's test."""
        import numpy as np

        errors, other_errors = (np.abs(one.astype(np.float64) - labels) for one in (predictions, others))
        return compare_errors(errors, other_errors)

    def list_curves(self, labels: Labels, predictions: Floats, decision: Decision) -> dict[str, Any]:  # noqa: ARG002
        """Label over forecast, the errors, and calibration over tenths of the forecasts."""
        return {
            **trace_forecast(labels, predictions),
            "calibration": shorten_bins(self.bin_calibration(labels, predictions)),
        }
