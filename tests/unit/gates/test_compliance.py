"""The rule about what can be explained, on cases."""

from __future__ import annotations

import pytest

from include.evaluation.compliance import ComplianceEvidence
from include.gates.compliance import check_compliance
from include.settings.gates import ComplianceGate, WhenUnclear

WHOLE = ComplianceEvidence(("raw.readings",), (), (), ())


@pytest.mark.parametrize(
    ("evidence", "is_passed", "is_clear", "severity", "reason"),
    [
        (WHOLE, True, True, "blocking", "come from raw.readings"),
        (ComplianceEvidence((), (), (), ()), False, False, "ask", "no published table"),
        (
            ComplianceEvidence(("raw.readings",), ("features.a",), (), ()), False, False, "ask",
            "no run says what features.a was made from",
        ),
        (
            ComplianceEvidence(("raw.readings",), (), ("feature wear",), ()), False, True, "blocking",
            "feature wear has no description",
        ),
        (ComplianceEvidence((), ("x.y",), (), ("name",)), False, True, "blocking", "the feature name identifies"),
    ],
)  # fmt: skip
def test_what_is_known_to_be_wrong_refuses_and_a_lineage_with_gaps_is_too_little_to_tell(
    evidence: ComplianceEvidence, is_passed: bool, is_clear: bool, severity: str, reason: str
) -> None:
    result = check_compliance(evidence, ComplianceGate(when_unclear="ask", severity="blocking"))
    assert (result.is_passed, result.is_clear, result.severity) == (is_passed, is_clear, severity)
    assert reason in result.reason


@pytest.mark.parametrize(("when", "severity"), [("pass", "note"), ("staging", "advisory"), ("refuse", "blocking")])
def test_what_follows_from_a_gap_is_a_setting(when: WhenUnclear, severity: str) -> None:
    gap = ComplianceEvidence((), (), (), ())
    assert check_compliance(gap, ComplianceGate(when_unclear=when, severity="blocking")).severity == severity
