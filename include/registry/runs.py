"""What was decided about a training run, written onto the run itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from include.registry.rest import MlflowRest

_REASON_LENGTH: Final = 300


def record_decision(
    tracking_uri: str,
    run_id: str,
    decision: str,
    gates: Sequence[Mapping[str, Any]],
    ranking: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write onto a run what was decided about it, so that refused models leave their evidence too.

    Args:
        gates: what each gate said, as mappings.
        ranking: every candidate with its score, best first.
    """
    facts = {
        "gates": json.dumps(list(map(_shorten, gates))),
        "ranking": json.dumps(list(ranking)),
        "decision": decision,
    }
    with MlflowRest(tracking_uri) as mlflow:
        for key, value in facts.items():
            mlflow.send("runs/set-tag", {"run_id": run_id, "key": key, "value": value})


def _shorten(gate: Mapping[str, Any]) -> dict[str, Any]:
    """A tag of a run holds 8,000 characters; the whole reasons are among the tags of the version and in the logs."""
    reason = str(gate.get("reason", ""))
    return {**gate, "reason": reason if len(reason) <= _REASON_LENGTH else f"{reason[: _REASON_LENGTH - 1]}…"}


def read_last_decision_at(tracking_uri: str, experiment: str) -> datetime | None:
    """When the newest run that was decided about was started (UTC); None when there is none."""
    run = _find_last_judged(tracking_uri, experiment)
    return datetime.fromtimestamp(int(run["info"]["start_time"]) / 1000, UTC) if run else None


def read_last_refusal(tracking_uri: str, experiment: str) -> list[str]:
    """What the gates said against the newest run that was decided about; nothing where it was not refused."""
    run = _find_last_judged(tracking_uri, experiment)
    tags = {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])} if run else {}
    if tags.get("decision") != "refuse":
        return []
    return [f"{gate['name']}: {gate['reason']}" for gate in json.loads(tags["gates"]) if not gate["is_passed"]]


def _find_last_judged(tracking_uri: str, experiment: str) -> dict[str, Any] | None:
    with MlflowRest(tracking_uri) as mlflow:
        found = mlflow.find("experiments/get-by-name", {"experiment_name": experiment})
        if found is None:
            return None
        answer = mlflow.send(
            "runs/search",
            {
                "experiment_ids": [found["experiment"]["experiment_id"]],
                "filter": "tags.decision LIKE '%'",
                "order_by": ["attributes.start_time DESC"],
                "max_results": 1,
            },
        )
    runs: list[dict[str, Any]] = answer.get("runs", [])
    return runs[0] if runs else None
