"""The gate on interpretability."""

from __future__ import annotations

import pytest

from include.evaluation.interpretability import InterpretabilityEvidence
from include.gates.interpretability import check_interpretability
from include.settings.gates import InterpretabilityGate

LIMITS = InterpretabilityGate(
    folds=3, max_rows=100, min_agreement=0.5, max_dominance=0.9, max_missing_score=0.8, severity="blocking"
)
NAN = float("nan")


@pytest.mark.parametrize(
    ("share", "agreement", "absence", "is_passed", "observed"),
    [
        (0.6, 0.8, 0.5, True, 0.6),
        (0.9, 0.5, 0.8, True, 0.9),
        (0.91, 0.8, 0.5, False, 0.91),
        (0.6, 0.49, 0.5, False, 0.49),
        (0.6, 0.8, 0.81, False, 0.81),
        (0.6, NAN, 0.5, False, None),
    ],
    ids=["fine", "at the limits", "one alone", "another in each fold", "an absence that tells", "no number"],
)
def test_reasons_have_to_hold(
    share: float, agreement: float, absence: float, is_passed: bool, observed: float | None
) -> None:
    evidence = InterpretabilityEvidence({"wear": share, "site": 1 - share}, agreement, "paint", absence)
    result = check_interpretability(evidence, LIMITS)
    assert (result.is_passed, result.observed) == (is_passed, observed)
    assert "wear" in result.reason
    assert "paint is missing" in result.reason


def test_a_model_for_which_nothing_matters_is_not_understood() -> None:
    result = check_interpretability(InterpretabilityEvidence({}, 0.0, None, 0.0), LIMITS)
    assert not result.is_passed
    assert "nothing is ever missing" in result.reason
