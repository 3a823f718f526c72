"""The gate on how many rows the figures rest on."""

from __future__ import annotations

import pytest

from include.gates.evidence import check_evidence
from include.settings.gates import EvidenceGate


@pytest.mark.parametrize(("count", "is_passed"), [(300, True), (100, True), (99, False), (0, False)])
def test_few_rows_do_not_pass(count: int, is_passed: bool) -> None:
    result = check_evidence(count, "rows of the smaller class", EvidenceGate(min_test_count=100, severity="advisory"))
    assert (result.is_passed, result.observed, result.severity) == (is_passed, count, "advisory")
    assert f"{count} rows of the smaller class" in result.reason
