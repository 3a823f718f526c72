"""A good score on average may hide a bad one at some time, or for some of the entities."""

from __future__ import annotations

from math import isnan, nan

from include.evaluation.stability import Segment, StabilityEvidence
from include.gates.result import GateResult, settle
from include.settings.gates import StabilityGate


def check_stability(evidence: StabilityEvidence, title: str, limits: StabilityGate) -> GateResult:
    """Limit how far the score falls from its best time to its worst, and below the whole in any segment.

    A segment fails only if the high end of its interval is too low.

    Args:
        title: of the score, for people.
    """
    is_known, floor = not any(map(isnan, evidence.slices)), evidence.score - limits.max_segment_loss
    fall = max(evidence.slices) - min(evidence.slices) if is_known else nan
    over_time = (
        f"{title} between {min(evidence.slices):.3f} and {max(evidence.slices):.3f} over {len(evidence.slices)} times, "
        f"a fall of {limits.max_time_loss:g} is allowed"
    )
    if not fall <= limits.max_time_loss:
        return _answer(limits, fall, limits.max_time_loss, over_time, is_met=False, is_possible=False)
    low = [segment for segment in evidence.segments if not segment.score >= floor]
    reason = f"{over_time}; {_describe_segments(evidence, low, floor)}"
    if not evidence.segments:
        return _answer(limits, fall, limits.max_time_loss, reason, is_met=True, is_possible=True)
    worst = min(low or evidence.segments, key=lambda one: one.score)
    is_possible = all(segment.high >= floor for segment in low)
    return _answer(limits, worst.score, floor, reason, is_met=not low, is_possible=is_possible)


def _answer(
    limits: StabilityGate, observed: float, threshold: float, reason: str, *, is_met: bool, is_possible: bool
) -> GateResult:
    return settle(
        "stability", limits, is_met=is_met, is_possible=is_possible, observed=observed, threshold=threshold,
        reason=reason,
    )  # fmt: skip


def _describe_segments(evidence: StabilityEvidence, low: list[Segment], floor: float) -> str:
    left_out = f", too few rows in {', '.join(evidence.small[:5])}" if evidence.small else ""
    if not evidence.segments:
        return f"there is no segment to judge{left_out}"
    shown = sorted(low or evidence.segments, key=lambda one: one.score)[:3]
    told = ", ".join(f"{one.name} {one.score:.3f} (high end {one.high:.3f})" for one in shown)
    return f"lowest of {len(evidence.segments)} segments: {told}, {floor:.3f} is asked{left_out}"
