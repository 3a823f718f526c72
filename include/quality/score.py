"""Scores the results of rules and decides whether a batch may be published: pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

REMEDIES: Final = {
    "schema": "have the source deliver the declared columns and types, or change type or publish_type in sources.yml",
    "completeness": "ask the source's owner why values are missing and for a new delivery",
    "uniqueness": "ask the source's owner for a delivery without doubled rows",
    "range": "check unit and sign with the source's owner, or correct min and max in sources.yml",
    "allowed_values": "correct the values at the source, or add the new ones to allowed in sources.yml",
    "volume": "ask whether the delivery is complete; if the source really changed, widen volume in sources.yml",
    "timeliness": "ask for the right day's delivery, or change allowed_lateness_days or freshness_hours",
    "relationship": "load the other source first, or ask the owners which of the two is wrong",
    "distribution": "look at the profile of the column; if the shift is real, widen mean_band in sources.yml",
}


@dataclass(frozen=True)
class RuleResult:
    """One rule on one source: what was expected, what was seen."""

    source: str
    dimension: str
    rule: str
    column: str | None
    is_critical: bool
    weight: float
    has_passed: bool
    observed: str
    expected: str
    rows: tuple[int, ...] = ()
    """Positions of the first rows of the batch that break the rule; none where it is about a measured fact."""
    bounds: tuple[float | None, float | None] | None = None
    """The least and the greatest number that the rule allows, where it is about a number."""

    @property
    def name(self) -> str:
        """What the rule is about, such as ``range of price``."""
        return f"{self.dimension} of {self.column}" if self.column else self.dimension

    @property
    def remedy(self) -> str:
        """What to do when the rule is broken."""
        return REMEDIES[self.dimension]

    def to_json(self) -> dict[str, Any]:
        """The result in JSON types, with its remedy and without its rows."""
        return {**{key: value for key, value in asdict(self).items() if key != "rows"}, "remedy": self.remedy}

    def describe(self) -> str:
        """The broken rule in one sentence."""
        kind = "critical rule" if self.is_critical else "rule"
        return (
            f"{self.source}: {kind} {self.name} ({self.rule}) expects {self.expected}, "
            f"observed {self.observed}. To do: {self.remedy}."
        )


@dataclass(frozen=True)
class AuditResult:
    """Whether one source's batch may be published."""

    source: str
    score: float
    threshold: float
    has_passed: bool
    rule_count: int
    failures: tuple[RuleResult, ...]
    reason: str
    results: tuple[RuleResult, ...] = ()


def score_rules(results: Iterable[RuleResult]) -> float:
    """The weighted share of passed rules, 0 to 1; 1 when there are no rules."""
    total = passed = 0.0
    for result in results:
        total += result.weight
        passed += result.weight if result.has_passed else 0.0
    return passed / total if total else 1.0


def decide_source(source: str, results: Iterable[RuleResult], minimum_score: float) -> AuditResult:
    """Refuse a source whose score is below ``minimum_score``, or that breaks any critical rule."""
    own = [result for result in results if result.source == source]
    failures = tuple(result for result in own if not result.has_passed)
    score = score_rules(own)
    critical = [result for result in failures if result.is_critical]
    if critical:
        reason = f"{len(critical)} critical rule(s) broken"
    elif score < minimum_score:
        reason = f"score {score:.3f} is below {minimum_score:g}"
    else:
        reason = f"score {score:.3f} reaches {minimum_score:g} and no critical rule is broken"
    has_passed = not critical and score >= minimum_score
    return AuditResult(source, score, minimum_score, has_passed, len(own), failures, reason, tuple(own))


def sort_results(results: Iterable[RuleResult]) -> list[RuleResult]:
    """Broken rules first, critical ones before others; within these, as they came."""
    return sorted(results, key=lambda result: (result.has_passed, not result.is_critical))
