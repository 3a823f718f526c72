"""What is said of one model."""

from __future__ import annotations

from typing import Any

from include.operate.model_summary import (
    describe_approval,
    describe_canary,
    describe_model,
    describe_monitoring,
    describe_performance,
)

FAILURES: dict[str, Any] = {
    "task": "binary",
    "champion": {
        "version": 2, "family": "random_forest", "score_name": "auc", "score": 0.8512, "score_low": 0.8,
        "score_high": 0.9, "metrics": {"score": 0.8512, "auc": 0.8512, "f1": 0.4, "log_loss": 0.3},
    },
    "baseline": {"feature": "age_days", "score": 0.8, "gain": 0.0512, "gain_low": 0.01, "gain_high": 0.09},
    "gates": {"decision": "production", "results": [], "refused": []},
    "approval": {
        "is_required": True, "answered_by": "approver", "trained_by": "scientist", "is_trainer_refused": True,
    },
    "canary": [
        {"event": "bootstrapped", "challenger_weight": 0.0},
        {"event": "canary_started", "challenger_weight": 0.05},
        {"event": "weight_set", "challenger_weight": 0.5},
        {"event": "promoted", "challenger_weight": 0.0},
    ],
    "traffic": {"requests": 4321, "failed": 0},
    "performance": {"predictions": 2000, "metric": "auc", "score": 0.84, "baseline_score": 0.8512},
    "monitoring": {"action": "keep", "reasons": ["no drift [psi]", "AUC is fine"]},
    "failure": None,
}  # fmt: skip
UNITS: dict[str, Any] = {
    **FAILURES,
    "task": "regression",
    "champion": {
        "version": 1, "family": "baseline", "score_name": "d2_absolute_error", "score": 0.31, "score_low": 0.28,
        "score_high": 0.33, "metrics": {"d2_absolute_error": 0.31, "mae": 2.5},
    },
    "baseline": {"feature": "units_7d", "score": 0.31, "gain": 0.0, "gain_low": None, "gain_high": None},
    "canary": [],
    "performance": {},
    "failure": "units.deploy_model failed in canary (run r).\n--- end of the log of canary:\nrolled back [x]",
}  # fmt: skip


def test_a_models_sentences_carry_its_figures() -> None:
    assert describe_model(FAILURES) == [
        "champion    version 2, random_forest: AUC 0.851 (95 % interval 0.800 … 0.900)",
        "figures     F1 0.4, log loss 0.3",
        "baseline    age_days alone has AUC 0.800: a gain of +0.051 (95 % interval +0.010 … +0.090)",
        "gates       production",
        "approval    answered by approver, trained by scientist; the trainer tried and was refused",
        "canary      5% → 50% → promoted",
        "traffic     4,321 requests during the rollout, 0 failed",
        "outcomes    known for 2,000 predictions: AUC 0.840, against 0.851 on its test set",
        "monitoring  keep (no drift [psi]; AUC is fine)",
    ]


def test_a_regression_is_told_in_its_own_figures_and_a_loop_that_ended_early_says_why() -> None:
    lines = describe_model(UNITS)
    assert lines[0] == "champion    version 1, baseline: D² 0.310 (95 % interval 0.280 … 0.330)"
    assert lines[1] == "figures     MAE 2.5"
    assert lines[-4:] == [
        "it ended early:",
        "  units.deploy_model failed in canary (run r).",
        "  --- end of the log of canary:",
        "  rolled back [x]",
    ]


def test_a_model_of_which_nothing_serves_is_told_as_such() -> None:
    section = {**UNITS, "champion": None, "baseline": None, "gates": {"decision": None, "results": [], "refused": []}}
    assert describe_model(section)[:2] == ["champion    none", "gates       none have run"]


def test_a_candidate_that_was_refused_is_told_with_every_reason() -> None:
    gates = {"decision": "production", "results": [], "refused": ["interval: it begins at 0.69", "evidence: 9 rows"]}
    assert "gates       refused the newest candidate: interval: it begins at 0.69; evidence: 9 rows" in describe_model(
        {**FAILURES, "gates": gates}
    )


def test_without_a_champion_it_is_said_what_helps_after_a_refusal() -> None:
    gates = {"decision": None, "results": [], "refused": ["interval: it begins at 0.69"]}
    lines = describe_model({**UNITS, "champion": None, "baseline": None, "gates": gates})
    assert any(line.startswith("next        nothing serves yet") for line in lines)
    assert not any(line.startswith("next") for line in describe_model({**FAILURES, "gates": gates}))


def test_what_did_not_happen_is_said() -> None:
    asked = {"is_required": True, "answered_by": "a", "trained_by": "b"}
    assert describe_canary([]) == "no rollout"
    assert describe_performance({}) == "none has become known yet"
    few = {"predictions": 3, "metric": "auc", "score": None, "baseline_score": None}
    assert describe_performance(few) == "known for 3 predictions: too few to measure"
    assert describe_performance({**few, "score": 0.5}) == "known for 3 predictions: AUC 0.500"
    assert describe_approval(asked) == "answered by a, trained by b"
    assert describe_approval({**asked, "answered_by": None}) == "none was given"
    assert describe_approval({**asked, "is_required": False}) == "not required"
    assert describe_monitoring({"action": None, "reasons": []}) == "no decision"
