"""Rows that were learned from say nothing when they are asked about again."""

from __future__ import annotations

from include.evaluation.overlap import OverlapEvidence
from include.gates.result import GateResult
from include.settings.gates import OverlapGate


def check_overlap(evidence: OverlapEvidence, limits: OverlapGate) -> GateResult:
    """Limit the share of entities in two splits, and ask that labels were known before the next split begins."""
    share = evidence.entities / evidence.held_out if evidence.held_out else 1.0
    early = {name: days for name, days in evidence.gaps.items() if days < evidence.needed_days}
    what = "entities" if evidence.kind == "entity" else "entities at an as-of date"
    reason = f"{evidence.entities} of {evidence.held_out} {what} of validation and test are in an earlier split, too"
    if evidence.kind != "entity":
        gaps = ", ".join(f"{name} begins {days} days after" for name, days in evidence.gaps.items())
        reason += f"; {gaps or 'no split has days'}, {evidence.needed_days} are needed"
    if early and share <= limits.max_share:
        observed, threshold = float(min(early.values())), float(evidence.needed_days)
    else:
        observed, threshold = share, limits.max_share
    is_passed = share <= limits.max_share and not early
    return GateResult("overlap", is_passed, observed, threshold, reason, limits.severity)
