"""A few rows that stand for all, and their way through a model's file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from include.errors import ServingError
from include.explanations.background import MOST_ROWS, choose_background, match_means
from include.explanations.shapley import Explainer
from include.features.matrix import FeatureMatrix
from include.registry.background import read_background, write_background

NAMES = tuple(f"n{place}" for place in range(10))
WEIGHTS = np.linspace(-1, 1, 10)


def make_rows(count: int) -> FeatureMatrix:
    """Numbers of very different kinds, and a text."""
    dice = np.random.default_rng(3)
    numeric = np.concatenate([dice.normal(5, 2, (count, 5)), dice.exponential(3, (count, 5))], axis=1)
    texts = dice.choice(["rare", "usual"], (count, 1), p=[0.1, 0.9]).astype(object)
    return FeatureMatrix(numeric.astype(np.float32), texts, NAMES, ("kind",))


def answer(rows: FeatureMatrix) -> np.ndarray:
    """A curve over a sum of all features."""
    return 1 / (1 + np.exp(-(rows.numeric @ WEIGHTS + 2.0 * (rows.categorical[:, 0] == "rare")) / 4))


def test_a_few_rows_explain_as_hundreds_drawn_at_random_do() -> None:
    rows = make_rows(3000)
    some = rows.take(np.arange(60))
    expected = Explainer(answer, rows.take(np.arange(1000, 2000))).explain(some)

    def find_error(background: FeatureMatrix) -> float:
        return float(np.square(Explainer(answer, background).explain(some).values - expected.values).mean())

    chosen = find_error(choose_background(answer, rows, 4, 1))
    drawn = [find_error(rows.take(np.random.default_rng(seed).integers(0, 3000, 4))) for seed in range(15)]
    assert chosen < min(drawn), (chosen, sorted(drawn))
    assert chosen < np.median(drawn) / 5


def test_the_mean_answer_is_near_that_of_all_rows() -> None:
    rows = make_rows(3000)
    base = answer(choose_background(answer, rows, 4, 1)).mean()
    assert base == pytest.approx(answer(rows).mean(), abs=0.03)


def test_the_same_seed_chooses_the_same_and_fewer_rows_are_all_taken() -> None:
    rows = make_rows(MOST_ROWS + 500)
    first, second = (choose_background(answer, rows, 4, 9) for _ in range(2))
    assert (first.numeric == second.numeric).all() and (first.categorical == second.categorical).all()
    assert len(choose_background(answer, rows.take(np.arange(3)), 8, 9)) == 3
    assert (choose_background(answer, rows, 4, 10).numeric != first.numeric).any()


def test_several_classes_and_a_constant_have_a_background_too() -> None:
    rows = make_rows(300)
    classes = choose_background(lambda some: np.stack([answer(some), 1 - answer(some)], axis=1), rows, 4, 9)
    assert len({tuple(row) for row in classes.numeric.tolist()}) == 4
    assert len(choose_background(lambda some: np.zeros(len(some)), rows, 4, 9)) == 4


def test_one_row_of_each_part_is_chosen() -> None:
    values = np.random.default_rng(2).normal(size=(100, 6))
    chosen = match_means(values, 5)
    assert (chosen // 20).tolist() == [0, 1, 2, 3, 4]
    middle = values[[10, 30, 50, 70, 90]].mean(axis=0) - values.mean(axis=0)
    assert np.square(values[chosen].mean(axis=0) - values.mean(axis=0)).sum() < np.square(middle).sum() / 4


def test_rows_come_back_from_the_file_as_they_were() -> None:
    rows = make_rows(5)
    rows.numeric[2, 3] = np.nan
    rows.categorical[1, 0] = ""
    back = read_background(write_background(rows), rows.numeric_names, rows.categorical_names)
    assert np.array_equal(back.numeric, rows.numeric, equal_nan=True) and back.numeric.dtype == np.float32
    assert (back.categorical == rows.categorical).all()
    assert back.names == rows.names
    alone = replace(rows, numeric=rows.numeric[:, :0], numeric_names=())
    assert len(read_background(write_background(alone), (), ("kind",))) == 5


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"n0": [1], "n1": [1, 2]}', '{"n0": []}', '{"n0": ["x"]}'])
def test_rows_that_are_not_of_the_models_features_are_refused(text: str) -> None:
    with pytest.raises(ServingError, match="Train and register it again"):
        read_background(text, ("n0",), ())
