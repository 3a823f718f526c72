"""What the gates measure of each kind of label."""

from __future__ import annotations

import numpy as np
import pytest

from include.settings.models import TaskName
from include.tasks import TASKS

BINARY = {"threshold": 0.5}
CLASSES = {"classes": ["a", "b", "c"]}
LABELS = np.array([1, 0, 1, 0])
PROBABILITIES = np.array([0.9, 0.6, 0.4, 0.1], dtype=np.float32)
SHARES = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.4, 0.5, 0.1]], dtype=np.float32)
GRADES = np.array([0, 1, 2, 0])
VALUES = np.array([10.0, 0.0, 4.0, 6.0])
FORECASTS = np.array([8.0, 1.0, 4.0, 9.0], dtype=np.float32)


def weigh(rows: int) -> np.ndarray:
    return np.ones((1, rows), dtype=np.int64)


def test_the_calibration_error_is_the_distance_in_each_range_weighted_by_rows() -> None:
    labels, probabilities = np.array([1, 1, 0, 0]), np.array([0.95, 0.95, 0.05, 0.15], dtype=np.float32)
    found = TASKS["binary"].weighted_calibration(labels, probabilities, weigh(4))
    assert found[0] == pytest.approx((0.05 * 2 + 0.05 + 0.15) / 4, abs=1e-6)


def test_a_weight_counts_a_row_so_often() -> None:
    weights = np.array([[2, 0, 1, 1], [0, 0, 0, 4]])
    twice = TASKS["binary"].weighted_calibration(LABELS, PROBABILITIES, weights)
    again = TASKS["binary"].weighted_calibration(LABELS[[0, 0, 2, 3]], PROBABILITIES[[0, 0, 2, 3]], weigh(4))
    assert twice[0] == pytest.approx(again[0])
    assert twice[1] == pytest.approx(0.1)


def test_of_classes_the_most_probable_one_is_calibrated() -> None:
    found = TASKS["multiclass"].weighted_calibration(GRADES, SHARES, weigh(4))
    assert found[0] == pytest.approx((0.2 + abs(0.5 + 0.5 - 1) + 0.3) / 4, abs=1e-6)


def test_errors_of_a_forecast_that_level_out_within_a_tenth_are_no_bias() -> None:
    forecasts = np.repeat(np.arange(10.0), 10)
    level = forecasts + np.tile([1.0, -1.0], 50)
    task = TASKS["regression"]
    assert task.weighted_calibration(level, forecasts, weigh(100))[0] == pytest.approx(0.0)
    assert task.weighted_calibration(forecasts * 0.8, forecasts, weigh(100))[0] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("task", "before", "after", "decision", "change"),
    [
        ("binary", PROBABILITIES, np.array([0.6, 0.4, 0.4, 0.7]), BINARY, 0.5),
        ("multiclass", SHARES, SHARES[:, ::-1], CLASSES, 0.5),
        ("regression", FORECASTS, FORECASTS + 2, {}, 2 / VALUES.std()),
    ],
)
def test_a_change_is_of_the_answers(
    task: TaskName, before: np.ndarray, after: np.ndarray, decision: dict[str, object], change: float
) -> None:
    assert TASKS[task].measure_change(before, after, decision, VALUES) == pytest.approx(change)
    assert TASKS[task].measure_change(before, before, decision, VALUES) == 0


@pytest.mark.parametrize(
    ("task", "labels", "predictions", "decision", "expected"),
    [
        ("binary", LABELS, PROBABILITIES, BINARY, {"yes": ([1, 1, 0, 0], [1, 0, 1, 0])}),
        ("multiclass", GRADES, SHARES, CLASSES, {
            "a": ([1, 0, 0, 0], [1, 0, 0, 1]), "b": ([0, 1, 0, 1], [0, 1, 0, 0]), "c": ([0, 0, 1, 0], [0, 0, 1, 0]),
        }),
        ("regression", VALUES, FORECASTS, {}, {"more than 5": ([1, 0, 0, 1], [1, 0, 0, 1])}),
    ],
)  # fmt: skip
def test_what_is_answered_and_what_is_true_is_said_of_each_event(
    task: TaskName,
    labels: np.ndarray,
    predictions: np.ndarray,
    decision: dict[str, object],
    expected: dict[str, object],
) -> None:
    events = TASKS[task].list_events(labels, predictions, decision)
    found = {one.title: (one.is_answered.astype(int).tolist(), one.is_true.astype(int).tolist()) for one in events}
    assert found == expected


