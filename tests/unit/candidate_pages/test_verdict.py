"""What became of a candidate, in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from include.candidate_pages.verdict import conclude
from tests.unit.candidate_pages.records import RANKING, make_candidate, make_row
from tests.unit.registry.planting import make_measured

BEST = make_candidate(make_measured(run_id="run-best", family="gradient_boosting"))


def answer(name: str, severity: str | None = None, *, is_clear: bool = True) -> dict[str, Any]:
    """A gate that did not pass, with its severity; one that passed without."""
    detail = {
        "name": name, "is_passed": severity is None, "observed": 0.1, "threshold": 0.2, "reason": f"of {name}",
        "severity": severity or "blocking", "is_clear": is_clear,
    }  # fmt: skip
    return make_row(detail)


def decide(decision: str, run_id: str = "run-best") -> dict[str, Any]:
    return {"run_id": run_id, "decision": decision, **RANKING}


@pytest.mark.parametrize(
    ("gates", "decision", "state", "parts"),
    [
        ([answer("parity")], decide("production"), "passed", ["Cleared for production: all 1 gates passed"]),
        ([answer("fairness", "ask", is_clear=False)], decide("production"), "passed",
         ["Cleared for production, and fairness is left to the person"]),
        ([answer("value", "note", is_clear=False)], decide("production"), "passed", ["of value there was too little"]),
        ([answer("parity", "blocking"), answer("best_ever", "blocking"), answer("evidence", "advisory")],
         decide("refuse"), "refused", ["Refused: 2 gates", "parity and best ever", "Nothing was registered"]),
        ([answer("evidence", "advisory")], decide("staging"), "released", ["staging only, because 1 gate", "evidence"]),
        ([], None, "waiting", ["Nothing is decided: no gate has answered"]),
        ([answer("parity"), answer("size", "blocking")], None, "waiting", ["2 of 18 gates", "size did not pass"]),
        ([answer("parity")], None, "waiting", ["1 of 18 gates", "all of them passed"]),
    ],
)  # fmt: skip
def test_a_candidate_is_concluded_in_a_sentence(
    gates: list[dict[str, Any]], decision: dict[str, Any] | None, state: str, parts: list[str]
) -> None:
    found = conclude(BEST, gates, decision, 18)
    assert found.state == state
    for part in parts:
        assert part in found.sentence


def test_a_candidate_that_was_not_the_best_says_who_was() -> None:
    second = make_candidate(make_measured(run_id="run-second", family="logistic_regression"))
    found = conclude(second, [], decide("refuse"), 18)
    assert (
        found.sentence == "It was ranked 2 of 2, so no gate has judged it: gradient_boosting was judged in its place."
    )
    stranger = make_candidate(make_measured(run_id="run-late", family="ridge"))
    assert "It was not ranked" in conclude(stranger, [], decide("refuse"), 18).sentence


def test_the_rule_is_not_judged_whatever_was_decided_about_the_best() -> None:
    rule = make_candidate(make_measured(family="baseline", baseline_feature="wear"))
    assert "The rule by wear alone" in conclude(rule, [], decide("production"), 18).sentence
