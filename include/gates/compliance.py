"""What nobody can explain, nobody can answer for."""

from __future__ import annotations

from include.evaluation.compliance import ComplianceEvidence
from include.gates.result import GateResult, settle
from include.settings.gates import ComplianceGate

_SHOWN = 5


def check_compliance(evidence: ComplianceEvidence, limits: ComplianceGate) -> GateResult:
    """Ask for a description of everything, for no feature that identifies a person, and for a whole lineage.

    Lineage arrives a moment after what it tells of, and may be switched off: where it is not whole, that is too little
    to tell.
    """
    faults = [f"{name} has no description" for name in evidence.undocumented]
    faults += [f"the feature {name} identifies a person" for name in evidence.personal]
    gaps = [f"no run says what {table} was made from" for table in evidence.unexplained]
    if not evidence.sources:
        gaps.append("no published table was found behind the features")
    told = f"the features come from {', '.join(evidence.sources) or 'nowhere'}"
    shown = [*faults, *gaps]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return settle(
        "compliance", limits, is_met=not shown, is_possible=not faults, observed=float(len(shown)), threshold=0.0,
        reason="; ".join([*shown[:_SHOWN], told]) + more,
    )  # fmt: skip
