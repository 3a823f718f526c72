"""The gate on the size of the served file."""

from __future__ import annotations

import pytest

from include.gates.size import check_size
from include.settings.gates import SizeGate


@pytest.mark.parametrize(("size", "is_passed"), [(1_000, True), (2_000, True), (2_001, False)])
def test_the_file_is_limited(size: int, is_passed: bool) -> None:
    result = check_size(size, SizeGate(max_bytes=2_000, severity="advisory"))
    assert (result.is_passed, result.observed, result.severity) == (is_passed, float(size), "advisory")
