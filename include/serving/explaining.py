"""Explanations of single answers, in threads of their own and only so many at once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from include.explanations.reasons import list_reasons
from include.explanations.shapley import Explainer
from include.features.matrix import from_rows
from include.serving.loader import ServedModel
from include.serving.refusal import RequestRefusedError
from include.serving.workers import run_in_daemon_thread

METHOD: Final = "interventional Shapley values against background rows of the version"
RETRY_AFTER_S: Final = 1


class ExplanationDesk:
    """Runs explanations beside the event loop and beside the threads that predict; all models share its places.

    An explanation asks the model about hundreds of rows, so that without a limit clients could take all processors from
    those who predict.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._running = 0

    async def run(self, model: ServedModel, row: Mapping[str, Any]) -> dict[str, Any]:
        """What :func:`explain_row` says.

        Raises:
            RequestRefusedError: 503, as many explanations as may be are being made.
        """
        if self._running >= self._at_once:
            raise RequestRefusedError(
                503,
                f"{self._at_once} explanations are being made, and no more are made at once (explanations_at_once in "
                "rollout.yml). Ask again.",
                RETRY_AFTER_S,
            )
        self._running += 1
        work = run_in_daemon_thread(partial(explain_row, model, row), f"explain-{model.version}")
        # A client that goes away leaves its thread at work, which keeps its place until it is done.
        work.add_done_callback(self._leave)
        return await asyncio.shield(work)

    def _leave(self, work: asyncio.Future[Any]) -> None:
        self._running -= 1
        if not work.cancelled():
            work.exception()  # marks it as seen, in case the asker has gone


def explain_row(model: ServedModel, row: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a version to one row of features, and what moved it; in JSON types.

    Raises:
        RequestRefusedError: 409, the version carries no background; 500, it gave no valid prediction.
    """
    onnx, decision = model.onnx, model.contract.decision
    if onnx.background is None:
        raise RequestRefusedError(
            409,
            f"Version {model.version} of {model.contract.model} was registered without background rows, by an earlier "
            "release, and cannot be explained. Train the model again.",
        )
    answer = model.predict([row])
    matrix = from_rows([row], model.contract.features)
    explainer = Explainer(onnx.predict, onnx.background)
    explanation = explainer.explain(matrix, answer)
    base = float(explanation.base[0])
    value = base + float(explanation.values[0].sum())
    if onnx.task.find_invalid(answer).any() or not math.isfinite(value):
        raise RequestRefusedError(500, f"Version {model.version} of {model.contract.model} gave no valid prediction.")
    return {
        **onnx.task.describe(answer[0], decision),
        "base_value": base,
        "explained_value": value,
        "explained_class": decision["classes"][int(answer[0].argmax())] if answer.ndim == 2 else None,
        "contributions": list_reasons(explanation, matrix)[0],
        "method": f"{METHOD} ({len(onnx.background)} rows, the model asked about {explainer.questions})",
    }
