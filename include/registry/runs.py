"""What was decided about a training run, written onto the run itself, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from include.registry.rest import MlflowRest


def tag_decision(
    tracking_uri: str,
    run_id: str,
    decision: str,
    gates: Sequence[Mapping[str, Any]],
    ranking: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write onto a run what was decided about it, for whoever looks there; nothing is decided by it.

    Args:
        gates: what each gate said, as mappings.
        ranking: every candidate with its score, best first.
    """
    facts = {"gates": json.dumps(list(gates)), "ranking": json.dumps(list(ranking)), "decision": decision}
    with MlflowRest(tracking_uri) as mlflow:
        for key, value in facts.items():
            mlflow.send("runs/set-tag", {"run_id": run_id, "key": key, "value": value})
