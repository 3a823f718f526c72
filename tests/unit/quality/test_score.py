"""Scores and audits: arithmetic only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.quality.score import REMEDIES, RuleResult, decide_source, score_rules
from include.settings.sources import Dimension

PASSED = RuleResult(
    source="sales", dimension="range", rule="between", column="amount", is_critical=False, weight=1.0,
    has_passed=True, observed="0 of 3 rows", expected="values from 0 to 9",
)  # fmt: skip
FAILED = replace(PASSED, has_passed=False, observed="2 of 3 rows")


def test_the_score_is_the_weighted_share_of_passed_rules() -> None:
    assert score_rules([PASSED, FAILED]) == 0.5
    assert score_rules([replace(PASSED, weight=3), FAILED]) == 0.75
    assert score_rules([]) == 1.0


def test_a_score_at_the_minimum_passes_and_one_below_does_not() -> None:
    at = decide_source("sales", [replace(PASSED, weight=4), FAILED], 0.8)
    below = decide_source("sales", [replace(PASSED, weight=3.9), FAILED], 0.8)

    assert (at.has_passed, at.score) == (True, 0.8)
    assert not below.has_passed
    assert "below 0.8" in below.reason
    assert below.failures == (FAILED,)


def test_one_critical_rule_refuses_whatever_the_score() -> None:
    audit = decide_source("sales", [replace(PASSED, weight=1000), replace(FAILED, is_critical=True)], 0.8)

    assert audit.score > 0.99
    assert not audit.has_passed
    assert "1 critical rule(s)" in audit.reason


def test_rules_of_other_sources_do_not_count() -> None:
    audit = decide_source("sales", [PASSED, replace(FAILED, source="visits", is_critical=True)], 0.8)

    assert (audit.has_passed, audit.rule_count) == (True, 1)


def test_a_broken_rule_says_what_where_and_what_to_do() -> None:
    text = FAILED.describe()

    for part in ("sales", "range", "amount", "values from 0 to 9", "2 of 3 rows", REMEDIES["range"]):
        assert part in text


@pytest.mark.parametrize("dimension", Dimension.__args__)
def test_every_dimension_has_a_remedy(dimension: str) -> None:
    assert replace(FAILED, dimension=dimension).remedy
