"""What was decided about a training run, written onto the run itself, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from include.registry.rest import MlflowRest
from include.registry.tags import describe_page

NOTE: Final = "mlflow.note.content"
"""The tag that MLflow shows as the description of a run."""
_REASON_LENGTH: Final = 300


def tag_decision(
    tracking_uri: str,
    run_id: str,
    decision: str,
    gates: Sequence[Mapping[str, Any]],
    ranking: Sequence[Mapping[str, Any]] = (),
    page: str | None = None,
) -> None:
    """Write onto a run what was decided about it, for whoever looks there; nothing is decided by it.

    Args:
        gates: what each gate said, as mappings.
        ranking: every candidate with its score, best first.
        page: the address of the candidate's page; it becomes the run's description.
    """
    facts = {
        "gates": json.dumps(list(map(_shorten, gates))),
        "ranking": json.dumps(list(ranking)),
        "decision": decision,
        **({NOTE: describe_page(page)} if page else {}),
    }
    with MlflowRest(tracking_uri) as mlflow:
        for key, value in facts.items():
            mlflow.send("runs/set-tag", {"run_id": run_id, "key": key, "value": value})


def _shorten(gate: Mapping[str, Any]) -> dict[str, Any]:
    """A tag of a run holds 8,000 characters; the whole reasons are in ``ml.gate_results``."""
    reason = str(gate.get("reason", ""))
    return {**gate, "reason": reason if len(reason) <= _REASON_LENGTH else f"{reason[: _REASON_LENGTH - 1]}…"}
