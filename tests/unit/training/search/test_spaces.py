"""Spaces follow the data, and go between settings, grids and trials."""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import SettingsError
from include.settings.search import ParameterSpace
from include.training.search.spaces import Choice, DataShape, Range, adapt_spaces
from tests.model.machines import load_training

SHAPE = DataShape(rows=1000, columns=20, class_share=0.1)


def adapt(shape: DataShape = SHAPE, **space: Any) -> Any:
    """One space, adapted."""
    return adapt_spaces({"it": ParameterSpace(**space)}, shape, "binary").get("it")


def test_the_upper_bound_is_at_most_a_share_of_the_rows() -> None:
    assert adapt(low=5, high=200, high_share_of_rows=0.05) == Range(5, 50, False, 4)
    assert adapt(low=5, high=40, high_share_of_rows=0.05).high == 40
    assert adapt(DataShape(20, 3, 0.5), low=5, high=200, high_share_of_rows=0.05) == Range(5, 5, False, 4)


def test_the_lower_bound_is_at_least_the_share_of_some_columns() -> None:
    assert adapt(low=0.01, high=1.0, low_columns=2).low == pytest.approx(0.1)
    assert adapt(DataShape(1000, 1000, 0.1), low=0.01, high=1.0, low_columns=2).low == 0.01
    assert adapt(DataShape(1000, 1, 0.1), low=0.01, high=1.0, low_columns=2).low == 1.0


def test_weights_of_classes_are_searched_where_one_is_rare() -> None:
    weights: dict[str, Any] = {"choices": (None, "balanced"), "below_class_share": 0.2}
    assert adapt(**weights) == Choice(("null", '"balanced"'))
    assert adapt(DataShape(1000, 20, 0.4), **weights) is None


def test_weights_of_classes_are_not_searched_for_a_regression() -> None:
    space = {"class_weight": ParameterSpace(choices=(None, "balanced")), "C": ParameterSpace(low=1, high=2)}
    assert set(adapt_spaces(space, SHAPE, "regression")) == {"C"}


def test_a_grid_divides_a_range() -> None:
    assert adapt(low=0.01, high=10.0, log=True).list_values() == pytest.approx([0.01, 0.1, 1.0, 10.0])
    assert adapt(low=0.0, high=1.0, points=3).list_values() == [0.0, 0.5, 1.0]
    assert adapt(low=1, high=3, points=9).list_values() == [1, 2, 3]


def test_a_choice_may_be_a_list() -> None:
    choice = adapt(choices=([32], [32, 16]))
    assert [choice.decode(text) for text in choice.list_values()] == [[32], [32, 16]]
    assert choice.encode((32, 16)) == "[32, 16]"
    assert choice.encode([64]) is None


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"random_forest": {"leaf": {"low": 1, "high": 2}}}, r"parameters of random_forest \(.*\), not 'leaf'"),
        ({"random_forest": {"min_samples_leaf": {"low": 0, "high": 9}}}, r"min_samples_leaf: .*greater.*, found 0"),
        ({"random_forest": {"max_features": {"choices": ["sqrt", "all"]}}}, r"max_features: .*found 'all'"),
        ({"random_forest": {"min_samples_leaf": {"low": 9, "high": 1}}}, r"low being the smaller one"),
        ({"random_forest": {"min_samples_leaf": {"low": 1, "high": 9, "choices": [1]}}}, r"choices, or low and high"),
        ({"random_forest": {"min_samples_leaf": {"low": 1}}}, r"choices, or low and high"),
        ({"ridge": {"alpha": {"low": 0.0, "high": 1.0, "log": True}}}, r"low above 0"),
        ({"forest": {"alpha": {"low": 1.0, "high": 2.0}}}, r"families \(.*\), not 'forest'"),
    ],
)  # fmt: skip
def test_a_space_that_cannot_be_searched_is_refused(space: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_training("binary", search={"spaces": space})
