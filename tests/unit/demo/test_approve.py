"""Who answers what a deployment asks, against a small server that answers as Airflow does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.commands.airflow_api import AirflowApi
from include.demo.approve import ApprovalDesk, find_approver
from include.errors import StackError
from include.settings.models import ModelSettings
from tests.unit.demo.conftest import FakeAirflow

USERS = ("admin", "scientist", "approver")
ASKING = [{"task_id": "approve", "state": "awaiting_input"}]


@pytest.fixture
def login(airflow_url: str) -> Iterator[Callable[[str], AirflowApi]]:
    """Airflow as one of its users."""
    opened: dict[str, AirflowApi] = {}

    def log_in(user: str) -> AirflowApi:
        return opened.setdefault(user, AirflowApi(airflow_url, user, "right"))

    yield log_in
    for api in opened.values():
        api.close()


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


def test_the_trainer_is_refused_and_the_approver_answers(desk: ApprovalDesk, airflow: FakeAirflow) -> None:
    desk.look("r", ASKING)
    assert desk.is_trainer_refused is True
    assert airflow.answers == [("approver", "r")]


def test_nothing_is_answered_before_it_is_asked(desk: ApprovalDesk, airflow: FakeAirflow) -> None:
    desk.look("r", [{"task_id": "approve", "state": "running"}])
    desk.look("r", [])
    assert airflow.answers == []
    assert desk.is_trainer_refused is None


def test_a_person_reads_first(desk: ApprovalDesk, airflow: FakeAirflow) -> None:
    desk.pause_s = 3600.0
    desk.look("r", ASKING)
    desk.look("r", ASKING)
    assert airflow.answers == []


def test_a_trainer_who_is_let_in_is_noted(desk: ApprovalDesk, airflow: FakeAirflow) -> None:
    airflow.forbidden = set()
    desk.look("r", ASKING)
    assert desk.is_trainer_refused is False


def test_a_trainer_who_is_no_user_does_not_try(desk: ApprovalDesk, airflow: FakeAirflow) -> None:
    desk.users = ("admin", "approver")
    desk.look("r", ASKING)
    assert desk.is_trainer_refused is None
    assert airflow.answers == [("approver", "r")]


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


def test_an_airflow_too_busy_for_an_answer_is_given_it_again(desk: ApprovalDesk, airflow: FakeAirflow) -> None:
    airflow.refusals = {"approve/-1/hitlDetails": [500, 500]}
    desk.look("r", ASKING)
    assert desk.is_trainer_refused is None
    assert airflow.answers == []
    desk.look("r", ASKING)
    assert desk.is_trainer_refused is True
    assert airflow.answers == [("approver", "r")]


def test_an_approver_whom_airflow_refuses_is_an_error(desk: ApprovalDesk, airflow: FakeAirflow) -> None:
    airflow.forbidden = {"scientist", "approver"}
    with pytest.raises(StackError, match="approver"):
        desk.look("r", ASKING)
