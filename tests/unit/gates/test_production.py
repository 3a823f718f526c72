"""The gate against the champion."""

from __future__ import annotations

from typing import Any

import pytest

from include.gates.production import check_production
from include.settings.gates import ProductionGate

LIMITS = ProductionGate(min_gain=-0.005, when_incomparable="ask", severity="blocking")


def champion(gain: float | None) -> dict[str, Any]:
    """A comparison with version 3."""
    return {"version": 3, "score": 0.85, "gain": gain, "note": "what was seen"}


@pytest.mark.parametrize(("gain", "is_passed"), [(0.02, True), (-0.005, True), (-0.006, False), (-0.2, False)])
def test_a_worse_candidate_does_not_pass(gain: float, is_passed: bool) -> None:
    result = check_production(champion(gain), "AUC", LIMITS)
    assert (result.is_passed, result.observed, result.severity) == (is_passed, gain, "blocking")
    assert "champion version 3 (AUC 0.8500): what was seen" in result.reason


def test_without_a_champion_it_passes() -> None:
    result = check_production(None, "AUC", LIMITS)
    assert result.is_passed
    assert result.reason == "there is no champion yet"


@pytest.mark.parametrize(("setting", "severity"), [("ask", "ask"), ("staging", "advisory")])
def test_a_champion_that_cannot_be_compared_is_answered_as_the_settings_say(setting: Any, severity: str) -> None:
    limits = ProductionGate(min_gain=-0.005, when_incomparable=setting, severity="blocking")
    result = check_production(champion(None), "AUC", limits)
    assert (result.is_passed, result.severity, result.observed) == (False, severity, None)
    assert "champion version 3 could not be compared: what was seen" in result.reason
    assert "production.when_incomparable" in result.reason


def test_what_is_not_a_number_does_not_pass() -> None:
    assert not check_production(champion(float("nan")), "AUC", LIMITS).is_passed


@pytest.mark.parametrize(("low", "is_passed"), [(-0.03, True), (-0.031, False)])
def test_a_gain_that_may_hide_a_loss_does_not_pass(low: float, is_passed: bool) -> None:
    limits = LIMITS.model_copy(update={"min_gain_low": -0.03})
    result = check_production({**champion(0.0), "gain_low": low}, "AUC", limits)
    assert (result.is_passed, result.observed, result.threshold) == (is_passed, low, -0.03)
    assert "-0.0300 at the low end of the interval" in result.reason


def test_a_loss_is_told_as_such_whatever_its_interval_says() -> None:
    limits = LIMITS.model_copy(update={"min_gain_low": -0.03})
    result = check_production({**champion(-0.02), "gain_low": -0.025}, "AUC", limits)
    assert (result.is_passed, result.observed, result.threshold) == (False, -0.02, -0.005)
