"""The rule about artifacts, on cases."""

from __future__ import annotations

import pytest

from include.evaluation.security import SecurityEvidence
from include.gates.security import check_security
from include.settings.gates import SecurityGate

LIMITS = SecurityGate(advisories_url=None, max_advisories=1, severity="blocking")


@pytest.mark.parametrize(
    ("findings", "advisories", "is_passed", "severity"),
    [
        ((), None, True, "advisory"),
        ((), (), True, "advisory"),
        ((), ("a 1: X",), True, "advisory"),
        ((), ("a 1: X", "b 2: Y"), False, "advisory"),
        (("the file 'model.pkl'",), (), False, "blocking"),
        (("the file 'model.pkl'",), None, False, "blocking"),
        (("the file 'model.pkl'",), ("a 1: X", "b 2: Y"), False, "blocking"),
    ],
)
def test_findings_refuse_and_many_advisories_keep_it_in_staging(
    findings: tuple[str, ...], advisories: tuple[str, ...] | None, is_passed: bool, severity: str
) -> None:
    result = check_security(SecurityEvidence(findings, advisories), LIMITS)
    assert (result.is_passed, result.severity) == (is_passed, severity)
    assert ("were not checked" in result.reason) is (advisories is None)
    assert all(text in result.reason for text in (*findings, *(advisories or ())))


def test_of_many_findings_the_first_are_named() -> None:
    result = check_security(SecurityEvidence(tuple(f"the file {n}" for n in range(9)), ()), LIMITS)
    assert result.observed == 9
    assert "the file 4 and 4 more" in result.reason
