"""Answers of real rules and models, logged, read and judged: better is no shift, broken is one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pytest
from psycopg.types.json import Jsonb

from include.features.matrix import FeatureMatrix
from include.rollout.judge import judge_canary
from include.rollout.stats import Variant, VariantStats, read_stats
from include.settings.models import TaskName
from include.tasks import TASKS
from include.warehouse.session import open_session
from tests.unit.rollout.test_judge import CRITERIA, EARLY, list_failed

BEGAN_AT: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS: Final = 2000
CLASSES: Final = ("high", "low", "middle")
NAMES: Final = ("a", "b", "c", "d")

Predictions = np.ndarray[Any, Any]


def log_answers(uri: str, task: TaskName, variant: Variant, predictions: Predictions, classes: Any = CLASSES) -> None:
    """As the model server logs them."""
    numbers = TASKS[task].summarise(predictions).tolist()
    answers = [TASKS[task].describe(row, {"classes": classes, "threshold": 0.5}) for row in predictions]
    with open_session(uri) as session:
        session.execute_many(
            "insert into serving.inference_log (at, request_id, model_name, model_version, variant, features, "
            "prediction, answer, latency_ms, is_error) values (%s, %s, 'm', 1, %s, '{}', %s, %s, 1.0, false)",
            [
                (BEGAN_AT, f"{variant} {place}", variant, number, Jsonb(answer))
                for place, (number, answer) in enumerate(zip(numbers, answers, strict=True))
            ],
        )  # fmt: skip


def find_failed(uri: str, task: TaskName, champion: Predictions, challenger: Predictions) -> set[str]:
    """The checks that say no to a challenger beside a champion."""
    log_answers(uri, task, "champion", champion)
    log_answers(uri, task, "challenger", challenger)
    with open_session(uri) as session:
        stats = [read_stats(session, "m", variant, 1, BEGAN_AT) for variant in ("champion", "challenger")]
    return list_failed(judge_canary(stats[0], stats[1], CRITERIA, EARLY))


def make_rows(task: TaskName, seed: int) -> tuple[FeatureMatrix, Predictions]:
    """Features in [0, 1], labels that all but the last of them decide: around 1000, or classes of unequal shares."""
    random = np.random.default_rng(seed)
    numeric = random.random((ROWS, len(NAMES))).astype(np.float32)
    signal = numeric[:, :3].sum(axis=1) + random.normal(0, 0.1, ROWS)
    labels = 1000 + 300 * signal if task == "regression" else np.digitize(signal, [1.2, 2.0])
    return FeatureMatrix(numeric, np.empty((ROWS, 0), dtype=object), NAMES, ()), labels


def answer_both(task: TaskName) -> tuple[Predictions, Predictions]:
    """What the baseline and a good model answer to rows that neither has seen."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    (matrix, labels), (asked, _) = make_rows(task, 1), make_rows(task, 2)
    rule = TASKS[task].fit_baseline(matrix, labels, seed=1)
    column = asked.numeric[:, [NAMES.index(rule.feature)]]
    forest = RandomForestRegressor if task == "regression" else RandomForestClassifier
    model = forest(n_estimators=30, random_state=1).fit(matrix.numeric, labels)
    return TASKS[task].predict(rule.model, column), TASKS[task].predict(model, asked.numeric)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_a_good_model_takes_over_from_the_baseline(warehouse_uri: str, task: TaskName) -> None:
    assert find_failed(warehouse_uri, task, *answer_both(task)) == set()


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_a_good_model_takes_over_from_constant_answers(warehouse_uri: str, task: TaskName) -> None:
    good = answer_both(task)[1]
    constant = np.repeat(good.mean(axis=0, keepdims=True), ROWS, axis=0)
    assert find_failed(warehouse_uri, task, constant, good) == set()


@pytest.mark.parametrize("champion", [0, 1], ids=["baseline", "good"])
@pytest.mark.parametrize(
    ("task", "damage", "failed"),
    [
        ("multiclass", lambda good: good[:, [1, 2, 0]], "class_shift"),
        ("multiclass", lambda good: np.repeat(good[:1], ROWS, axis=0), "prediction_spread"),
        ("multiclass", lambda good: np.repeat(good.mean(axis=0, keepdims=True), ROWS, axis=0), "prediction_spread"),
        ("regression", lambda good: good * 100, "prediction_shift"),
        ("regression", lambda good: good / 100, "prediction_shift"),
        ("regression", lambda good: (good - good.mean()) * 100 + good.mean(), "prediction_spread"),
        ("regression", lambda good: np.full(ROWS, good.mean()), "prediction_spread"),
    ],
)
def test_broken_answers_are_rolled_back(
    warehouse_uri: str, champion: int, task: TaskName, damage: Callable[[Predictions], Predictions], failed: str
) -> None:
    both = answer_both(task)
    assert failed in find_failed(warehouse_uri, task, both[champion], damage(both[1]))


def test_a_constant_probability_is_rolled_back(warehouse_uri: str) -> None:
    good = np.random.default_rng(1).beta(1, 5, ROWS)
    assert find_failed(warehouse_uri, "binary", good, np.full(ROWS, good.mean())) == {"prediction_spread"}


def test_each_class_has_its_mean_probability(warehouse_uri: str) -> None:
    log_answers(warehouse_uri, "multiclass", "champion", np.array([[0.2, 0.8], [0.6, 0.4]]), ("a", "b"))
    with open_session(warehouse_uri) as session:
        stats: VariantStats = read_stats(session, "m", "champion", 1, BEGAN_AT)
    assert [(item.name, item.mean) for item in stats.classes] == [("a", pytest.approx(0.4)), ("b", pytest.approx(0.6))]
    assert stats.classes[0].deviation == pytest.approx(0.08**0.5)


def test_a_class_that_the_champion_does_not_know_counts(warehouse_uri: str) -> None:
    random = np.random.default_rng(1)
    before = random.dirichlet([5, 5], ROWS)
    log_answers(warehouse_uri, "multiclass", "champion", before, ("a", "b"))
    log_answers(warehouse_uri, "multiclass", "challenger", before, ("a", "c"))
    with open_session(warehouse_uri) as session:
        stats = [read_stats(session, "m", variant, 1, BEGAN_AT) for variant in ("champion", "challenger")]
    shift = next(c for c in judge_canary(stats[0], stats[1], CRITERIA, EARLY).checks if c.name == "prediction_shift")
    assert not shift.is_passed
    assert "class b" in shift.reason or "class c" in shift.reason
