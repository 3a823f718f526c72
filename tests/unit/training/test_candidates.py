"""The candidates of a training are those of its strategies: families times compared sets, and the baseline once."""

from __future__ import annotations

import pytest

from include.settings.strategies import Strategy
from include.training.candidates import apply_strategy, list_candidates, name_candidate
from tests.model.machines import make_model


def test_without_compared_sets_each_family_is_one_candidate() -> None:
    model = make_model("binary")
    assert [item["name"] for item in list_candidates(model)] == list(model.training.families)
    assert {item["feature_set"] for item in list_candidates(model)} == {None}


def test_each_family_but_the_baseline_is_fitted_on_each_compared_set() -> None:
    model = make_model("binary")
    features = model.features.model_copy(update={"compare": {"basic": ("basic",), "full": ("basic", "advanced")}})
    candidates = list_candidates(model.model_copy(update={"features": features}))

    names = [str(item["name"]) for item in candidates]
    assert names[:3] == ["baseline", "logistic_regression · basic", "logistic_regression · full"]
    assert len(names) == len(set(names)) == 1 + 2 * (len(model.training.families) - 1)


def name_all(*strategies: Strategy, **training: object) -> list[str | None]:
    model = make_model("binary")
    changed = model.model_copy(update={"training": model.training.model_copy(update=training)})
    return [item["name"] for item in list_candidates(changed, strategies)]


STANDARD = ["baseline", "logistic_regression", "random_forest", "gradient_boosting"]


@pytest.mark.parametrize(
    ("strategies", "names"),
    [
        (("standard",), STANDARD),
        (("standard", "search"), [*STANDARD, *(f"{name} · search" for name in STANDARD[1:])]),
        (("standard", "feature_selection"), [*STANDARD, *(f"{name} · feature_selection" for name in STANDARD[1:])]),
        (("ensemble",), ["baseline", "ensemble · ensemble"]),
        (("search",), ["baseline", *(f"{name} · search" for name in STANDARD[1:])]),
    ],
)
def test_each_strategy_adds_its_candidates(strategies: tuple[Strategy, ...], names: list[str]) -> None:
    assert name_all(*strategies) == names


def test_what_two_strategies_would_fit_alike_is_fitted_once() -> None:
    training = make_model("binary").training
    searching = training.search.model_copy(update={"method": "random"})
    assert name_all("standard", "search", search=searching) == STANDARD
    selecting = training.feature_selection.model_copy(update={"method": "mutual_information"})
    assert name_all("standard", "feature_selection", feature_selection=selecting) == STANDARD
    assert name_all("standard", "ensemble", families=(*STANDARD, "ensemble")) == [*STANDARD, "ensemble"]


def test_a_strategy_keeps_the_methods_that_the_settings_name() -> None:
    model = make_model("binary")
    training = model.training
    assert apply_strategy(model, "standard") == training
    assert apply_strategy(model, "search").search.method == "optuna"
    assert apply_strategy(model, "feature_selection").feature_selection.method == "importance"
    searching = training.model_copy(update={"search": training.search.model_copy(update={"method": "grid"})})
    named = model.model_copy(update={"training": searching})
    assert apply_strategy(named, "search").search.method == "grid"
    assert apply_strategy(named, "search").search.trials == training.search.trials


def test_answers_that_are_decided_by_value_have_the_gains_of_the_gate() -> None:
    model = make_model("binary")
    valued = model.model_copy(update={"training": model.training.model_copy(update={"decision": "value"})})

    assert apply_strategy(model, "search").decision_gains is None
    assert apply_strategy(valued, "search").decision_gains == model.gates.value.gains


def test_what_goes_without_saying_is_left_out_of_a_name() -> None:
    assert name_candidate("ridge", None, "standard") == "ridge"
    assert name_candidate("ridge", "basic", "search") == "ridge · basic · search"
