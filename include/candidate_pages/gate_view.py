"""What the page shows of each gate: the answer, figure and limit, and its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from include.candidate_pages.gate_pictures import draw_evidence, list_texts
from include.candidate_pages.verdict import is_open
from include.quality_pages.plots import format_number
from include.settings.gates import GATE_NAMES

Row = Mapping[str, Any]
_ASKS: Final[Mapping[str, str]] = {
    "baseline": "Is it better than the rule by one feature?", "production": "Is it as good as the champion?",
    "best_ever": "Is it as good as the best version ever?", "parity": "Does the served form answer like the model?",
    "evidence": "Are there enough test rows?", "interval": "Is it good enough even in a bad draw of rows?",
    "leakage": "Does it know more than it can?", "overlap": "Are the splits apart?",
    "calibration": "Are predictions as high as outcomes?", "fairness": "Are groups answered alike?",
    "robustness": "What do damaged inputs cost?", "stability": "Is the score alike over time and segments?",
    "interpretability": "Which features does it rely on?", "value": "Does it earn more than what needs no model?",
    "latency": "Does it answer in time?", "size": "Is the file small?",
    "security": "Does the file compute, and nothing else?", "compliance": "Can everything be explained?",
}  # fmt: skip
_ORDER: Final = ("refused", "released", "passed")
_CONSEQUENCES: Final = {"blocking": "This refuses the candidate.", "advisory": "This keeps it in staging."}
"""Of a gate that did not pass; where it could not tell, its reason says what follows."""


def view_gates(gates: Sequence[Row]) -> list[dict[str, Any]]:
    """Every gate that has answered: failed ones, then those that cannot tell, then the others, in the gates' order."""
    known = {name: at for at, name in enumerate(GATE_NAMES)}
    views = [view_gate(row) for row in sorted(gates, key=lambda row: known.get(row["gate"], len(known)))]
    return sorted(views, key=lambda one: _ORDER.index(one["state"]))


def view_gate(row: Row) -> dict[str, Any]:
    """One gate."""
    detail, evidence = row["detail"], row["detail"].get("evidence")
    state, text = _name_state(row)
    pictures = draw_evidence(row["gate"], evidence, detail.get("limits") or {})
    return {
        "name": row["gate"].replace("_", " "),
        "anchor": f"gate-{row['gate']}",
        "asks": _ASKS.get(row["gate"], ""),
        "state": state,
        "state_text": text,
        "observed": format_number(row["observed"]),
        "threshold": format_number(row["threshold"]),
        "reason": row["reason"],
        "at": row["at"],
        "consequence": None if row["is_passed"] or is_open(row) else _CONSEQUENCES.get(row["severity"]),
        "pictures": pictures,
        "texts": list_texts(row["gate"], evidence),
        "is_recorded": "evidence" in detail,
    }


def list_missing(gates: Sequence[Row]) -> list[str]:
    """The gates that have not answered."""
    answered = {row["gate"] for row in gates}
    return [name.replace("_", " ") for name in GATE_NAMES if name not in answered]


def _name_state(row: Row) -> tuple[str, str]:
    if row["is_passed"]:
        return "passed", "passed"
    return ("released", "too little to tell") if is_open(row) else ("refused", "failed")
