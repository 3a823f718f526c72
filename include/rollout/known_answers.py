"""What a version should answer: the registered file's own answers, computed here and not by the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose
from typing import TYPE_CHECKING, Any

from include.features.matrix import from_rows
from include.features.read import EntityRow

if TYPE_CHECKING:
    from include.registry.onnx import OnnxModel

Answer = Mapping[str, Any]


def compute_answers(model: OnnxModel, rows: Sequence[EntityRow]) -> list[Answer]:
    """The answer to the features of each row, as the server gives it."""
    if not rows:
        return []
    matrix = from_rows([row.features for row in rows], model.contract.features)
    return [model.task.describe(prediction, model.contract.decision) for prediction in model.predict(matrix)]


def find_difference(known: Answer, found: Answer, tolerance: float) -> str | None:
    """The first number of an answer that is further from the known one than the tolerance, in words; or None.

    Args:
        tolerance: in probability; of a number to forecast, as a part of it.
    """
    expected, answered = _list_numbers(known), _list_numbers(found)
    for name, number in expected.items():
        is_part = name == "prediction"
        other = answered.get(name)
        limits = {"rel_tol": tolerance, "abs_tol": tolerance} if is_part else {"rel_tol": 0.0, "abs_tol": tolerance}
        if other is None or not isclose(number, other, **limits):
            return f"{name} is {other}, the registered file says {number:.6g}"
    return None


def _list_numbers(answer: Answer) -> dict[str, float]:
    """The probability, those of all classes, or the number that is forecast; decisions follow from them."""
    numbers = {name: answer.get(name) for name in ("probability", "prediction")}
    numbers |= {f"the probability of {name}": value for name, value in (answer.get("probabilities") or {}).items()}
    return {
        name: float(value)
        for name, value in numbers.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
