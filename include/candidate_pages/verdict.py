"""What became of a candidate, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from include.registry.ledger import BASELINE
from include.training.candidates import name_row

Row = Mapping[str, Any]
STATES: Final[Mapping[str, tuple[str, str]]] = {
    "production": ("passed", "cleared for production"),
    "staging": ("released", "staging only"),
    "refuse": ("refused", "refused"),
}
"""Of each decision: a class of the style sheet, and the words."""
UNDECIDED: Final = ("waiting", "no decision yet")


@dataclass(frozen=True)
class Conclusion:
    """A sentence, with the class of the style sheet and the words of its mark."""

    state: str
    state_text: str
    sentence: str


def conclude(candidate: Row, gates: Sequence[Row], decision: Row | None, gate_count: int) -> Conclusion:
    """Say where a candidate may go, or why nothing is decided about it.

    Args:
        gates: the newest answer of each gate.
        decision: of its training.
        gate_count: how many gates there are.
    """
    if candidate["family"] == BASELINE:
        feature = candidate["result"].get("baseline_feature") or "one feature"
        sentence = f"The rule by {feature} alone, which every candidate is compared with; no gate judges it."
        return Conclusion("waiting", "baseline", sentence)
    if decision is None:
        return Conclusion(*UNDECIDED, _describe_progress(gates, gate_count))
    if decision["run_id"] != candidate["run_id"]:
        return Conclusion("waiting", "not judged", _describe_rank(candidate, decision))
    state, text = STATES[decision["decision"]]
    return Conclusion(state, text, _DESCRIBED[decision["decision"]](gates))


def is_open(gate: Row) -> bool:
    """Whether a gate found too little to tell."""
    return not gate["is_passed"] and gate["detail"].get("is_clear") is False


def list_failed(gates: Sequence[Row], *severities: str) -> list[str]:
    """The names of the gates that did not pass, of some severities."""
    return [gate["gate"] for gate in gates if not gate["is_passed"] and gate["severity"] in severities]


def _describe_progress(gates: Sequence[Row], gate_count: int) -> str:
    if not gates:
        return "Nothing is decided: no gate has answered. The training still runs, or has stopped before its gates."
    failed = [gate["gate"] for gate in gates if not gate["is_passed"]]
    so_far = f"{_name(failed)} did not pass" if failed else "all of them passed"
    return f"Nothing is decided: {len(gates)} of {gate_count} gates have answered, {so_far}."


def _describe_rank(candidate: Row, decision: Row) -> str:
    ranking = decision["ranking"]
    place = next((at for at, one in enumerate(ranking, 1) if one.get("run_id") == candidate["run_id"]), None)
    first = name_row(ranking[0]) if ranking else "another candidate"
    where = "It was not ranked" if place is None else f"It was ranked {place} of {len(ranking)}"
    return f"{where}, so no gate has judged it: {first} was judged in its place."


def _describe_refusal(gates: Sequence[Row]) -> str:
    failed = list_failed(gates, "blocking")
    return f"Refused: {_count(failed, 'gate')} that may not fail did not pass: {_name(failed)}. Nothing was registered."


def _describe_staging(gates: Sequence[Row]) -> str:
    failed = list_failed(gates, "advisory")
    return f"Cleared for staging only, because {_count(failed, 'gate')} did not pass: {_name(failed)}."


def _describe_clearance(gates: Sequence[Row]) -> str:
    asked = list_failed(gates, "ask")
    if asked:
        return f"Cleared for production, and {_name(asked)} is left to the person who approves: too little to tell."
    noted = list_failed(gates, "note")
    if noted:
        return f"Cleared for production; of {_name(noted)} there was too little to tell, which has no consequence here."
    return f"Cleared for production: all {len(gates)} gates passed." if gates else "Cleared for production."


def _name(names: Sequence[str]) -> str:
    """Names in a sentence."""
    shown = [name.replace("_", " ") for name in names] or ["none on record"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _count(names: Sequence[str], what: str) -> str:
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'}"


_DESCRIBED: Final = {
    "refuse": _describe_refusal, "staging": _describe_staging, "production": _describe_clearance
}  # fmt: skip
