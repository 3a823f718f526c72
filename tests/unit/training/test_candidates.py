"""The candidates of a training are families times compared sets, with the baseline once."""

from __future__ import annotations

from include.training.candidates import list_candidates
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
