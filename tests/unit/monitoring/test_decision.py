"""The retraining decision: each rule alone, the cool-down, and what is not enough to decide on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from include.monitoring.decision import Baseline, RetrainingDecision, decide_retraining
from include.monitoring.drift import ColumnDrift, DriftReport
from include.monitoring.performance import Performance
from tests.unit.monitoring.shared_settings import SETTINGS

NOW = datetime(2017, 12, 1, tzinfo=UTC)
BASELINE = Baseline(score=0.83, score_low=0.805, score_high=0.855)
GOOD = Performance(
    first_as_of_date=date(2017, 10, 28),
    last_as_of_date=date(2017, 11, 3),
    predictions=15_400,
    entities=2_200,
    metric="auc",
    score=0.825,
    score_standard_error=0.012,
    metrics={"accuracy": 0.9},
)


def column(name: str, *, is_drifted: bool) -> ColumnDrift:
    """A column that drifted, or did not."""
    psi = 0.5 if is_drifted else 0.02
    return ColumnDrift(name, psi, 0.1, 0.5, 0.5, 0.0, 0.0, is_drifted)


def report(drifted: int = 0, of: int = 10, *, scores: bool = False, rows: int = 2200) -> DriftReport:
    """A drift report with so many drifted features."""
    features = tuple(column(f"f{index}", is_drifted=index < drifted) for index in range(of))
    return DriftReport(6600, rows, features, column("score", is_drifted=scores))


def decide(
    performance: Performance | None = GOOD,
    drift: DriftReport | None = None,
    last: datetime | None = None,
    baseline: Baseline | None = BASELINE,
) -> RetrainingDecision:
    """Decide with everything as usual except what is given."""
    return decide_retraining(performance, baseline, drift or report(), last, NOW, SETTINGS)


def test_the_champion_stays_when_all_is_as_usual() -> None:
    decision = decide()
    assert decision.action == "keep"
    assert [check.is_passed for check in decision.checks] == [True, True, True]


def test_a_fallen_score_alone_retrains() -> None:
    decision = decide(replace(GOOD, score=0.76))
    assert decision.action == "retrain"
    assert decision.reasons == ("auc 0.760 on 2200 entities against 0.830 in the test: a drop of 0.070, 0.05 or more",)
    assert [check.name for check in decision.checks if not check.is_passed] == ["score_drop"]


def test_many_drifted_features_alone_retrain() -> None:
    decision = decide(drift=report(drifted=3))
    assert decision.action == "retrain"
    assert decision.reasons == ("30% of 10 features drifted (f0, f1, f2), limit 30%",)


def test_drifted_scores_alone_retrain() -> None:
    decision = decide(drift=report(scores=True))
    assert decision.action == "retrain"
    assert decision.reasons == ("PSI of the scores 0.500, threshold 0.2",)


def test_all_reasons_are_named() -> None:
    assert len(decide(replace(GOOD, score=0.7), report(drifted=9, scores=True)).reasons) == 3


def test_a_drop_below_the_limit_keeps() -> None:
    decision = decide(replace(GOOD, score=0.79))
    assert decision.action == "keep"
    assert "within 0.05" in decision.reasons[0]


def test_a_drop_that_may_be_chance_keeps() -> None:
    # given 300 entities, on which a score is known to within 0.05
    decision = decide(replace(GOOD, entities=300, score=0.76, score_standard_error=0.05))
    assert decision.action == "keep"
    assert "may be chance" in decision.reasons[0]


def test_a_few_drifted_features_keep() -> None:
    assert decide(drift=report(drifted=2)).action == "keep"


@pytest.mark.parametrize(
    ("performance", "baseline", "reason"),
    [
        (None, BASELINE, "no outcome is known yet of a row that the champion has not learned from"),
        (
            replace(GOOD, entities=199, score=0.5),
            BASELINE,
            "199 entities with a known outcome that the champion has not learned from, 200 needed",
        ),
        (
            replace(GOOD, score=None, score_standard_error=None),
            BASELINE,
            "auc is undefined, because all known outcomes are the same",
        ),
        (replace(GOOD, score=0.5), None, "the score of the champion's test is not known"),
    ],
)
def test_performance_that_cannot_be_judged_is_inconclusive(
    performance: Performance | None, baseline: Baseline | None, reason: str
) -> None:
    decision = decide(performance, baseline=baseline)
    assert decision.action == "keep"
    assert decision.reasons[0] == f"performance inconclusive: {reason}"
    assert decision.checks[0].observed is None


def test_drift_of_too_few_rows_is_inconclusive() -> None:
    decision = decide(drift=report(drifted=10, scores=True, rows=199))
    assert decision.action == "keep"
    assert "199 rows" in decision.reasons[1]


def test_drift_against_too_few_training_rows_is_inconclusive() -> None:
    drift = replace(report(drifted=10), reference_rows=199)
    assert decide(drift=drift).action == "keep"


def test_drift_is_judged_before_the_first_score() -> None:
    assert decide(drift=replace(report(drifted=5), scores=None)).action == "retrain"


def test_a_request_within_the_cool_down_is_held_back_with_its_reasons() -> None:
    decision = decide(replace(GOOD, score=0.7), last=NOW - timedelta(days=6))
    assert decision.action == "keep"
    assert decision.reasons[0] == "cool-down: retraining was requested on 2017-11-25, next on 2017-12-02"
    assert "a drop of 0.130" in decision.reasons[1]


def test_a_request_after_the_cool_down_is_made() -> None:
    assert decide(replace(GOOD, score=0.7), last=NOW - timedelta(days=7)).action == "retrain"


def test_the_cool_down_alone_is_no_reason_for_anything() -> None:
    decision = decide(last=NOW - timedelta(days=1))
    assert decision.action == "keep"
    assert not any("cool-down" in reason for reason in decision.reasons)


def test_a_score_below_zero_is_judged_like_any_other() -> None:
    # given a regression that is worse than the median by now
    fallen = replace(GOOD, metric="d2_absolute_error", score=-0.2)
    decision = decide(fallen, baseline=Baseline(score=0.3, score_low=0.25, score_high=0.35))
    assert decision.action == "retrain"
    assert "d2_absolute_error -0.200" in decision.reasons[0]
