"""``make notify-test`` says what came back of each channel."""

from __future__ import annotations

import pytest

from include.errors import StackError
from include.operate import notify_test
from include.operate.cli import main
from include.operate.place import Place
from tests.unit.operate.conftest import FakeAirflow


@pytest.fixture
def place(airflow_url: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project whose Airflow answers."""
    place = Place(airflow_url, None, None, {"admin": "right"})
    monkeypatch.setattr(notify_test, "find_local_stack", lambda _: None)
    monkeypatch.setattr(notify_test, "find_place", lambda *_: place)
    return place


@pytest.mark.usefixtures("place")
def test_the_answers_are_shown_and_one_that_is_no_delivery_is_a_failure(
    airflow: FakeAirflow, capsys: pytest.CaptureFixture[str]
) -> None:
    airflow.xcoms["send answers"] = {"team": "delivered: HTTP 200 ok", "pager": "NOT delivered: HTTP 403"}
    airflow.ends = "failed"

    assert main(["notify-test"]) == 1

    assert airflow.triggered[0]["dag_id"] == "notify_test"
    assert airflow.triggered[0]["conf"] == {"channel": None, "model": None}
    said = capsys.readouterr().out
    assert "team: delivered: HTTP 200 ok" in said
    assert "pager: NOT delivered: HTTP 403" in said


@pytest.mark.usefixtures("place")
def test_one_channel_of_one_model_may_be_named(airflow: FakeAirflow) -> None:
    airflow.xcoms["send answers"] = {"team": "delivered: HTTP 200 ok"}

    assert main(["notify-test", "--channel", "team", "--model", "units"]) == 0

    assert airflow.triggered[0]["conf"] == {"channel": "team", "model": "units"}


@pytest.mark.usefixtures("place")
def test_where_nothing_was_sent_the_log_says_why(airflow: FakeAirflow, capsys: pytest.CaptureFixture[str]) -> None:
    airflow.ends = "failed"
    airflow.logs["manual__1 send 1"] = "No channel at all is declared"

    assert main(["notify-test"]) == 1
    assert "No channel at all is declared" in capsys.readouterr().out


def test_several_models_are_refused() -> None:
    with pytest.raises(StackError, match="Name one model at most"):
        main(["notify-test", "--model", "units", "--model", "failures"])
