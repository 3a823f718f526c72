"""Records what every version answered or failed to answer, and makes the answers of its predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from include.rollout.stats import Variant
from include.serving.inference_log import InferenceLog, InferenceRow
from include.serving.loader import ServedModel
from include.serving.metrics import Metrics
from include.serving.questions import Item

Answer = dict[str, Any]


class PredictionRecorder:
    """Writes the inference log and the metrics of one model.

    A row's latency is what its features cost plus its share of the run that it was part of.
    """

    def __init__(self, model_name: str, log: InferenceLog, metrics: Metrics) -> None:
        self._model_name = model_name
        self._log = log
        self._metrics = metrics.of_model(model_name)
        self.predictions: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def note_answers(
        self, model: ServedModel, variant: Variant, items: Sequence[Item], predictions: Any, run_ms: float
    ) -> dict[str, Answer]:
        """Answers by request id; a value that is no prediction of the task is an error and gets none.

        Args:
            predictions: one for each item, in their order.
            run_ms: what running the version took, for all items together.
        """
        task, decision = model.onnx.task, model.contract.decision
        share_ms = run_ms / max(len(items), 1)
        is_invalid = task.find_invalid(predictions).tolist()
        numbers = task.summarise(predictions).tolist()
        answers = {}
        for index, item in enumerate(items):
            if is_invalid[index]:
                reason = f"answered {predictions[index].tolist()}, no prediction of a {task.name} model"
                self._note_failure(item, model.version, variant, share_ms, reason)
                continue
            latency_ms = item.lookup_ms + share_ms
            described = task.describe(predictions[index], decision)
            self.predictions[variant] += 1
            self._metrics.count_prediction(variant, model.version, latency_ms)
            features = {name: item.features[name] for name in model.feature_names}
            self._append(item, model.version, variant, features, latency_ms, numbers[index], described, None)
            answers[item.request_id] = {
                "model": self._model_name,
                "model_version": model.version,
                "variant": variant,
                "request_id": item.request_id,
                "keys": item.keys,
                "as_of_date": None if item.as_of_date is None else item.as_of_date.isoformat(),
                **described,
            }
        return answers

    def note_failures(self, version: int, variant: Variant, items: Sequence[Item], run_ms: float, reason: str) -> None:
        """Record that a version failed each of these items, after ``run_ms`` for all of them."""
        share_ms = run_ms / max(len(items), 1)
        for item in items:
            self._note_failure(item, version, variant, share_ms, reason)

    def _note_failure(self, item: Item, version: int, variant: Variant, share_ms: float, reason: str) -> None:
        self.errors[variant] += 1
        self._metrics.count_error(variant, version)
        latency_ms = item.lookup_ms + share_ms
        # PostgreSQL stores no zero character.
        reason = reason[:1000].replace("\0", "")
        self._append(item, version, variant, item.features, latency_ms, None, None, reason)

    def _append(
        self,
        item: Item,
        version: int,
        variant: Variant,
        features: Mapping[str, Any],
        latency_ms: float,
        prediction: float | None,
        answer: Mapping[str, Any] | None,
        error: str | None,
    ) -> None:
        row = InferenceRow(
            at=datetime.now(UTC).isoformat(),
            request_id=item.request_id,
            model_name=self._model_name,
            model_version=version,
            variant=variant,
            keys=item.keys,
            as_of_date=None if item.as_of_date is None else item.as_of_date.isoformat(),
            features=features,
            prediction=prediction,
            answer=answer,
            latency_ms=latency_ms,
            is_error=error is not None,
            error=error,
            batch_id=item.batch_id,
        )
        self._log.append(row)
