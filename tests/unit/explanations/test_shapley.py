"""Explanations against Shapley's own formula, written down a second time over all orders of the features."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from include.explanations import shapley
from include.explanations.coalitions import EXACT_FEATURES, follow_orders, list_subsets, plan_coalitions
from include.explanations.shapley import Explainer, mix_rows
from include.features.matrix import FeatureMatrix

DICE = np.random.default_rng(31)


def make_rows(count: int, numbers: int, texts: int = 1) -> FeatureMatrix:
    """Random rows of some numeric features and some of text."""
    return FeatureMatrix(
        DICE.normal(0, 1, (count, numbers)).astype(np.float32),
        DICE.choice(["north", "south", ""], (count, texts)).astype(object),
        tuple(f"n{place}" for place in range(numbers)),
        tuple(f"t{place}" for place in range(texts)),
    )


def is_south(rows: FeatureMatrix) -> np.ndarray:
    """1 where the first text is south."""
    south: np.ndarray = (rows.categorical[:, 0] == "south").astype(np.float64)
    return south


def answer_curved(rows: FeatureMatrix) -> np.ndarray:
    """A probability in which every feature acts with every other."""
    return 1 / (1 + np.exp(-(rows.numeric @ np.arange(1.0, rows.numeric.shape[1] + 1) + 2 * is_south(rows))))


def answer_classes(rows: FeatureMatrix) -> np.ndarray:
    """Probabilities of three classes."""
    scores = np.stack([rows.numeric[:, 0], rows.numeric[:, 1] * 2, is_south(rows) - rows.numeric.sum(axis=1)], axis=1)
    powers = np.exp(scores)
    return powers / powers.sum(axis=1, keepdims=True)


def answer_in_pairs(rows: FeatureMatrix) -> np.ndarray:
    """A sum of single features and of products of two."""
    values = rows.numeric.astype(np.float64)
    products = values[:, 0] * values[:, 1] + values[:, 2] * is_south(rows) - values[:, 3] * values[:, 4]
    return values.sum(axis=1) + 3 * products


def walk_all_orders(
    answer: Callable[[FeatureMatrix], np.ndarray], row: FeatureMatrix, background: FeatureMatrix, column: int | None
) -> np.ndarray:
    """Shapley's value of each feature of one row: what it adds, over all orders and background rows."""
    size = len(row.names)
    values = np.zeros(size)
    orders = list(permutations(range(size)))
    for order in orders:
        for place in range(len(background)):
            mixed = background.take([place])
            numeric, categorical = mixed.numeric.copy(), mixed.categorical.copy()
            before = answer(mixed)
            for feature in order:
                if feature < numeric.shape[1]:
                    numeric[0, feature] = row.numeric[0, feature]
                else:
                    at = feature - numeric.shape[1]
                    categorical[0, at] = row.categorical[0, at]
                after = answer(FeatureMatrix(numeric, categorical, row.numeric_names, row.categorical_names))
                step = after - before if column is None else after[:, column] - before[:, column]
                values[feature] += float(step[0])
                before = after
    return values / len(orders) / len(background)


@pytest.mark.parametrize(("answer", "numbers"), [(answer_curved, 3), (answer_classes, 3), (answer_in_pairs, 5)])
def test_the_values_are_those_of_shapleys_formula(answer: Any, numbers: int) -> None:
    rows, background = make_rows(3, numbers), make_rows(2, numbers)

    found = Explainer(answer, background).explain(rows)

    assert (numbers + 1 > EXACT_FEATURES) == (answer is answer_in_pairs)
    for place in range(len(rows)):
        row = rows.take([place])
        told = answer(row)
        column = int(told.argmax()) if told.ndim == 2 else None
        assert found.values[place] == pytest.approx(walk_all_orders(answer, row, background, column), abs=1e-5)


@pytest.mark.parametrize("answer", [answer_curved, answer_classes])
@pytest.mark.parametrize("numbers", [2, 9])
def test_values_and_base_add_up_to_the_answer(answer: Any, numbers: int) -> None:
    rows, background = make_rows(50, numbers), make_rows(4, numbers)

    found = Explainer(answer, background).explain(rows)

    told, others = answer(rows), answer(background)
    if told.ndim == 2:
        chosen = told.argmax(axis=1)
        told, others = told.max(axis=1), others[:, chosen]
    assert found.base == pytest.approx(np.broadcast_to(others.mean(axis=0), 50))
    assert np.abs(found.values).sum() > 1
    assert found.base + found.values.sum(axis=1) == pytest.approx(told)


