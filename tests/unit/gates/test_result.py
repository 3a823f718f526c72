"""Pass, fail, or too little to tell."""

from __future__ import annotations

import pytest

from include.gates.decision import decide
from include.gates.result import settle
from include.settings.gates import MeasuredGate, WhenUnclear


@pytest.mark.parametrize(
    ("when_unclear", "severity", "outcome"),
    [("pass", "note", "production"), ("ask", "ask", "production"), ("staging", "advisory", "staging"),
     ("refuse", "blocking", "refuse")],
)  # fmt: skip
def test_what_is_unclear_goes_as_the_settings_say(when_unclear: WhenUnclear, severity: str, outcome: str) -> None:
    limits = MeasuredGate(when_unclear=when_unclear, severity="blocking")
    result = settle("value", limits, is_met=False, is_possible=True, observed=0.1, threshold=0.2, reason="few rows")
    assert (result.is_passed, result.is_clear, result.severity) == (False, False, severity)
    assert result.reason.startswith("too little to tell: few rows; ")
    assert f"value.when_unclear: {when_unclear}" in result.reason
    assert decide([result]).outcome == outcome


@pytest.mark.parametrize("is_met", [True, False])
def test_what_is_clear_has_the_severity_of_its_gate(is_met: bool) -> None:
    limits = MeasuredGate(when_unclear="pass", severity="advisory")
    result = settle(
        "value", limits, is_met=is_met, is_possible=is_met, observed=float("inf"), threshold=0.2, reason="so it is"
    )
    assert (result.is_passed, result.is_clear, result.severity) == (is_met, True, "advisory")
    assert (result.reason, result.observed) == ("so it is", None)
