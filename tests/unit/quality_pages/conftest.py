"""Made-up rows, as the queries read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

DAY = date(2026, 3, 9)


def make_rule(**changes: Any) -> dict[str, Any]:
    """A rule on the range of heat that holds."""
    return {
        "dimension": "range", "rule": "expect", "column": "heat", "is_critical": True, "weight": 2.0,
        "has_passed": True, "observed": "0 of 12 rows", "expected": "values from 0", "remedy": "look", **changes,
    }  # fmt: skip


def make_column(**changes: Any) -> dict[str, Any]:
    """A profile of heat."""
    return {
        "column_name": "heat", "row_count": 12, "null_count": 3, "distinct_count": 9, "minimum": "0.5",
        "maximum": "4.5", "mean": 2.5, "standard_deviation": 1.0, "quantiles": {"0.5": 2.5, "0.05": 0.6},
        "top_values": None, "histogram": {"low": "0.5", "high": "4.5", "counts": [1, 0, 8]}, "data_type": "float64",
        **changes,
    }  # fmt: skip


def make_audit(offset: int = 0, **changes: Any) -> dict[str, Any]:
    """An audit of one day that passed."""
    day = DAY + timedelta(days=offset)
    return {
        "audit_id": f"run__{day}", "source": "readings", "from_day": day, "to_day": day, "row_count": 12,
        "rule_count": 3, "score": 1.0, "audited_at": datetime(2026, 3, 10, 5, tzinfo=UTC) + timedelta(days=offset),
        "failure_count": 0, "state": "passed", "failures": [], "profile": [make_column()], "bands": [],
        "results": [make_rule()], "files": [{"path": "/data/a.csv", "row_count": 12}], "quarantine": None,
        "release": None, "released_by": None, **changes,
    }  # fmt: skip


@pytest.fixture
def refused() -> dict[str, Any]:
    """An audit that refused its batch, with a sample of its rows."""
    broken = make_rule(has_passed=False, observed="1 of 12 rows")
    return make_audit(
        state="refused",
        failure_count=1,
        failures=[broken],
        results=[make_rule(column="noise"), make_rule(has_passed=False, is_critical=False, column="noise"), broken],
        quarantine={
            "row_count": 12,
            "reasons": [broken],
            "files": [{"path": "/data/a.csv", "row_count": None}],
            "sample_rows": [
                {"row": {"heat": -1.0, "noise": None}, "broken_rules": ["range of heat"]},
                {"row": {"heat": 1.0, "noise": 2}, "broken_rules": []},
            ],
        },
    )
