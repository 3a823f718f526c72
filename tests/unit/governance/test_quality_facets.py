"""Facets of several batches of one table in one event."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.serde import Serde

from include.governance.quality_facets import add_quality_facets
from include.quality.report import BatchQuality


def rule(name: str, *, has_passed: bool, is_critical: bool = True) -> dict[str, Any]:
    return {
        "dimension": "range", "rule": name, "column": "heat", "is_critical": is_critical, "weight": 1.0,
        "has_passed": has_passed, "observed": "seen", "expected": "wanted",
    }  # fmt: skip


def column(low: str | None, high: str | None, mean: float | None) -> dict[str, Any]:
    return {
        "column_name": "heat", "row_count": 10, "null_count": 1, "distinct_count": 4, "minimum": low, "maximum": high,
        "mean": mean, "quantiles": {"0.5": 2.0},
    }  # fmt: skip


def report(*batches: BatchQuality) -> tuple[dict[str, Any], dict[str, Any]]:
    inputs, outputs = [InputDataset("ns", "db.raw.readings")], [OutputDataset("ns", "db.raw.readings")]
    add_quality_facets(batches, inputs, outputs)
    return tuple(json.loads(Serde.to_json(one[0])) for one in (inputs, outputs))  # type: ignore[return-value]


def batch(day: int, rules: list[dict[str, Any]], columns: list[dict[str, Any]], *, is_written: bool) -> BatchQuality:
    at = date(2026, 3, day)
    return BatchQuality(at, at, 10, tuple(rules), tuple(columns), is_written)


def test_several_days_add_up_and_broken_rules_of_all_come_first() -> None:
    own = batch(9, [rule("a", has_passed=True)], [column("1.5", "9", 3.0)], is_written=False)
    late = batch(
        7,
        [rule("b", has_passed=False, is_critical=False), rule("c", has_passed=False)],
        [column("-2", "4.0", 1.0)],
        is_written=False,
    )

    inputs, outputs = report(own, late)

    metrics = inputs["inputFacets"]["dataQualityMetrics"]
    assert metrics["rowCount"] == 20
    heat = metrics["columnMetrics"]["heat"]
    assert (heat["nullCount"], heat["count"], heat["min"], heat["max"]) == (2, 18.0, -2.0, 9.0)
    assert "distinctCount" not in heat  # values of two days may be the same
    assert not heat.get("quantiles")
    assert [one["assertion"] for one in inputs["inputFacets"]["dataQualityAssertions"]["assertions"]] == ["c", "b", "a"]
    assert [one["dimensions"] for one in inputs["inputFacets"]["subset"]["inputCondition"]["partitions"]] == [
        {"batch_day": "2026-03-09"},
        {"batch_day": "2026-03-07"},
    ]
    assert not outputs.get("outputFacets")


def test_only_what_was_written_whole_counts_as_written() -> None:
    one = batch(9, [], [], is_written=True)
    other = batch(7, [], [], is_written=False)

    _, outputs = report(one, other)

    assert outputs["outputFacets"]["outputStatistics"]["rowCount"] == 10


def test_extremes_that_are_no_finite_numbers_are_left_out() -> None:
    inputs, _ = report(batch(9, [], [column("nan", "inf", 1.0)], is_written=False))
    texts, _ = report(batch(9, [], [column("12", "9", None)], is_written=False))

    for one in (inputs, texts):
        heat = one["inputFacets"]["dataQualityMetrics"]["columnMetrics"]["heat"]
        assert ("min" in heat, "max" in heat) == (False, False)


def test_without_an_audit_nothing_is_added() -> None:
    inputs, outputs = report()

    assert not inputs.get("inputFacets")
    assert not outputs.get("outputFacets")
