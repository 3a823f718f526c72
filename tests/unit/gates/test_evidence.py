"""The gate on how many churners the figures rest on."""

from __future__ import annotations

import pytest

from include.gates.evidence import check_evidence
from include.settings.gates import EvidenceGate


@pytest.mark.parametrize(("positives", "is_passed"), [(300, True), (100, True), (99, False), (0, False)])
def test_few_churners_do_not_pass(positives: int, is_passed: bool) -> None:
    result = check_evidence(positives, EvidenceGate(min_test_positives=100, severity="advisory"))
    assert (result.is_passed, result.observed, result.severity) == (is_passed, positives, "advisory")
    assert f"{positives} churners" in result.reason
