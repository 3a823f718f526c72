"""Every gate: what is measured of a candidate, and the rule that judges it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from include.evaluation.calibration import measure_calibration
from include.evaluation.candidate import Candidate
from include.evaluation.compliance import measure_compliance
from include.evaluation.fairness import measure_fairness
from include.evaluation.interpretability import measure_interpretability
from include.evaluation.latency import measure_latency
from include.evaluation.overlap import measure_overlap
from include.evaluation.robustness import measure_robustness
from include.evaluation.security import measure_security
from include.evaluation.size import measure_size
from include.evaluation.stability import measure_stability
from include.evaluation.value import measure_value
from include.gates.baseline import check_baseline
from include.gates.best_ever import check_best_ever
from include.gates.calibration import check_calibration
from include.gates.compliance import check_compliance
from include.gates.evidence import check_evidence
from include.gates.fairness import check_fairness
from include.gates.interpretability import check_interpretability
from include.gates.interval import check_interval
from include.gates.latency import check_latency
from include.gates.leakage import check_leakage
from include.gates.overlap import check_overlap
from include.gates.parity import check_parity
from include.gates.production import check_production
from include.gates.result import GateResult
from include.gates.robustness import check_robustness
from include.gates.security import check_security
from include.gates.size import check_size
from include.gates.stability import check_stability
from include.gates.value import check_value
from include.settings.gates import GateSettings

Measure = Callable[[Candidate, GateSettings], Any]
Check = Callable[[Any, Candidate, GateSettings], GateResult]


@dataclass(frozen=True)
class Gate:
    """One gate in its two steps.

    Attributes:
        measure: the evidence: a dataclass, a mapping, a tuple of dataclasses, a number or None. Only what the rule asks
            for is read.
        check: the answer to it.
    """

    measure: Measure
    check: Check


def read_result(*keys: str) -> Measure:
    """What training has measured already, by these keys of its result."""
    return lambda one, _: {key: one.result.get(key) for key in keys}


_SCORE: Final = ("score", "score_low", "score_high")

GATES: Final[Mapping[str, Gate]] = {
    "baseline": Gate(
        read_result(*_SCORE, "baseline"),
        lambda seen, one, limits: check_baseline(
            seen["score"], seen["baseline"], one.task.score_title, limits.baseline
        ),
    ),
    "production": Gate(
        read_result(*_SCORE, "champion"),
        lambda seen, one, limits: check_production(seen["champion"], one.task.score_title, limits.production),
    ),
    "best_ever": Gate(
        read_result(*_SCORE, "best_ever"),
        lambda seen, one, limits: check_best_ever(seen["best_ever"], one.task.score_title, limits.best_ever),
    ),
    "parity": Gate(
        read_result("parity_difference"),
        lambda seen, _, limits: check_parity(seen["parity_difference"], limits.parity),
    ),
    "evidence": Gate(
        read_result("test_count", "test_rows"),
        lambda seen, one, limits: check_evidence(seen["test_count"], one.task.evidence_title, limits.evidence),
    ),
    "interval": Gate(
        read_result(*_SCORE),
        lambda seen, one, limits: check_interval(seen["score_low"], one.task.score_title, limits.interval),
    ),
    "leakage": Gate(
        read_result("score", "single_feature", "single_feature_score"),
        lambda seen, one, limits: check_leakage(
            seen["score"], seen["single_feature"], seen["single_feature_score"], one.task.score_title, limits.leakage
        ),
    ),
    "overlap": Gate(lambda one, _: measure_overlap(one), lambda seen, _, limits: check_overlap(seen, limits.overlap)),
    "calibration": Gate(
        lambda one, _: measure_calibration(one), lambda seen, _, limits: check_calibration(seen, limits.calibration)
    ),
    "fairness": Gate(
        lambda one, _: measure_fairness(one), lambda seen, _, limits: check_fairness(seen, limits.fairness)
    ),
    "robustness": Gate(
        lambda one, _: measure_robustness(one), lambda seen, _, limits: check_robustness(seen, limits.robustness)
    ),
    "stability": Gate(
        lambda one, _: measure_stability(one),
        lambda seen, one, limits: check_stability(seen, one.task.score_title, limits.stability),
    ),
    "interpretability": Gate(
        lambda one, _: measure_interpretability(one),
        lambda seen, _, limits: check_interpretability(seen, limits.interpretability),
    ),
    "value": Gate(lambda one, _: measure_value(one), lambda seen, _, limits: check_value(seen, limits.value)),
    "latency": Gate(lambda one, _: measure_latency(one), lambda seen, _, limits: check_latency(seen, limits.latency)),
    "size": Gate(lambda one, _: measure_size(one), lambda seen, _, limits: check_size(seen, limits.size)),
    "security": Gate(
        lambda one, limits: measure_security(one, limits.security),
        lambda seen, _, limits: check_security(seen, limits.security),
    ),
    "compliance": Gate(
        lambda one, _: measure_compliance(one), lambda seen, _, limits: check_compliance(seen, limits.compliance)
    ),
}
