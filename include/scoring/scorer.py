"""From features to scores, block by block: what the champion says of each entity, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, datetime
from typing import TYPE_CHECKING

from include.errors import ServingError
from include.explanations.reasons import list_reasons
from include.explanations.shapley import Explainer
from include.features.matrix import FeatureMatrix, from_table
from include.features.read import stream_features
from include.registry.onnx import OnnxModel
from include.scoring.predictions import build_rows, check_keys
from include.settings.scoring import ScoringSettings

if TYPE_CHECKING:
    import pyarrow as pa

    from include.tasks.task import Floats


class Scorer:
    """One version, ready to score blocks of entities."""

    def __init__(self, model: OnnxModel, version: int, scored_at: datetime, settings: ScoringSettings) -> None:
        """A version that carries no background (of an earlier release) scores without reasons."""
        self._model = model
        self._version = version
        self._scored_at = scored_at
        self._settings = settings
        background = model.background if settings.reasons else None
        self._explainer = None if background is None else Explainer(model.predict, background)

    def score_dates(self, uri: str, dates: Sequence[date]) -> Iterator[pa.Table]:
        """The rows of ``ml.<model>_predictions`` of each date, in their order; one block is in memory at a time.

        Raises:
            SourceError: a table or a feature is gone, or a key is null or of another type.
            ServingError: an answer is no valid prediction.
        """
        contract = self._model.contract
        for day in dates:
            blocks = stream_features(
                uri, contract.entity, contract.groups, contract.features, day, self._settings.rows_at_once
            )
            with closing(blocks):  # type: ignore[type-var]
                for table in blocks:
                    yield self.score(table, day)

    def score(self, table: pa.Table, day: date) -> pa.Table:
        """The scores of one block, as :meth:`score_dates` yields them.

        Args:
            table: ``as_of_date``, the keys, the features.
            day: of all its rows.
        """
        contract = self._model.contract
        check_keys(table, contract.entity, contract.groups[0].table)
        matrix = from_table(table, contract.features)
        predictions = self._model.predict(matrix)
        self._refuse_invalid(predictions, day)
        reasons = self._explain(matrix, predictions)
        return build_rows(table, self._model, predictions, reasons, self._version, self._scored_at)

    def _refuse_invalid(self, predictions: Floats, day: date) -> None:
        wrong = self._model.task.find_invalid(predictions)
        if wrong.any():
            name = self._model.contract.model
            raise ServingError(
                f"{name} version {self._version} gave {predictions[wrong][0]} and {wrong.sum() - 1} more answers of "
                f"{wrong.size} on {day} that are no valid predictions; nothing was published. Roll it back with "
                f"{name}.rollback_model."
            )

    def _explain(self, matrix: FeatureMatrix, predictions: Floats) -> list[str] | None:
        """The reasons of each row as JSON text; None where there are to be none."""
        if self._explainer is None:
            return None
        reasons = list_reasons(self._explainer.explain(matrix, predictions), matrix, self._settings.reasons)
        return [json.dumps(one, ensure_ascii=False, allow_nan=False) for one in reasons]
