"""Who answers in the demo, against a small server that answers as Airflow does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from include.commands.airflow_api import AirflowApi
from include.demo.desk import DemoDesk
from include.settings.models import ModelSettings
from tests.unit.operate.conftest import FakeAirflow
from tests.unit.operate.test_approval import ASKING, USERS


@pytest.fixture
def desk(models: dict[str, ModelSettings], login: Callable[[str], AirflowApi], airflow: FakeAirflow) -> DemoDesk:
    """The approvals of ``units``, whose run ``r`` waits; nobody has to read."""
    airflow.approvals["r"] = "approve"
    airflow.forbidden = {"scientist"}
    return DemoDesk(models["units"], login, USERS, pause_s=0.0)


def test_the_trainer_is_refused_and_the_approver_answers(desk: DemoDesk, airflow: FakeAirflow) -> None:
    desk.look("r", ASKING)
    assert desk.is_trainer_refused is True
    assert airflow.answers == [("approver", "r")]


def test_a_trainer_who_is_let_in_is_noted(desk: DemoDesk, airflow: FakeAirflow) -> None:
    airflow.forbidden = set()
    desk.look("r", ASKING)
    assert desk.is_trainer_refused is False


def test_a_trainer_who_is_no_user_does_not_try(desk: DemoDesk, airflow: FakeAirflow) -> None:
    desk.users = ("admin", "approver")
    desk.look("r", ASKING)
    assert desk.is_trainer_refused is None
    assert airflow.answers == [("approver", "r")]


def test_an_airflow_too_busy_for_an_answer_is_given_it_again(desk: DemoDesk, airflow: FakeAirflow) -> None:
    airflow.refusals = {"approve/-1/hitlDetails": [500, 500]}
    desk.look("r", ASKING)
    assert desk.is_trainer_refused is None
    assert airflow.answers == []
    desk.look("r", ASKING)
    assert desk.is_trainer_refused is True
    assert airflow.answers == [("approver", "r")]
