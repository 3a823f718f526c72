"""Whether to train again: numbers in, an action with its reasons out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import hypot
from statistics import NormalDist
from typing import Literal

from include.monitoring.drift import DriftReport
from include.monitoring.performance import Performance
from include.rollout.check import Check
from include.settings.monitoring import DriftSettings, MonitoringSettings, PerformanceSettings

Action = Literal["keep", "retrain"]


@dataclass(frozen=True)
class Baseline:
    """The score that the champion had on its test set, with its 95 % confidence interval."""

    score: float
    score_low: float
    score_high: float

    @property
    def standard_error(self) -> float:
        """Of the score, from the width of its interval under a normal distribution."""
        return (self.score_high - self.score_low) / (2 * NormalDist().inv_cdf(0.975))


@dataclass(frozen=True)
class RetrainingDecision:
    """What to do, why in words, and every check; a check that did not pass is a reason to retrain."""

    action: Action
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]


def decide_retraining(
    performance: Performance | None,
    baseline: Baseline | None,
    drift: DriftReport,
    last_retrain_requested_at: datetime | None,
    now: datetime,
    settings: MonitoringSettings,
) -> RetrainingDecision:
    """Retrain when the score fell, many features drifted or the scores drifted, but not in a cool-down.

    What cannot be judged for want of data is inconclusive, and never a reason to retrain.

    Args:
        performance: None while no outcome is known.
        baseline: None when the score of the champion's test is not known.
        last_retrain_requested_at: None when none was ever requested; same kind of time as ``now``.
    """
    checks = (
        check_score(performance, baseline, settings.performance),
        check_features(drift, settings.drift),
        check_scores(drift, settings.drift),
    )
    failures = tuple(check.reason for check in checks if not check.is_passed)
    if not failures:
        return RetrainingDecision("keep", tuple(check.reason for check in checks), checks)
    cooldown = timedelta(days=settings.retraining.cooldown_days)
    if last_retrain_requested_at is not None and now - last_retrain_requested_at < cooldown:
        ends_at = last_retrain_requested_at + cooldown
        waiting = f"cool-down: retraining was requested on {last_retrain_requested_at:%Y-%m-%d}, "
        return RetrainingDecision("keep", (f"{waiting}next on {ends_at:%Y-%m-%d}", *failures), checks)
    return RetrainingDecision("retrain", failures, checks)


def check_score(performance: Performance | None, baseline: Baseline | None, settings: PerformanceSettings) -> Check:
    """Whether the score held: not below the baseline by ``max_score_drop`` or more, beyond chance.

    The distance is tested one-sided against the standard errors of both scores (independent samples,
    normal distribution).
    """
    limit = settings.max_score_drop
    unknown = _explain_unknown(performance, baseline, settings)
    if unknown or performance is None or baseline is None or performance.score is None:
        return Check("score_drop", True, None, limit, f"performance inconclusive: {unknown}")
    drop = baseline.score - performance.score
    noise = NormalDist().inv_cdf(settings.confidence) * hypot(
        performance.score_standard_error or 0.0, baseline.standard_error
    )
    observed = (
        f"{performance.metric} {performance.score:.3f} on {performance.entities} entities against "
        f"{baseline.score:.3f} in the test"
    )
    if drop < limit:
        return Check("score_drop", True, drop, limit, f"{observed}: within {limit:g}")
    if drop <= noise:
        return Check("score_drop", True, drop, limit, f"{observed}: a drop of {drop:.3f} may be chance (±{noise:.3f})")
    return Check("score_drop", False, drop, limit, f"{observed}: a drop of {drop:.3f}, {limit:g} or more")


def check_features(drift: DriftReport, settings: DriftSettings) -> Check:
    """Whether fewer than ``max_drifted_share`` of the features drifted."""
    limit = settings.max_drifted_share
    if min(drift.reference_rows, drift.current_rows) < settings.min_rows:
        return Check("drifted_share", True, None, limit, _explain_few_rows(drift, settings))
    names = ", ".join(drift.drifted_features[:5]) or "none"
    share = drift.drifted_share
    reason = f"{share:.0%} of {len(drift.features)} features drifted ({names}), limit {limit:.0%}"
    return Check("drifted_share", share < limit, share, limit, reason)


def check_scores(drift: DriftReport, settings: DriftSettings) -> Check:
    """Whether the distribution of the scores held."""
    limit = settings.psi_threshold
    if drift.scores is None:
        return Check("score_drift", True, None, limit, "score drift inconclusive: there are no scores to compare")
    if min(drift.reference_rows, drift.current_rows) < settings.min_rows:
        return Check("score_drift", True, None, limit, _explain_few_rows(drift, settings))
    reason = f"PSI of the scores {drift.scores.psi:.3f}, threshold {limit:g}"
    return Check("score_drift", not drift.scores.is_drifted, drift.scores.psi, limit, reason)


def _explain_few_rows(drift: DriftReport, settings: DriftSettings) -> str:
    return (
        f"drift inconclusive: {drift.current_rows} rows against {drift.reference_rows} of the training, "
        f"{settings.min_rows} needed of each"
    )


def _explain_unknown(
    performance: Performance | None, baseline: Baseline | None, settings: PerformanceSettings
) -> str | None:
    if performance is None:
        return "no outcome is known yet of a row that the champion has not learned from"
    if performance.entities < settings.min_labels:
        return (
            f"{performance.entities} entities with a known outcome that the champion has not learned from, "
            f"{settings.min_labels} needed"
        )
    if performance.score is None:
        return f"{performance.metric} is undefined, because all known outcomes are the same"
    return "the score of the champion's test is not known" if baseline is None else None
