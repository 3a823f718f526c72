"""Paired tests of two models: by hand, against published figures, and on models that do not differ."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from include.tasks import TASKS
from include.tasks.paired import compare_answers, compare_errors


def answer(right: int, other_right: int, both: int, neither: int) -> tuple[list[str], list[str], list[str]]:
    """Answers of two models of which so many are right alone, of both, and of neither; and what came true."""
    mine = ["yes"] * right + ["no"] * other_right + ["yes"] * both + ["no"] * neither
    others = ["no"] * right + ["yes"] * other_right + ["yes"] * both + ["no"] * neither
    return mine, others, ["yes"] * len(mine)


def test_of_answers_only_those_that_one_model_alone_has_right_count() -> None:
    # 2 * (1 + 10 + 45) / 2^10, of the ten rows that differ
    paired = compare_answers(*answer(8, 2, 900, 40))
    assert paired.p_value == pytest.approx(2 * 56 / 1024)
    assert paired.describe() == "McNemar: right alone on 8 rows, the other on 2, p = 0.11"
    assert compare_answers(*answer(2, 8, 0, 0)).p_value == paired.p_value
    assert compare_answers(*answer(80, 20, 900, 40)).p_value < 1e-8
    assert compare_answers(*answer(0, 0, 900, 40)).p_value == 1


def test_the_test_of_errors_is_the_corrected_one_for_a_horizon_of_one_step() -> None:
    errors, others = np.random.default_rng(3).exponential(1, (2, 40))
    gains = others - errors
    # Harvey, Leybourne and Newbold, equation 9 with h = 1: the variance is over n, the factor sqrt((n - 1) / n)
    statistic = gains.mean() / np.sqrt(gains.var() / 40) * np.sqrt(39 / 40)
    paired = compare_errors(errors, others)
    assert paired.p_value == pytest.approx(2 * t.sf(abs(statistic), 39))
    assert compare_errors(others, errors).p_value == pytest.approx(paired.p_value)
    assert compare_errors(errors, errors).p_value == 1
    assert compare_errors(np.zeros(9), np.ones(9)).p_value == 0


def test_models_that_do_not_differ_are_told_apart_as_often_as_the_level_says() -> None:
    generator, found = np.random.default_rng(5), []
    for _ in range(400):
        errors, others = generator.exponential(1, (2, 200))
        found.append(compare_errors(errors, others).p_value < 0.05)
    assert np.mean(found) == pytest.approx(0.05, abs=0.03)


def test_each_task_compares_by_the_decisions_of_both_models() -> None:
    labels = np.array([1, 1, 1, 0, 0, 0])
    scores = np.array([0.9, 0.8, 0.4, 0.3, 0.2, 0.1])
    binary = TASKS["binary"].compare(labels, scores, {"threshold": 0.35}, scores, {"threshold": 0.5})
    assert "right alone on 1 rows, the other on 0" in binary.detail

    classes = {"classes": ["a", "b"]}
    columns = np.stack([1 - scores, scores], axis=1)
    multiclass = TASKS["multiclass"].compare(labels, columns, classes, columns[:, ::-1], classes)
    assert "right alone on 5 rows, the other on 1" in multiclass.detail

    values = np.array([1.0, 2, 3, 4, 5, 7])
    forecast = TASKS["regression"].compare(values, values, {}, values + np.arange(6), {})
    assert forecast.name == "Diebold-Mariano"
    assert "smaller by 2.5" in forecast.detail