@pytest.mark.parametrize(
    ("task", "labels", "predictions", "decision", "gains", "profits"),
    [
        ("binary", LABELS, PROBABILITIES, BINARY,
         {"true_positive": 4, "false_positive": -1, "false_negative": -2, "true_negative": 0.5}, [4, -1, -2, 0.5]),
        ("multiclass", GRADES, SHARES, CLASSES, {"correct": 3, "wrong": -2}, [3, 3, 3, -2]),
        ("regression", VALUES, FORECASTS, {}, {"over": -1, "under": -5}, [-10, -1, 0, -3]),
    ],
)  # fmt: skip
def test_each_row_earns_what_its_answer_is_worth(
    task: TaskName, labels: np.ndarray, predictions: np.ndarray, decision: dict[str, object],
    gains: dict[str, float], profits: list[float],
) -> None:  # fmt: skip
    assert TASKS[task].measure_profits(labels, predictions, decision, gains).tolist() == profits


def test_what_needs_no_model_is_the_same_for_all_rows() -> None:
    gains = {"true_positive": 4.0, "false_positive": -1.0, "false_negative": 0.0, "true_negative": 0.0}
    constants = TASKS["binary"].list_constants(LABELS, 4, BINARY)
    earned = {
        name: TASKS["binary"].measure_profits(LABELS, said, BINARY, gains).sum() for name, said in constants.items()
    }
    assert earned == {"acting on no row": 0.0, "acting on every row": 6.0}
    grades = TASKS["multiclass"].list_constants(np.array([2, 2, 0]), 4, CLASSES)
    assert {name: said.argmax(axis=1).tolist() for name, said in grades.items()} == {"answering c for all": [2] * 4}
    values = TASKS["regression"].list_constants(VALUES, 2, {})
    assert [said.tolist() for said in values.values()] == [[5.0, 5.0], [5.0, 5.0]]


@pytest.mark.parametrize(
    ("task", "labels", "predictions"),
    [("binary", LABELS, PROBABILITIES), ("multiclass", GRADES, SHARES), ("regression", VALUES, FORECASTS)],
)
def test_the_ranges_hold_every_row_once_and_add_up_to_the_error(
    task: TaskName, labels: np.ndarray, predictions: np.ndarray
) -> None:
    bins = TASKS[task].bin_calibration(labels, predictions)
    assert sum(one["rows"] for one in bins) == 4
    apart = sum(one["rows"] * abs(one["predicted"] - one["observed"]) for one in bins)
    scale = np.abs(labels).sum() if task == "regression" else 4
    error = TASKS[task].weighted_calibration(labels, predictions, weigh(4))[0]
    assert apart / scale == pytest.approx(error, abs=1e-6)


def test_the_profit_is_traced_from_no_row_to_every_row() -> None:
    gains = {"true_positive": 4.0, "false_positive": -1.0, "false_negative": -2.0, "true_negative": 0.5}
    found = TASKS["binary"].trace_profits(LABELS, PROBABILITIES, gains)
    assert found == [(0.0, -0.75), (0.25, 0.75), (0.5, 0.375), (0.75, 1.875), (1.0, 1.5)]
    acted = TASKS["binary"].measure_profits(LABELS, PROBABILITIES, BINARY, gains).mean()
    assert dict(found)[0.5] == acted


def test_rows_of_one_probability_are_acted_on_together() -> None:
    gains = {"true_positive": 4.0, "false_positive": -1.0, "false_negative": 0.0, "true_negative": 0.0}
    found = TASKS["binary"].trace_profits(LABELS, np.array([0.9, 0.5, 0.5, 0.5]), gains)
    assert found == [(0.0, 0.0), (0.25, 1.0), (1.0, 1.5)]
    assert TASKS["multiclass"].trace_profits(GRADES, SHARES, {"correct": 1.0, "wrong": 0.0}) == []
