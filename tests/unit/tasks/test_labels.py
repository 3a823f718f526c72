"""What is a label, what is none, and how labels are counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from include.errors import TrainingError
from include.settings.models import TaskName
from include.tasks import TASKS

CLASSES = ("blue", "red")


@pytest.mark.parametrize(
    ("task", "values", "expected"),
    [
        ("binary", [True, False, True], [1, 0, 1]),
        ("binary", [1, 0, np.int64(1)], [1, 0, 1]),
        ("multiclass", ["red", "blue", "red"], [1, 0, 1]),
        ("regression", [1, 2.5, -3], [1.0, 2.5, -3.0]),
    ],
)
def test_labels_are_encoded(task: TaskName, values: list[Any], expected: list[float]) -> None:
    found = TASKS[task].encode_labels(values, CLASSES)
    assert list(found) == expected
    assert found.dtype == (np.float64 if task == "regression" else np.int64)


@pytest.mark.parametrize(
    ("task", "value", "problem"),
    [
        ("binary", None, "None; it is true or false, and never null"),
        ("binary", 2, "2; it is true or false"),
        ("binary", "true", "true"),
        ("binary", float("nan"), "nan"),
        ("multiclass", "green", "green, which the training rows do not have"),
        ("multiclass", None, "never null"),
        ("regression", None, "never null"),
        ("regression", "many", "is a number"),
        ("regression", float("inf"), "not finite"),
        ("regression", float("nan"), "not finite"),
    ],
)
def test_what_is_no_label_is_refused_by_name(task: TaskName, value: Any, problem: str) -> None:
    good: list[Any] = {"binary": [True], "multiclass": ["red"], "regression": [1.0]}[task]
    with pytest.raises(TrainingError, match=problem):
        TASKS[task].encode_labels([*good, value], CLASSES)


def test_classes_are_the_different_values_in_order_and_at_least_two() -> None:
    task = TASKS["multiclass"]
    assert task.find_classes(["red", "blue", "red"]) == CLASSES
    with pytest.raises(TrainingError, match=r"1 class\(es\)"):
        task.find_classes(["red", "red"])
    assert TASKS["binary"].find_classes([True]) == TASKS["regression"].find_classes([1.0]) == ()


@pytest.mark.parametrize(
    ("task", "labels", "count", "words"),
    [
        ("binary", [1, 0, 0], 1, "1 positive, 2 negative"),
        ("binary", [1, 1, 1], 0, "3 positive, 0 negative"),
        ("multiclass", [0, 0, 1], 1, "2 blue, 1 red"),
        ("multiclass", [0, 0, 0], 0, "3 blue, 0 red"),
        ("regression", [1.0, 1.0], 2, "2 rows"),
    ],
)
def test_evidence_is_the_smallest_class_or_all_rows(
    task: TaskName, labels: list[float], count: int, words: str
) -> None:
    encoded = np.array(labels)
    assert TASKS[task].count_evidence(encoded, CLASSES) == count
    assert TASKS[task].describe_counts(encoded, CLASSES) == words


@pytest.mark.parametrize(
    ("task", "texts", "decision", "expected"),
    [
        ("binary", ["true", "false"], {}, [1, 0]),
        ("multiclass", ["red", "green", "blue"], {"classes": ["blue", "red"]}, [1, -1, 0]),
        ("regression", ["3.5", "-1"], {}, [3.5, -1.0]),
    ],
)
def test_outcomes_are_read_back_from_text(
    task: TaskName, texts: list[str], decision: dict[str, Any], expected: list[float]
) -> None:
    assert list(TASKS[task].parse_outcomes(texts, decision)) == expected
