"""The benchmark of the gates measures each of them, on a candidate that they can judge."""

from __future__ import annotations

from benchmarks.gates import judge, make_candidate
from include.gates.gate import GATES, run_gate


def test_every_gate_is_measured_and_none_fails_for_a_part_that_the_benchmark_lacks() -> None:
    candidate = make_candidate(2_000)
    assert list(judge(candidate)) == list(GATES)
    reasons = [run_gate(name, candidate).result.reason for name in GATES]
    assert not [reason for reason in reasons if "could not be measured" in reason]
