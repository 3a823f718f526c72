"""Answers requests: the challenger where it may, the champion wherever the challenger could not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from include.rollout.stats import Variant
from include.serving.features import FeatureReader
from include.serving.intake import Item, check_lookup, check_payload, collect_items
from include.serving.journal import Journal
from include.serving.lanes import Lanes, run_timed
from include.serving.loader import ServedModel
from include.serving.models import ModelStore, Routing
from include.serving.refusal import RequestRefusedError
from include.serving.router import is_for_challenger
from include.serving.schemas import Prediction, PredictRequest

# More rows than this would hold the event loop for milliseconds.
_INLINE_ROWS_MAX: Final = 64
_ADVICE: Final = {"champion": "Restore an earlier champion.", "staging": "Keep it out of production."}


class Engine:
    """Predicts with the versions in a store; what each of them answered goes to the journal."""

    def __init__(
        self, store: ModelStore, reader: FeatureReader, journal: Journal, challenger_deadline_ms: float
    ) -> None:
        self._store = store
        self._reader = reader
        self._journal = journal
        self._deadline_ms = challenger_deadline_ms
        self._lanes = Lanes()

    async def predict(
        self, requests: Sequence[PredictRequest], request_id: str, version: int | None = None
    ) -> list[Prediction]:
        """Answer requests in their order, all of them or none.

        Args:
            version: one explicit version (variant ``staging``); else champion and challenger by weight.

        Raises:
            RequestRefusedError: no champion is loaded, a household is unknown, the features do not fit,
                the warehouse is away, or the champion (or the explicit version) itself failed.
        """
        routing = self._store.routing
        model = self._find_champion(routing) if version is None else self._find_staged(version)
        known = model.feature_set
        if version is None and routing.challenger is not None:
            known = known | routing.challenger.feature_set
        for request in requests:
            if request.features is not None:
                check_payload(request.features, model.feature_set, known)
        items = await collect_items(self._reader, requests, request_id)
        if version is not None:
            answers = await self._answer(model, items, "staging")
        else:
            answers = await self._try_challenger(routing, items)
            rest = [item for item in items if item.request_id not in answers]
            if rest:
                answers |= await self._answer(model, rest, "champion")
        return [answers[item.request_id] for item in items]

    def close(self) -> None:
        """Let go of the threads."""
        self._lanes.close()

    def _find_champion(self, routing: Routing) -> ServedModel:
        if routing.champion is None:
            raise RequestRefusedError(503, f"No champion is loaded: {self._store.reason}.", 1)
        return routing.champion

    def _find_staged(self, version: int) -> ServedModel:
        slot = self._store.stage(version)
        if slot.model is None:
            raise RequestRefusedError(503, f"Version {version} {slot.reason}.", 1)
        return slot.model

    async def _answer(self, model: ServedModel, items: Sequence[Item], variant: Variant) -> dict[str, Prediction]:
        """Answer with a version that nobody stands in for: its failure is the request's failure."""
        for item in items:
            check_lookup(item, model.feature_set)
        began_at = time.perf_counter()
        rows = [item.features for item in items]
        try:
            if variant == "champion" and len(rows) <= _INLINE_ROWS_MAX:
                values, run_ms = run_timed(model, rows)
            elif variant == "champion":
                values, run_ms = await asyncio.to_thread(run_timed, model, rows)
            else:
                values, run_ms = await self._lanes.run(variant, model, rows)
        except Exception as error:
            self._journal.note_failures(model.version, variant, items, _since_ms(began_at), _describe(error))
            raise RequestRefusedError(
                500, f"Version {model.version} failed: {_describe(error)}. {_ADVICE[variant]}"
            ) from error
        answers = self._journal.note_answers(model, variant, items, values, run_ms)
        if len(answers) < len(items):
            raise RequestRefusedError(
                500,
                f"Version {model.version} gave no probability; its inputs are in serving.inference_log. "
                f"{_ADVICE[variant]}",
            )
        return answers

    async def _try_challenger(self, routing: Routing, items: Sequence[Item]) -> dict[str, Prediction]:
        """Answer what is routed to the challenger as far as it can; its failures are only written down."""
        version, weight, model = routing.challenger_version, routing.challenger_weight, routing.challenger
        if version is None:
            return {}
        chosen = [item for item in items if is_for_challenger(item.key, version, weight)]
        if model is not None:
            # A client sends what the champion needs; if the challenger needs more, that is nobody's fault.
            chosen = [
                item for item in chosen if item.household_id is not None or model.feature_set <= item.features.keys()
            ]
        if not chosen:
            return {}
        if model is None:
            if routing.challenger_failure is not None:
                self._journal.note_failures(version, "challenger", chosen, 0.0, routing.challenger_failure)
            return {}
        began_at = time.perf_counter()
        try:
            rows = [item.features for item in chosen]
            values, run_ms = await self._lanes.run("challenger", model, rows, self._deadline_ms)
        except Exception as error:
            reason = _describe(error)
            self._journal.note_failures(version, "challenger", chosen, _since_ms(began_at), reason)
            return {}
        return self._journal.note_answers(model, "challenger", chosen, values, run_ms)


def _since_ms(began_at: float) -> float:
    return (time.perf_counter() - began_at) * 1000


def _describe(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
