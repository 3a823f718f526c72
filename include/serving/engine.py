"""Answers the requests of one model: the challenger where it may, the champion wherever the challenger could not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from include.errors import ServingError, SourceError, WarehouseError
from include.registry.contract import ModelContract
from include.rollout.stats import Variant
from include.serving.explaining import ExplanationDesk
from include.serving.feature_reader import FeatureReader, OnlineStore
from include.serving.loader import ServedModel
from include.serving.model_store import ModelStore, Routing
from include.serving.questions import Item, Question, as_item, look_up, read_questions, refuse_lookup
from include.serving.recorder import Answer, PredictionRecorder
from include.serving.refusal import RequestRefusedError
from include.serving.request_check import RequestCheck
from include.serving.router import is_for_challenger
from include.serving.schemas import PredictRequest
from include.serving.shadow import ShadowCopier
from include.serving.workers import WorkerPool, run_timed
from include.settings.rollout import ServerSettings

# More rows than this would hold the event loop for milliseconds.
_INLINE_ROWS_MAX: Final = 64
_ADVICE: Final = {"champion": "Restore an earlier champion.", "staging": "Keep it out of production."}
_READERS_MAX: Final = 5


class ChallengerFailedError(ServingError):
    """A challenger that answered none of the ``items``, after ``run_ms``; the champion answers in its place."""

    def __init__(self, reason: str, items: Sequence[Item], run_ms: float = 0.0) -> None:
        super().__init__(reason)
        self.items = items
        self.run_ms = run_ms


class ModelEngine:
    """Predicts with the versions of one model; what each of them answered is recorded."""

    def __init__(
        self,
        name: str,
        store: ModelStore,
        online: OnlineStore,
        recorder: PredictionRecorder,
        settings: ServerSettings,
        desk: ExplanationDesk,
        shadow: ShadowCopier,
    ) -> None:
        self.name = name
        self.store = store
        self.recorder = recorder
        self.shadow = shadow
        self._online = online
        self._desk = desk
        self._settings = settings
        self._readers: dict[str, FeatureReader] = {}
        self._workers = WorkerPool(name)

    async def predict(
        self, requests: Sequence[PredictRequest], request_id: str, version: int | None = None
    ) -> list[Answer]:
        """Answer requests in their order, all of them or none.

        Args:
            version: one explicit version (variant ``staging``); else champion and challenger by weight.

        Raises:
            RequestRefusedError: no champion is loaded, an entity is unknown, the request does not fit,
                the warehouse is away, or the champion (or the explicit version) itself failed.
        """
        routing = self.store.routing
        model, check = self._find_answerer(routing, version)
        questions = read_questions(requests, check, model.contract.entity.key_names, request_id)
        if version is not None or not routing.is_leased:
            items = await self._look_up(model, questions)
            answers = await self._answer(model, items, "champion" if version is None else "staging")
        else:
            answers = await self._answer_in_canary(routing, model, questions)
        return [answers[question.request_id] for question in questions]

    def find_contract(self, version: int | None = None) -> ModelContract:
        """What requests should fit that are made at this moment: to the champion, or to one explicit version.

        Raises:
            RequestRefusedError: 503, that version is not loaded.
        """
        return self._find_model(self.store.routing, version).contract

    async def explain(self, request: PredictRequest, request_id: str, version: int | None = None) -> Answer:
        """The answer to one request with the contribution of each feature, from the champion or one explicit version.

        It counts as no prediction: neither the inference log nor the metrics have it, so that a canary, drift and
        performance are judged by answers that clients acted on. A challenger is explained as an explicit version.

        Raises:
            RequestRefusedError: as :meth:`predict`; 409 where the version cannot be explained, and 503 while as many
                explanations as may be are being made.
        """
        routing = self.store.routing
        model, check = self._find_answerer(routing, version)
        questions = read_questions([request], check, model.contract.entity.key_names, request_id)
        item = (await self._look_up(model, questions))[0]
        variant: Variant = "champion" if version is None else "staging"
        try:
            explained = await self._desk.run(model, item.features)
        except RequestRefusedError:
            raise
        except Exception as error:
            raise RequestRefusedError(
                500, f"Version {model.version} of {self.name} failed: {_describe(error)}. {_ADVICE[variant]}"
            ) from error
        as_of_date = None if item.as_of_date is None else item.as_of_date.isoformat()
        return {
            "model": self.name, "model_version": model.version, "variant": variant, "request_id": request_id,
            "keys": item.keys, "as_of_date": as_of_date, **explained,
        }  # fmt: skip

    def close(self) -> None:
        """Let go of the threads."""
        self.shadow.close()
        self._workers.close()

    def _find_answerer(self, routing: Routing, version: int | None) -> tuple[ServedModel, RequestCheck]:
        """The explicit version or the champion, and what a request must fulfil."""
        model = self._find_model(routing, version)
        return model, model.check if version is not None else routing.check or model.check

    def _find_model(self, routing: Routing, version: int | None) -> ServedModel:
        if version is not None:
            return self._find_staged(version)
        if routing.champion is None:
            raise RequestRefusedError(503, f"No champion of {self.name} is loaded: {self.store.reason}.", 1)
        return routing.champion

    def _find_staged(self, version: int) -> ServedModel:
        slot = self.store.stage(version)
        if slot.model is None:
            raise RequestRefusedError(503, f"Version {version} of {self.name} {slot.reason}.", 1)
        return slot.model

    async def _look_up(self, model: ServedModel, questions: Sequence[Question]) -> list[Item]:
        """The rows of a version that nothing stands in for.

        Raises:
            RequestRefusedError: an entity is unknown, the warehouse is away, or the version has no online tables.
        """
        try:
            return await self._read(model, questions)
        except SourceError as error:
            raise RequestRefusedError(422, f"{error} Send the features.") from error
        except WarehouseError as error:
            raise refuse_lookup(error, model.contract) from error

    async def _read(self, model: ServedModel, questions: Sequence[Question]) -> list[Item]:
        if all(question.keys is None for question in questions):
            return [as_item(question) for question in questions]
        # Versions that read the same share a reader, and so its queries. The newest are kept.
        sql = model.lookup_sql
        reader = self._readers.pop(sql, None) or FeatureReader(self._online, model.contract)
        self._readers[sql] = reader
        if len(self._readers) > _READERS_MAX:
            del self._readers[next(iter(self._readers))]
        return await look_up(reader, questions)

    async def _answer(self, model: ServedModel, items: Sequence[Item], variant: Variant) -> dict[str, Answer]:
        """Answer with a version that nothing stands in for: its failure is the request's failure."""
        began_at = time.perf_counter()
        rows = [item.features for item in items]
        try:
            if variant == "champion" and len(rows) <= _INLINE_ROWS_MAX and model.run_ms <= self._settings.inline_max_ms:
                predictions, run_ms = run_timed(model, rows)
            else:
                predictions, run_ms = await self._workers.run(variant, model, rows)
        except Exception as error:
            self.recorder.note_failures(model.version, variant, items, _since_ms(began_at), _describe(error))
            raise RequestRefusedError(
                500, f"Version {model.version} of {self.name} failed: {_describe(error)}. {_ADVICE[variant]}"
            ) from error
        answers = self.recorder.note_answers(model, variant, items, predictions, run_ms)
        if len(answers) < len(items):
            raise RequestRefusedError(
                500,
                f"Version {model.version} of {self.name} gave no valid prediction; its inputs are in "
                f"serving.inference_log. {_ADVICE[variant]}",
            )
        if variant == "champion":
            self.shadow.offer(model, items)
        return answers

    async def _answer_in_canary(
        self, routing: Routing, champion: ServedModel, questions: Sequence[Question]
    ) -> dict[str, Answer]:
        """Answer with the challenger what is routed to it, and all the rest with the champion.

        A challenger's failure is recorded once the champion could look up the same rows: while the warehouse is
        away neither can, and that is no failure of a version.
        """
        chosen = self._choose(routing, questions)
        taken = {question.request_id for question in chosen}
        items = await self._look_up(champion, [item for item in questions if item.request_id not in taken])
        answers: dict[str, Answer] = {}
        failure = None
        try:
            answers = await self._try_challenger(routing, chosen) if chosen else {}
        except ChallengerFailedError as error:
            failure = error
        items += await self._look_up(champion, [item for item in chosen if item.request_id not in answers])
        if failure is not None:
            version = routing.challenger_version or 0
            self.recorder.note_failures(version, "challenger", failure.items, failure.run_ms, str(failure))
        return answers | (await self._answer(champion, items, "champion") if items else {})

    def _choose(self, routing: Routing, questions: Sequence[Question]) -> list[Question]:
        """The questions for the challenger by its weight, without those that hold only what the champion needs.

        A client sends what the champion needs; that the challenger needs more is no failure of either.
        """
        version, check = routing.challenger_version or 0, routing.check
        chosen = [item for item in questions if is_for_challenger(item.sticky_key, version, routing.challenger_weight)]
        if routing.challenger is None or check is None:
            return chosen
        return [
            item
            for item in chosen
            if (check.is_key_shared if item.features is None else check.fits_challenger(item.features))
        ]

    async def _try_challenger(self, routing: Routing, chosen: Sequence[Question]) -> dict[str, Answer]:
        """The challenger's answers; what it answered wrongly is recorded and left out.

        Raises:
            ChallengerFailedError: it answered nothing, within its deadline for lookup and run.
        """
        model, deadline_ms = routing.challenger, self._settings.challenger_deadline_ms
        items = [as_item(question) for question in chosen]
        if model is None:
            if routing.challenger_failure is None:
                return {}
            raise ChallengerFailedError(routing.challenger_failure, items)
        began_at = run_at = time.perf_counter()
        try:
            items = await asyncio.wait_for(self._read(model, chosen), deadline_ms / 1000)
            run_at = time.perf_counter()
            left_ms = max(deadline_ms - _since_ms(began_at), 0.0)
            predictions, run_ms = await self._workers.run("challenger", model, [row.features for row in items], left_ms)
        except TimeoutError as error:
            raise ChallengerFailedError(f"no answer within {deadline_ms:g} ms", items, _since_ms(run_at)) from error
        except Exception as error:
            raise ChallengerFailedError(_describe(error), items, _since_ms(run_at)) from error
        return self.recorder.note_answers(model, "challenger", items, predictions, run_ms)


def _since_ms(began_at: float) -> float:
    return (time.perf_counter() - began_at) * 1000


def _describe(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
