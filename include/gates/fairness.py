"""Groups of people may not be answered too differently."""

from __future__ import annotations

from collections.abc import Sequence

from include.evaluation.fairness import AttributeEvidence, Disparity
from include.gates.result import GateResult, settle
from include.settings.gates import FairnessGate


def check_fairness(evidence: Sequence[AttributeEvidence] | None, limits: FairnessGate) -> GateResult:
    """Limit how far shares of answers lie apart: demographic parity and equalised odds, as ratios of two groups.

    It passes when every ratio reaches the limit, fails when the interval of some pair lies below it as a whole, and
    is too little to tell otherwise (docs/decisions/0027).

    Args:
        evidence: of each declared attribute; None when nobody has declared any.
    """
    if evidence is None:
        return _answer(limits, None, is_met=False, is_possible=True, reason="no attributes are declared (attributes)")
    if not evidence:
        reason = "no attributes are declared: the entity is no person (attributes: [])"
        return _answer(limits, None, is_met=True, is_possible=True, reason=reason)
    worst = [one for item in evidence for one in item.worst]
    surest = min((item.surest for item in evidence if item.surest), key=lambda one: one.high, default=None)
    shown = min(worst, key=lambda one: one.ratio, default=None)
    if surest is not None and surest.high < limits.min_ratio:
        return _answer(limits, surest, is_met=False, is_possible=False, reason=_describe(surest, evidence, limits))
    is_whole = all(item.worst and not item.small_measures for item in evidence)
    is_met = is_whole and all(one.ratio >= limits.min_ratio for one in worst)
    return _answer(limits, shown, is_met=is_met, is_possible=True, reason=_describe(shown, evidence, limits))


def _answer(
    limits: FairnessGate, shown: Disparity | None, *, is_met: bool, is_possible: bool, reason: str
) -> GateResult:
    return settle(
        "fairness", limits, is_met=is_met, is_possible=is_possible, observed=shown.ratio if shown else None,
        threshold=limits.min_ratio, reason=reason,
    )  # fmt: skip


def _describe(shown: Disparity | None, evidence: Sequence[AttributeEvidence], limits: FairnessGate) -> str:
    told = [f"{_describe_pair(shown)}, {limits.min_ratio:g} is asked"] if shown else []
    told += [text for item in evidence if (text := _describe_rest(item))]
    return "; ".join(told)


def _describe_pair(one: Disparity) -> str:
    """Both groups with their sizes, and the ratio with its interval."""
    lower, higher = one.lower, one.higher
    return (
        f"{one.attribute}, {one.kind}: {lower.hits} of {lower.rows} of {lower.group} against {higher.hits} of "
        f"{higher.rows} of {higher.group} are {one.title}, ratio {one.ratio:.2f} (95 % interval {one.low:.2f} to "
        f"{one.high:.2f})"
    )


def _describe_rest(item: AttributeEvidence) -> str:
    """What could not be judged of an attribute."""
    if not item.groups:
        return f"{item.attribute} has {item.values} values, which is no column of groups"
    parts = [f"too few rows in {', '.join(item.small)}"] if item.small else []
    parts += [f"too few groups to compare {', '.join(item.small_measures)}"] if item.small_measures else []
    parts += [f"{item.unknown_rows} rows of unknown {item.attribute}"] if item.unknown_rows else []
    return f"{item.attribute}: {', '.join(parts)}" if parts else ""
