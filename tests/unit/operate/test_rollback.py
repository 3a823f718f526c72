"""``make rollback`` starts the DAG that puts a champion back, and says how that ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from include.errors import StackError
from include.operate import rollback
from include.operate.cli import main
from include.operate.place import Place
from include.rollout.events import append_event
from include.settings.models import ModelSettings
from include.warehouse.session import open_session
from tests.unit.operate.conftest import FakeAirflow
from tests.unit.operate.test_follow import make_task

PASSWORDS = {"admin": "right", "approver": "right"}


@pytest.fixture
def place(airflow_url: str, warehouse_uri: str, models: dict[str, ModelSettings], tmp_path: Path,
          monkeypatch: pytest.MonkeyPatch) -> Place:  # fmt: skip
    """A project with two models, of which ``units`` had the champions 1, 4 and now 6."""
    with open_session(warehouse_uri) as session:
        for event, version in (("bootstrapped", 1), ("promoted", 4), ("promoted", 6)):
            append_event(
                session, "units", event, champion_version=version, challenger_version=None, challenger_weight=0,
                detail={},
            )  # fmt: skip
    place = Place(airflow_url, None, warehouse_uri, PASSWORDS)
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setattr(rollback, "find_local_stack", lambda _: None)
    monkeypatch.setattr(rollback, "find_place", lambda *_: place)
    return place


def ask(*words: str) -> int:
    return main(["rollback", "--model", "units", *words])


@pytest.mark.parametrize(("words", "version"), [((), 4), (("--version", "1"), 1)], ids=["the one before", "by number"])
def test_the_champion_before_comes_back_unless_another_is_named(
    place: Place, airflow: FakeAirflow, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], version: int
) -> None:
    assert ask("--reason", " too many complaints ", *words) == 0
    [run] = airflow.triggered
    assert run["dag_id"] == "units.rollback_model"
    assert run["conf"] == {"version": version, "reason": "too many complaints", "override": False}
    assert f"Version {version} is champion" in capsys.readouterr().out


@pytest.mark.parametrize(("stage", "version"), [("blue_green", 6), ("canary", 6), ("shadow", 4)])
def test_while_a_challenger_has_traffic_the_present_champion_takes_it_back(
    place: Place, airflow: FakeAirflow, stage: str, version: int
) -> None:
    assert place.warehouse is not None
    with open_session(place.warehouse) as session:
        session.execute(
            "insert into serving.rollouts (model_name, champion_version, challenger_version, challenger_weight, "
            "shadow_share, stage) values ('units', 6, 7, %s, %s, %s)",
            (float(stage != "shadow"), float(stage == "shadow"), stage),
        )
    assert ask("--reason", "it answers slowly") == 0
    assert airflow.triggered[0]["conf"]["version"] == version


def test_a_refusal_is_shown_with_its_log(
    place: Place, airflow: FakeAirflow, capsys: pytest.CaptureFixture[str]
) -> None:
    airflow.ends = "failed"
    airflow.tasks["units.rollback_model manual__1"] = [make_task("restore", "failed")]
    airflow.logs["manual__1 restore 1"] = "Version 5 of 'units' was never champion"
    assert ask("--reason", "a try", "--version", "5", "--override") == 1
    assert airflow.triggered[0]["conf"]["override"] is True
    told = capsys.readouterr().out
    assert "was never champion" in told
    assert "It was not done" in told


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: main(["rollback", "--reason", "a try"]), "Name one model"),
        (lambda: main(["rollback", "--model", "unit", "--reason", "a try"]), "Declared are: failures, units"),
        (ask, "Say why"),
        (lambda: ask("--reason", " x "), "Say why"),
        (lambda: main(["rollback", "--model", "failures", "--reason", "a try"]), "no earlier champion"),
    ],
    ids=["no model", "an unknown model", "no reason", "a short reason", "never deployed"],
)
def test_what_is_missing_is_said_and_nothing_is_started(
    place: Place, airflow: FakeAirflow, run: Callable[[], int], message: str
) -> None:
    with pytest.raises(StackError, match=message):
        run()
    assert airflow.triggered == []
