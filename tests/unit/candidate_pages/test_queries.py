"""What is read of the ledger, from a real warehouse."""

from __future__ import annotations

from include.candidate_pages.queries import read_candidate, read_trainings
from include.candidate_pages.views import view_candidate
from include.governance.approvals import Approval, record_approval
from include.quality_pages.queries import prepare_reading
from include.registry.ledger import (
    add_version,
    record_candidate,
    record_decision,
    record_gates,
    record_membership,
)
from include.rollout.state import bootstrap_champion, promote_challenger, start_canary
from include.training.history import TrainingPlan, record_plan
from include.warehouse.session import open_session
from tests.unit.candidate_pages.records import MODEL, RANKING, judge_good, measure_good
from tests.unit.registry.planting import make_measured

EARLIER = "2026-02-01T12:00:00Z"


def plant_training(uri: str) -> None:
    """A training of three, of which the best was judged twice; and an earlier one that nothing was decided about."""
    with open_session(uri) as session:
        for result in (
            measure_good(), make_measured(run_id="run-second"), make_measured(run_id="run-rule", family="baseline"),
            make_measured(run_id="run-early", assembled_at=EARLIER),
        ):  # fmt: skip
            record_candidate(session, MODEL, result)
        record_candidate(session, "other", make_measured(run_id="run-other"))
        record_gates(session, "run-best", judge_good(calibration={"is_passed": False}))
        record_gates(session, "run-best", [gate for gate in judge_good() if gate["name"] == "calibration"])
        record_decision(session, "run-best", "refuse", ["calibration: too far off"], RANKING)
        record_decision(session, "run-best", "production", ["all 18 gates passed"], RANKING)


def deploy(uri: str) -> None:
    """Register the rule and the best candidate, approve it, and let it become the champion."""
    with open_session(uri) as session:
        assert add_version(session, MODEL, "run-rule", 1) == 1
        assert add_version(session, MODEL, "run-best", 2) == 2
        approval = Approval(MODEL, 2, "Approve", "grace", "scientist", "deploy", "run")
        record_approval(session, approval, ["grace"])
        state = start_canary(session, bootstrap_champion(session, MODEL, 1), 2, 0.1)
        promote_challenger(session, state, 2)


def test_a_candidate_is_read_with_its_training_and_what_followed(warehouse_uri: str) -> None:
    plant_training(warehouse_uri)
    deploy(warehouse_uri)
    with open_session(warehouse_uri) as session:
        prepare_reading(session)
        found = read_candidate(session, MODEL, "run-best")
    assert found is not None
    assert found.candidate["result"]["curves"]["roc"]["x"][0] == 0
    calibration = next(row for row in found.gates if row["gate"] == "calibration")
    assert (len(found.gates), calibration["is_passed"]) == (18, True)
    assert calibration["detail"]["evidence"]["bins"]
    assert found.decision is not None
    assert (found.decision["decision"], found.decision["gap"]) == ("production", 0.02)
    assert found.decision["failures"][0]["name"] == "random_forest"
    assert {row["run_id"] for row in found.siblings} == {"run-best", "run-second", "run-rule"}
    assert found.version is not None and found.version["version"] == 2
    assert [(row["answered_by"], row["decision"]) for row in found.approvals] == [("grace", "approved")]
    assert [row["event"] for row in found.events] == ["promoted", "canary_started"]
    assert view_candidate(found, "/candidates")["conclusion"].sentence.startswith("Cleared for production")


def test_a_candidate_that_was_not_judged_has_the_decision_of_its_training(warehouse_uri: str) -> None:
    plant_training(warehouse_uri)
    with open_session(warehouse_uri) as session:
        second, early = (read_candidate(session, MODEL, run) for run in ("run-second", "run-early"))
    assert second is not None and early is not None
    assert (second.decision or {})["run_id"] == "run-best"
    assert (second.gates, second.version, second.approvals, second.events) == ([], None, [], [])
    assert early.decision is None
    assert "Nothing is decided" in view_candidate(early, "/candidates")["conclusion"].sentence


def test_a_run_of_another_model_is_no_candidate(warehouse_uri: str) -> None:
    plant_training(warehouse_uri)
    with open_session(warehouse_uri) as session:
        assert read_candidate(session, MODEL, "run-other") is None
        assert read_candidate(session, MODEL, "run-nowhere") is None


def test_trainings_are_read_the_newest_first_with_what_became_of_the_best(warehouse_uri: str) -> None:
    plant_training(warehouse_uri)
    with open_session(warehouse_uri) as session:
        prepare_reading(session)
        newest, earlier = read_trainings(session, MODEL)
        assert [row["model_name"] for row in read_trainings(session)] == [MODEL, MODEL, "other"]
        assert [row["run_id"] for row in read_trainings(session, MODEL, 1)] == ["run-best"]
    assert (newest["decision"], newest["fitted"], newest["failures"], newest["gates"]) == ("production", 3, 1, 18)
    assert newest["score"] == measure_good()["score"]
    assert (earlier["decision"], earlier["run_id"], earlier["any_run_id"]) == (None, None, "run-early")


def test_a_candidate_that_a_later_training_has_taken_belongs_to_both(warehouse_uri: str) -> None:
    plan = TrainingPlan("decay", "the score fell", ("standard", "search"))
    with open_session(warehouse_uri) as session:
        for run_key, runs in (("run 1", ("old", "worse")), ("run 2", ("old", "new"))):
            record_plan(session, MODEL, run_key, plan, runs)
            for run_id in runs:
                record_candidate(session, MODEL, make_measured(run_id=run_id, assembled_at=EARLIER))
                record_membership(session, MODEL, run_key, run_id)
        record_decision(session, "worse", "refuse", ["it is worse"], {**RANKING, "run_key": "run 1"})
        record_decision(session, "old", "staging", ["it is old"], {**RANKING, "run_key": "run 2"})

        second, first = read_trainings(session, MODEL)
        old, new, worse = (read_candidate(session, MODEL, run) for run in ("old", "new", "worse"))
    assert [(one["training"], one["fitted"], one["run_id"]) for one in (second, first)] == [
        ("run 2", 2, "old"), ("run 1", 2, "worse"),
    ]  # fmt: skip
    assert (second["cause"], second["cause_reason"]) == ("decay", "the score fell")
    assert old is not None and new is not None and worse is not None
    for one, decision, siblings in (
        (old, "staging", {"old", "new"}), (new, "staging", {"old", "new"}), (worse, "refuse", {"old", "worse"})
    ):  # fmt: skip
        assert (one.decision or {})["decision"] == decision
        assert {row["run_id"] for row in one.siblings} == siblings
        assert (one.plan or {})["strategies"] == ["standard", "search"]


def test_a_run_of_another_model_that_has_the_same_key_is_another_training(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        for model, decision in ((MODEL, "production"), ("other", "refuse")):
            run_id = f"run of {model}"
            record_candidate(session, model, make_measured(run_id=run_id))
            record_membership(session, model, "one key", run_id)
            record_decision(session, run_id, decision, [f"about {model}"], {**RANKING, "run_key": "one key"})
        found = read_candidate(session, MODEL, f"run of {MODEL}")
        (listed,) = read_trainings(session, MODEL)
    assert found is not None
    assert (found.decision or {})["reasons"] == [f"about {MODEL}"]
    assert (listed["decision"], listed["run_id"]) == ("production", f"run of {MODEL}")
