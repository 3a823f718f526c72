"""From what the gates say to what happens: refuse, staging only, production."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from include.gates.result import GateResult, ResultSeverity

Outcome = Literal["refuse", "staging", "production"]
_ORDER: Final[tuple[ResultSeverity, ...]] = ("blocking", "advisory", "ask", "note")


@dataclass(frozen=True)
class Decision:
    """Where a candidate may go, and the reasons of the gates that it did not pass, the gravest first."""

    outcome: Outcome
    reasons: tuple[str, ...]


def decide(results: Sequence[GateResult]) -> Decision:
    """One failed blocking gate refuses; else one failed advisory gate means staging; else production.

    A failed gate that asks, or that has no consequence, does not keep the candidate from production: its reason is
    among the reasons, and the first is shown to the approver. No gates at all is no evidence: refused.
    """
    if not results:
        return Decision("refuse", ("no gate was run",))
    failed = [result for result in results if not result.is_passed]
    failed.sort(key=lambda result: _ORDER.index(result.severity))
    reasons = tuple(f"{result.name}: {result.reason}" for result in failed)
    if any(result.severity == "blocking" for result in failed):
        return Decision("refuse", reasons)
    if any(result.severity == "advisory" for result in failed):
        return Decision("staging", reasons)
    return Decision("production", reasons or (f"all {len(results)} gates passed",))
