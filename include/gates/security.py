"""An artifact computes, and does nothing else."""

from __future__ import annotations

from include.evaluation.security import SecurityEvidence
from include.gates.result import GateResult
from include.settings.gates import SecurityGate

_SHOWN = 5


def check_security(evidence: SecurityEvidence, limits: SecurityGate) -> GateResult:
    """Ask that nothing in the artifact can run or read beside it, and that few packages have advisories.

    Advisories keep a candidate in staging; where nobody could be asked for them, that is said and stops nothing.
    """
    known = evidence.advisories
    told = "the packages were not checked" if known is None else f"{len(known)} packages have advisories"
    if known:
        told += f" ({_list(known)})"
    if evidence.findings:
        reason = f"the artifact holds {_list(evidence.findings)}; {told}"
        return GateResult("security", False, float(len(evidence.findings)), 0.0, reason, limits.severity)
    count, most = float(len(known or ())), float(limits.max_advisories)
    reason = f"the artifact holds a computation and nothing else; {told}, {limits.max_advisories} are allowed"
    return GateResult("security", count <= most, count, most, reason, "advisory")


def _list(texts: tuple[str, ...]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more
