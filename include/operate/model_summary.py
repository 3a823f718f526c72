"""What happened to one model, in sentences."""

from __future__ import annotations

from typing import Any, Final

from include.operate.figures import describe_gain, describe_metrics, describe_score, name_metric
from include.training.candidates import name_row

SHARED_EVENTS: Final = frozenset({"canary_started", "ab_test_started", "blue_green_started", "weight_set"})
"""Events that give a challenger its share."""
_FAILURE_LINES: Final = 30
_AFTER_REFUSAL: Final = (
    "nothing serves yet: load older days or change the features, or set limits from what is measured (gates: in the "
    'model\'s file), then make run ARGS="--train"'
)


def describe_model(section: dict[str, Any]) -> list[str]:
    """What happened to one model, a line for each part of its loop."""
    lines = {
        **describe_quality(section["champion"], section["baseline"]),
        "gates": describe_gates(section["gates"]),
        "approval": describe_approval(section["approval"]),
        "canary": describe_canary(section["canary"]),
        "traffic": describe_traffic(section["traffic"]),
        "outcomes": describe_performance(section["performance"]),
        "monitoring": describe_monitoring(section["monitoring"]),
    }
    if section["champion"] is None and section["gates"]["refused"]:
        lines["next"] = _AFTER_REFUSAL
    told = [f"{name:<11} {text}" for name, text in lines.items()]
    if section["failure"]:
        told.append("it ended early:")
        told += [f"  {line}" for line in section["failure"].splitlines()[-_FAILURE_LINES:]]
    return told


def describe_quality(champion: dict[str, Any] | None, baseline: dict[str, Any] | None) -> dict[str, str]:
    """The champion with its figures, and what it gains over the baseline."""
    if champion is None:
        return {"champion": "none"}
    name = name_row(champion)
    lines = {"champion": f"version {champion['version']}, {name}: {describe_score(champion)}"}
    if champion.get("selection_method"):
        method = name_metric(champion["selection_method"])
        lines["selection"] = f"{champion['selected_features']} features kept by {method}"
    if others := describe_metrics(champion):
        lines["figures"] = others
    if baseline is not None:
        score = f"{name_metric(champion['score_name'])} {baseline['score']:.3f}"
        lines["baseline"] = f"{baseline['feature']} alone has {score}: a gain of {describe_gain(baseline)}"
    return lines


def describe_gates(gates: dict[str, Any]) -> str:
    """What they decided of the champion, or why they refused the newest candidate."""
    if gates["refused"]:
        return f"refused the newest candidate: {'; '.join(gates['refused'])}"
    return gates["decision"] or "none have run"


def describe_approval(approval: dict[str, Any]) -> str:
    """Who answered, and that the trainer could not."""
    if not approval["is_required"]:
        return "not required"
    if approval["answered_by"] is None:
        return "none was given"
    refused = "; the trainer tried and was refused" if approval.get("is_trainer_refused") else ""
    return f"answered by {approval['answered_by']}, trained by {approval['trained_by']}{refused}"


def describe_canary(events: list[dict[str, Any]]) -> str:
    """The share of traffic from step to step."""
    shares = [f"{e['challenger_weight']:.0%}" for e in events if e["event"] in SHARED_EVENTS]
    last = events[-1]["event"] if events else "no rollout"
    return " → ".join([*shares, last.replace("_", " ")])


def describe_traffic(traffic: dict[str, Any]) -> str:
    """Requests sent during the rollout and how many had no good answer."""
    return f"{traffic['requests']:,} requests during the rollout, {traffic['failed']} failed"


def describe_performance(performance: dict[str, Any]) -> str:
    """The champion on outcomes that became known during the replay."""
    if not performance:
        return "none has become known yet"
    known = f"known for {performance['predictions']:,} predictions"
    if performance["score"] is None:
        return f"{known}: too few to measure"
    name = name_metric(performance["metric"])
    baseline = performance["baseline_score"]
    promised = "" if baseline is None else f", against {baseline:.3f} on its test set"
    return f"{known}: {name} {performance['score']:.3f}{promised}"


def describe_monitoring(monitoring: dict[str, Any]) -> str:
    """What monitoring decided and why."""
    if monitoring["action"] is None:
        return "no decision"
    return f"{monitoring['action']} ({'; '.join(monitoring['reasons'])})"
