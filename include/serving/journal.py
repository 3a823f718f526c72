"""Writes down what every version answered or failed to answer, and makes the predictions of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from include.rollout.stats import Variant
from include.serving.inference_log import InferenceLog, InferenceRow
from include.serving.intake import Item
from include.serving.loader import ServedModel
from include.serving.metrics import Metrics
from include.serving.schemas import Prediction

# float32 sums of a tree ensemble may leave [0, 1] by this much.
_ROUNDING: Final = 1e-5


class Journal:
    """The inference log and the metrics of one model name.

    A row's latency is what its features cost plus its share of the run that it was part of.
    """

    def __init__(self, model_name: str, log: InferenceLog, metrics: Metrics) -> None:
        self._model_name = model_name
        self._log = log
        self._metrics = metrics

    def note_answers(
        self,
        model: ServedModel,
        variant: Variant,
        items: Sequence[Item],
        values: Sequence[float],
        run_ms: float,
    ) -> dict[str, Prediction]:
        """Predictions by request id; a value that is no probability is an error and gets none.

        Args:
            values: one for each item, in their order.
            run_ms: what running the version took, for all items together.
        """
        share_ms = run_ms / max(len(items), 1)
        predictions = {}
        for item, value in zip(items, values, strict=True):
            if not -_ROUNDING <= value <= 1 + _ROUNDING:
                self._note_failure(item, model.version, variant, share_ms, f"answered {value}, no probability")
                continue
            probability = min(max(value, 0.0), 1.0)
            latency_ms = item.lookup_ms + share_ms
            self._metrics.count_prediction(variant, model.version, latency_ms)
            features = {name: item.features[name] for name in model.feature_names}
            self._append(item, model.version, variant, features, probability, latency_ms, None)
            predictions[item.request_id] = Prediction(
                probability=probability,
                is_churn_predicted=probability >= model.threshold,
                model_version=model.version,
                variant=variant,
                request_id=item.request_id,
                household_id=item.household_id,
                as_of_date=item.as_of_date,
            )
        return predictions

    def note_failures(self, version: int, variant: Variant, items: Sequence[Item], run_ms: float, reason: str) -> None:
        """Write down that a version failed each of these items, after ``run_ms`` for all of them."""
        share_ms = run_ms / max(len(items), 1)
        for item in items:
            self._note_failure(item, version, variant, share_ms, reason)

    def _note_failure(self, item: Item, version: int, variant: Variant, share_ms: float, reason: str) -> None:
        self._metrics.count_error(variant, version)
        latency_ms = item.lookup_ms + share_ms
        self._append(item, version, variant, dict(item.features), None, latency_ms, reason[:1000])

    def _append(
        self,
        item: Item,
        version: int,
        variant: Variant,
        features: dict[str, float | None],
        probability: float | None,
        latency_ms: float,
        error: str | None,
    ) -> None:
        row = InferenceRow(
            at=datetime.now(UTC).isoformat(),
            request_id=item.request_id,
            model_name=self._model_name,
            model_version=version,
            variant=variant,
            household_id=item.household_id,
            features=features,
            probability=probability,
            latency_ms=latency_ms,
            is_error=error is not None,
            error=error,
        )
        self._log.append(row)