def test_of_a_sum_each_feature_has_its_own_part_however_many_there_are() -> None:
    weights = np.arange(12.0)
    rows, background = make_rows(20, 12), make_rows(3, 12)

    found = Explainer(lambda some: some.numeric @ weights, background).explain(rows)

    expected = weights * (rows.numeric - background.numeric.mean(axis=0))
    assert found.values[:, :12] == pytest.approx(expected, abs=1e-4)
    assert (found.values[:, 12] == 0).all()


def test_an_estimate_of_many_features_that_act_together_is_near() -> None:
    rows, background = make_rows(40, 6), make_rows(4, 6)
    values = Explainer(answer_curved, background).explain(rows).values
    subsets = list_subsets(7)
    exact = Explainer(answer_curved, background)
    exact._plans = [subsets] * 4

    expected = exact.explain(rows).values

    assert np.corrcoef(values.ravel(), expected.ravel())[0, 1] > 0.9
    assert values.sum(axis=1) == pytest.approx(expected.sum(axis=1))


def test_rows_are_explained_alike_alone_and_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, background = make_rows(30, 8), make_rows(3, 8)
    whole = Explainer(answer_classes, background).explain(rows)
    monkeypatch.setattr(shapley, "BLOCK_CELLS", 500)

    blocks = Explainer(answer_classes, background).explain(rows)
    alone = Explainer(answer_classes, background).explain(rows.take([7]))

    assert blocks.values == pytest.approx(whole.values, abs=1e-12)
    assert alone.values[0] == pytest.approx(whole.values[7], abs=1e-12)
    assert (blocks.values == Explainer(answer_classes, background).explain(rows).values).all()


def test_memory_is_that_of_a_block_whatever_the_number_of_rows() -> None:
    most: list[int] = []

    def answer(rows: FeatureMatrix) -> np.ndarray:
        most.append(len(rows) * len(rows.names))
        return rows.numeric[:, 0].astype(np.float64)

    rows, background = make_rows(30_000, 19), make_rows(2, 19)
    Explainer(answer, background).explain(rows, answer(background.take([0] * 30_000)))

    assert max(most[1:]) <= max(shapley.BLOCK_CELLS, most[0])


def test_the_model_is_asked_as_often_as_is_said() -> None:
    asked: list[int] = []

    def answer(rows: FeatureMatrix) -> np.ndarray:
        asked.append(len(rows))
        return answer_curved(rows)

    explainer = Explainer(answer, make_rows(4, 9))
    asked.clear()
    explainer.explain(make_rows(1, 9))
    assert sum(asked) == explainer.questions == 4 * 2 * 9 + 1


def test_features_that_are_not_the_models_are_left_out() -> None:
    rows, background = make_rows(5, 4, 2), make_rows(2, 4, 2).select(["n3", "n1", "t1"])
    found = Explainer(lambda some: some.column("n3") * 2.0, background).explain(rows)
    assert found.names == ("n3", "n1", "t1")
    assert found.values[:, 0] == pytest.approx(2 * (rows.numeric[:, 3] - background.numeric[:, 0].mean()), abs=1e-5)
    assert (abs(found.values[:, 1:]) < 1e-12).all()


def test_mixed_rows_take_their_own_values_where_the_set_says_so() -> None:
    rows, other = make_rows(2, 2), make_rows(1, 2)
    mixed = mix_rows(rows, other, np.array([[True, False, False], [False, False, True]]))
    assert (mixed.numeric[:2, 0] == rows.numeric[:, 0]).all() and (mixed.numeric[:2, 1] == other.numeric[0, 1]).all()
    assert (mixed.categorical[:2] == other.categorical).all()
    assert (mixed.numeric[2:] == other.numeric).all() and (mixed.categorical[2:] == rows.categorical).all()
    assert mixed.numeric.dtype == np.float32


@pytest.mark.parametrize("features", [1, 3, 6, 20])
def test_the_weights_divide_the_whole_change(features: int) -> None:
    plan = plan_coalitions(features, 3)
    assert not plan.masks[0].any() and plan.masks[-1].all()
    assert plan.weights.sum(axis=0)[[0, -1]].tolist() == pytest.approx([-1, 1])
    assert plan.weights.sum(axis=0)[1:-1] == pytest.approx(np.zeros(len(plan.masks) - 2), abs=1e-12)
    assert plan.weights.sum(axis=1) == pytest.approx(np.zeros(features), abs=1e-12)


def test_another_seed_follows_another_order() -> None:
    assert (plan_coalitions(12, 1).masks == plan_coalitions(12, 1).masks).all()
    assert (plan_coalitions(12, 1).masks != plan_coalitions(12, 2).masks).any()
    assert len(follow_orders(np.arange(12)).masks) == 2 * 12
