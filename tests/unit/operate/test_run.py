"""What `make run` follows and says, against a small server whose DAG runs follow one another as Airflow's do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from include.errors import StackError
from include.operate import hops as hops_module
from include.operate import run as run_module
from include.operate.approval import ApprovalDesk, TerminalDesk, WaitingDesk
from include.operate.cli import main
from include.operate.hops import Hops
from include.operate.model_report import EVER
from include.operate.place import Place
from include.operate.progress import Progress
from include.operate.run import (
    DayRun,
    RunChoices,
    check_approvers,
    describe_failures,
    describe_run,
    list_stages,
    warn_of_waiting,
)
from include.rollout.events import append_event
from include.rollout.server_address import ServerAddress
from include.settings.models import ModelSettings
from include.warehouse.session import open_session
from tests.unit.operate.chains import TASKS, Chains
from tests.unit.operate.test_follow import make_task

DAYS = date(2026, 3, 1), date(2026, 3, 7)
PASSWORDS = {"admin": "right", "approver": "right"}


@pytest.fixture
def airflow() -> Chains:
    """What the server will do."""
    return Chains()


@pytest.fixture
def start(airflow_url: str, models: dict[str, ModelSettings]) -> Iterator[Callable[..., DayRun]]:
    """A run of the days, with its choices; no model server is known, so that nobody sends requests."""
    opened: list[Hops] = []

    def begin(**choices: Any) -> DayRun:
        place = Place(airflow_url, None, None, PASSWORDS)
        specs: Any = {name: SimpleNamespace() for name in models}
        opened.append(Hops(place, models, specs, Progress("run", list_stages([*models]), is_live=False)))
        opened[-1].follower.poll_s = 0.005
        return DayRun(opened[-1], RunChoices(**choices))

    yield begin
    for hops in opened:
        hops.close()


def read_stages(run: DayRun, name: str) -> dict[str, tuple[str, str]]:
    """State and last words of each hop of a model."""
    stages = run.progress.stages
    return {stage.name.removeprefix(f"{name}."): (stage.state, stage.doing) for stage in stages if stage.model == name}


def test_the_days_are_loaded_and_each_model_is_followed_to_its_monitoring(
    start: Callable[..., DayRun], airflow: Chains
) -> None:
    run = start()
    run.run(*DAYS)
    assert [body["conf"] for body in airflow.triggered] == [{"from_day": "2026-03-01", "to_day": "2026-03-07"}]
    assert {stage.state for stage in run.progress.stages} == {"done"}
    assert read_stages(run, "units")["deploy_model"] == ("done", "the candidate is champion")
    assert run.hops.notes["units"].requests is None


def test_where_no_training_is_due_the_champion_scores_what_was_built(
    start: Callable[..., DayRun], airflow: Chains
) -> None:
    airflow.first_skips = {"units.train_candidates.assemble_training_set", "units.train_candidates.register"}
    run = start()
    run.run(*DAYS)
    stages = read_stages(run, "units")
    assert "no training is due" in stages["train_candidates"][1]
    assert stages["deploy_model"] == ("skipped", "no new candidate")
    assert [stages[hop][0] for hop in ("score_batch", "monitor_model")] == ["done", "done"]
    assert read_stages(run, "failures")["deploy_model"][0] == "done"


def test_training_that_is_asked_for_is_done_though_none_is_due(start: Callable[..., DayRun], airflow: Chains) -> None:
    airflow.first_skips = {"units.train_candidates.assemble_training_set", "units.train_candidates.register"}
    run = start(is_training=True)
    run.run(*DAYS)
    assert [(body["dag_id"], body["conf"]) for body in airflow.triggered[1:]] == [
        ("units.train_candidates", {"force": True})
    ]
    assert read_stages(run, "units")["deploy_model"] == ("done", "the candidate is champion")


def test_a_candidate_that_the_gates_refuse_is_told_with_their_reasons(
    start: Callable[..., DayRun], airflow: Chains
) -> None:
    airflow.first_skips = {"units.train_candidates.register"}
    airflow.xcoms["units.train_candidates judge"] = {
        "reasons": ["leakage: 0.99 is above 0.95"],
        "failures": [],
        "ranking": [],
    }
    run = start()
    run.run(*DAYS)
    stages = read_stages(run, "units")
    assert stages["train_candidates"][1] == "the gates refused the candidate: leakage: 0.99 is above 0.95"
    assert stages["deploy_model"][0] == "skipped"
    assert run.hops.notes["units"].failure is None


def test_where_nothing_has_changed_nothing_is_waited_for(start: Callable[..., DayRun], airflow: Chains) -> None:
    airflow.first_skips = {"build_features.publish_machine_state"}
    run = start()
    run.run(*DAYS)
    for name in ("failures", "units"):
        states = read_stages(run, name)
        assert {state for state, _ in states.values()} == {"skipped"}
        assert "--train" in states["train_candidates"][1]
    assert next(stage.doing for stage in run.progress.stages if stage.name == "build_features").startswith("nothing")


def test_what_was_under_way_before_is_followed_to_its_end(start: Callable[..., DayRun], airflow: Chains) -> None:
    airflow.first_skips = {"build_features.publish_machine_state"}
    airflow._add("units.deploy_model", "before", TASKS["deploy_model"])
    airflow.runs[-1]["state"] = "running"
    looks = iter(["running", "running"])
    tasks = airflow.tasks["units.deploy_model before"]

    def end_soon(path: str, steps: list[str]) -> tuple[int, Any]:
        if steps[1:2] == ["units.deploy_model"]:
            airflow.runs[0]["state"] = next(looks, "success")
        return Chains._read(airflow, path, steps)

    airflow._read = end_soon  # type: ignore[method-assign]
    airflow._add("units.score_batch", "after", TASKS["score_batch"])
    airflow._add("units.monitor_model", "after", TASKS["monitor_model"])
    assert tasks == [make_task(name, "success", start=tasks[0]["start_date"]) for name in TASKS["deploy_model"]]
    run = start()
    run.run(*DAYS)
    assert read_stages(run, "units")["deploy_model"] == ("done", "the candidate is champion")
    assert read_stages(run, "units")["score_batch"][0] == "done"
    assert read_stages(run, "failures")["deploy_model"][0] == "skipped"


def test_days_without_any_delivery_end_the_run_and_say_where_to_look(
    start: Callable[..., DayRun], airflow: Chains
) -> None:
    airflow.first_skips = {"ingest_sources.publish"}
    with pytest.raises(StackError, match=r"published nothing of 2026-03-01 … 2026-03-07.*sources\.yml"):
        start().run(*DAYS)


def test_a_model_that_is_rolled_back_is_noted_and_the_other_goes_on(
    start: Callable[..., DayRun], airflow: Chains
) -> None:
    airflow.fails = {"units.deploy_model.promote"}
    run = start()
    run.run(*DAYS)
    assert "units.deploy_model failed" in str(run.hops.notes["units"].failure)
    assert read_stages(run, "failures")["monitor_model"][0] == "done"


def test_a_candidate_that_nobody_approved_is_no_failure_and_the_champion_scores_on(
    start: Callable[..., DayRun], airflow: Chains
) -> None:
    airflow.fails = {"units.deploy_model.record_approval"}
    run = start()
    run.run(*DAYS)
    stages = read_stages(run, "units")
    assert run.hops.notes["units"].failure is None
    assert stages["deploy_model"][0] == "failed"
    assert [stages[hop][0] for hop in ("score_batch", "monitor_model")] == ["done", "done"]


def test_answers_given_beforehand_are_none_for_a_deployment_from_before(
    start: Callable[..., DayRun], airflow: Chains
) -> None:
    airflow._add("units.deploy_model", "before", TASKS["deploy_model"])
    airflow.runs[-1]["state"] = "running"
    run = start(is_approving=True)
    run.run(*DAYS)
    failure = str(run.hops.notes["units"].failure)
    assert "units.deploy_model has a run from before (before)" in failure
    assert "without --approve" in failure
    assert read_stages(run, "failures")["deploy_model"] == ("done", "the candidate is champion")


def test_no_requests_are_sent_for_a_model_whose_canary_nobody_judges(
    start: Callable[..., DayRun], models: dict[str, ModelSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    hops = start().hops
    hops.place = replace(hops.place, model_server=ServerAddress("http://a"), warehouse="postgresql://a")
    monkeypatch.setattr(hops_module, "read_entities", lambda *_: [{"machine_id": 1}])
    assert hops._open_traffic("units") is not None
    rollout = models["units"].rollout.model_copy(update={"strategy": "none"})
    hops.models = {**models, "units": models["units"].model_copy(update={"rollout": rollout})}
    assert hops._open_traffic("units") is None


@pytest.mark.parametrize(
    ("is_approving", "is_here", "kind"),
    [(True, True, ApprovalDesk), (False, True, TerminalDesk), (False, False, WaitingDesk)],
)
def test_who_answers_is_the_person_at_the_terminal_unless_it_was_said_before(
    start: Callable[..., DayRun], monkeypatch: pytest.MonkeyPatch, models: dict[str, ModelSettings],
    is_approving: bool, is_here: bool, kind: type[ApprovalDesk],
) -> None:  # fmt: skip
    monkeypatch.setattr(run_module, "is_person_here", lambda: is_here)
    assert type(start(is_approving=is_approving)._open_desk(models["units"])) is kind


def test_a_person_who_may_not_approve_is_not_asked(
    start: Callable[..., DayRun], monkeypatch: pytest.MonkeyPatch, models: dict[str, ModelSettings]
) -> None:
    monkeypatch.setattr(run_module, "is_person_here", lambda: True)
    run = start()
    run.hops.place = replace(run.hops.place, passwords={"scientist": "right"})
    assert type(run._open_desk(models["units"])) is WaitingDesk


def test_an_answer_that_nobody_here_could_give_is_refused_before_anything_starts(
    models: dict[str, ModelSettings],
) -> None:
    place = Place("http://a", None, None, {"scientist": "right"})
    check_approvers(models, place, RunChoices())
    with pytest.raises(StackError, match="Nobody could approve failures"):
        check_approvers(models, place, RunChoices(is_approving=True))


@pytest.mark.parametrize(
    ("is_approving", "is_here", "is_warned"), [(False, False, True), (True, False, False), (False, True, False)]
)
def test_without_anybody_there_it_is_said_first_that_candidates_wait(
    monkeypatch: pytest.MonkeyPatch, models: dict[str, ModelSettings],
    is_approving: bool, is_here: bool, is_warned: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(run_module, "is_person_here", lambda: is_here)
    warning = warn_of_waiting(models, RunChoices(is_approving=is_approving))
    assert bool(warning) is is_warned
    assert not warning or ("units" in warning and "--approve" in warning)


def test_where_the_warehouse_is_not_named_it_is_told_how_to(start: Callable[..., DayRun]) -> None:
    hops = start().hops
    hops.place = replace(hops.place, warehouse=None)
    *models, last = [line for line in describe_run(hops, EVER) if line]
    assert models == [f"Model {name}" for name in hops.models]
    assert "ORRERY_WAREHOUSE_URI" in last


def add_rollout(uri: str, version: int) -> None:
    """A version is approved and promoted."""
    with open_session(uri) as session:
        for event, weight in (("canary_started", version / 100), ("promoted", 0)):
            append_event(
                session, "units", event, champion_version=version, challenger_version=None, challenger_weight=weight,
                detail={},
            )  # fmt: skip
        session.execute(
            "insert into governance.approvals (model_name, model_version, decision, answered_by, trained_by, dag_id, "
            "run_id) values ('units', %s, 'approved', %s, 'scientist', 'units.deploy_model', %s)",
            (version, f"approver {version}", f"run {version}"),
        )


@pytest.mark.parametrize("is_promoting", [True, False])
def test_what_is_told_at_the_end_is_what_has_happened_since_the_beginning(
    warehouse_uri: str, airflow_url: str, models: dict[str, ModelSettings], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], is_promoting: bool,
) -> None:  # fmt: skip
    # given a rollout of before
    add_rollout(warehouse_uri, 5)
    place = Place(airflow_url, None, warehouse_uri, PASSWORDS)
    monkeypatch.setattr(run_module, "find_local_stack", lambda _: None)
    monkeypatch.setattr(run_module, "find_place", lambda *_: place)
    monkeypatch.setattr(run_module, "choose_models", lambda *_: ({"units": models["units"]}, {"units": None}))
    monkeypatch.setattr(run_module, "find_days", lambda *_: DAYS)
    monkeypatch.setattr(DayRun, "run", lambda *_: add_rollout(warehouse_uri, 25) if is_promoting else None)
    # when make run ends
    assert main(["run"]) == 0
    # then it tells of its own
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("approval", "canary"))]
    if is_promoting:
        assert told == ["approval    answered by approver 25, trained by scientist", "canary      25% → promoted"]
    else:
        assert told == ["approval    none was given", "canary      no rollout"]


def test_candidates_that_could_not_be_fitted_are_said_with_how_many_were_judged() -> None:
    judged: dict[str, Any] = {"ranking": [{"family": "ridge"}], "failures": []}
    assert describe_failures(judged) == []
    judged["failures"] = [{"name": "random_forest", "reason": "ValueError: no trees", "run_id": "r"}]
    assert describe_failures(judged) == [
        "random_forest could not be fitted: ValueError: no trees", "1 of 2 candidates were judged",
    ]  # fmt: skip
