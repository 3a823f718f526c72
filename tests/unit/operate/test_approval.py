"""Who answers what a deployment asks, against a small server that answers as Airflow does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from include.commands.airflow_api import AirflowApi
from include.errors import StackError
from include.operate.approval import ApprovalDesk, TerminalDesk, WaitingDesk, find_approver
from include.settings.models import ModelSettings
from tests.unit.operate.conftest import FakeAirflow

USERS = ("admin", "scientist", "approver")
ASKING = [{"task_id": "approve", "state": "awaiting_input"}]


@pytest.fixture
def desk(models: dict[str, ModelSettings], login: Callable[[str], AirflowApi], airflow: FakeAirflow) -> ApprovalDesk:
    """The approvals of ``units``, whose run ``r`` waits; nobody has to read."""
    airflow.approvals["r"] = "approve"
    airflow.forbidden = {"scientist"}
    return ApprovalDesk(models["units"], login, USERS, pause_s=0.0)


def govern(model: ModelSettings, **changes: Any) -> ModelSettings:
    return model.model_copy(update={"governance": model.governance.model_copy(update=changes)})


def test_the_first_approver_who_is_a_user_and_not_the_trainer_answers(models: dict[str, ModelSettings]) -> None:
    assert find_approver(models["units"], USERS) == "approver"
    trainer_first = govern(models["units"], approvers=("scientist", "admin"))
    assert find_approver(trainer_first, USERS) == "admin"


def test_where_nobody_is_asked_nobody_answers(models: dict[str, ModelSettings]) -> None:
    assert find_approver(govern(models["units"], is_approval_required=False), ()) is None


def test_a_model_that_nobody_here_could_approve_is_named(models: dict[str, ModelSettings]) -> None:
    alone = govern(models["units"], approvers=("scientist", "somebody"))
    with pytest.raises(StackError, match=r"Nobody could approve units.*somebody.*models/units\.yml"):
        find_approver(alone, USERS)


def test_nothing_is_answered_before_it_is_asked(desk: ApprovalDesk, airflow: FakeAirflow) -> None:
    desk.look("r", [{"task_id": "approve", "state": "running"}])
    desk.look("r", [])
    assert airflow.answers == []


def test_a_person_reads_first(desk: ApprovalDesk, airflow: FakeAirflow) -> None:
    desk.pause_s = 3600.0
    desk.look("r", ASKING)
    desk.look("r", ASKING)
    assert airflow.answers == []


def test_a_question_that_comes_back_is_answered_again_after_a_longer_pause(
    desk: ApprovalDesk, airflow: FakeAirflow
) -> None:
    desk.pause_s = 0.01
    for number in (1, 2):
        while len(airflow.answers) < number:
            desk.look("r", ASKING)
        desk.look("r", [{"task_id": "approve", "state": "up_for_retry"}])
    assert airflow.answers == [("approver", "r")] * 2
    assert desk.pause_s == 0.04


def test_an_approver_whom_airflow_refuses_is_an_error(desk: ApprovalDesk, airflow: FakeAirflow) -> None:
    airflow.forbidden = {"scientist", "approver"}
    with pytest.raises(StackError, match="approver"):
        desk.look("r", ASKING)


def test_an_approver_answers_and_nobody_else_tries(desk: ApprovalDesk, airflow: FakeAirflow) -> None:
    desk.look("r", ASKING)
    assert airflow.answers == [("approver", "r")]
    assert airflow.chosen == ["Approve"]


@dataclass
class Person:
    """Types what a test has prepared, and keeps what was shown; ``said`` is what was told besides."""

    words: list[str]
    shown: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    is_undisturbed: bool = False

    def ask(self, text: str) -> str:
        assert self.is_undisturbed, "the progress is drawn while a person reads"
        self.shown.append(text)
        if not self.words:
            raise EOFError
        return self.words.pop(0)

    @contextmanager
    def pause(self) -> Iterator[None]:
        self.is_undisturbed = True
        yield
        self.is_undisturbed = False

    def sit_at(self, desk: ApprovalDesk) -> TerminalDesk:
        return TerminalDesk(
            desk.model, desk.login, USERS, pause_s=0.0, tell=self.said.append, ask=self.ask, pause=self.pause
        )


@pytest.mark.parametrize(
    ("words", "chosen"),
    [(["yes"], ["Approve"]), (["Y"], ["Approve"]), (["no"], ["Reject"]), (["what?", "", "n"], ["Reject"])],
)
def test_a_person_is_shown_the_request_and_their_answer_is_given(
    desk: ApprovalDesk, airflow: FakeAirflow, words: list[str], chosen: list[str]
) -> None:
    person = Person(words)
    person.sit_at(desk).look("r", ASKING)
    assert airflow.chosen == chosen
    assert airflow.answers == [("approver", "r")]
    assert "Approve version 2?" in person.shown[0]
    assert "AUC 0.85" in person.shown[0]
    assert "Approve units as approver?" in person.shown[0]
    assert person.words == []


@pytest.mark.parametrize("words", [["later"], []])
def test_a_person_who_leaves_it_is_asked_no_more_and_told_where_it_waits(
    desk: ApprovalDesk, airflow: FakeAirflow, words: list[str]
) -> None:
    person = Person(words)
    terminal = person.sit_at(desk)
    for _ in range(3):
        terminal.look("r", ASKING)
    assert airflow.answers == []
    assert len(person.shown) == 1
    assert len(person.said) == 1
    assert "/dags/units.deploy_model/runs/r in a browser" in person.said[0]


def test_an_answer_that_was_given_elsewhere_meanwhile_is_not_asked_for(
    desk: ApprovalDesk, airflow: FakeAirflow
) -> None:
    airflow.approvals.clear()
    person = Person(["yes"])
    person.sit_at(desk).look("r", ASKING)
    assert person.shown == []
    assert airflow.answers == []


def test_without_anybody_there_the_place_of_the_request_is_told_once(desk: ApprovalDesk, airflow: FakeAirflow) -> None:
    said: list[str] = []
    waiting = WaitingDesk(desk.model, desk.login, USERS, pause_s=0.0, tell=said.append)
    for _ in range(3):
        waiting.look("r", ASKING)
    assert airflow.answers == []
    assert len(said) == 1
    assert said[0].startswith("units waits for approver or admin: open")
