"""Three ways to go on."""

from __future__ import annotations

import pytest

from include.gates.decision import Outcome, decide
from include.gates.result import GateResult, ResultSeverity


def gate(name: str, is_passed: bool, severity: ResultSeverity = "blocking") -> GateResult:
    """One gate's answer."""
    return GateResult(name, is_passed, 0.1, 0.2, f"reason of {name}", severity)


@pytest.mark.parametrize(
    ("results", "outcome", "reasons"),
    [
        ([gate("a", True), gate("b", True, "advisory")], "production", ("all 2 gates passed",)),
        ([gate("a", True), gate("b", False, "advisory")], "staging", ("b: reason of b",)),
        ([gate("a", False), gate("b", True)], "refuse", ("a: reason of a",)),
        ([gate("a", False), gate("b", False, "advisory")], "refuse", ("a: reason of a", "b: reason of b")),
        ([gate("a", True), gate("b", False, "ask")], "production", ("b: reason of b",)),
        ([gate("a", False, "advisory"), gate("b", False, "ask")], "staging", ("a: reason of a", "b: reason of b")),
        ([gate("a", False), gate("b", False, "ask")], "refuse", ("a: reason of a", "b: reason of b")),
        ([], "refuse", ("no gate was run",)),
    ],
    ids=["all pass", "advice", "blocked", "both", "question", "question and advice", "question and block", "nothing"],
)
def test_the_worst_answer_decides(results: list[GateResult], outcome: Outcome, reasons: tuple[str, ...]) -> None:
    decision = decide(results)
    assert (decision.outcome, decision.reasons) == (outcome, reasons)
