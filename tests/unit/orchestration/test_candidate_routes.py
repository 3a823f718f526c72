"""The pages of the candidates behind Airflow's own authentication, on a real warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.registry.ledger import record_candidate, record_decision, record_gates
from include.warehouse.session import open_session
from tests.unit.candidate_pages.records import EVIL, MODEL, RANKING, measure_good
from tests.unit.orchestration.test_page_apps import airflow_app, client, token
from tests.unit.registry.planting import make_measured

__all__ = ["airflow_app", "client", "token"]

PAGES = ("/candidates/", f"/candidates/models/{MODEL}", f"/candidates/models/{MODEL}/runs/run-best")


@pytest.fixture
def reader(client: Any, token: Any, warehouse_uri: str) -> Any:
    """A client that is logged in as a reader, on a warehouse with a refused candidate."""
    gate = {
        "name": "calibration", "is_passed": False, "observed": 0.1, "threshold": 0.05, "severity": "blocking",
        "reason": f"too far off {EVIL}", "is_clear": True, "evidence": None, "limits": {},
    }  # fmt: skip
    with open_session(warehouse_uri) as session:
        record_candidate(session, MODEL, make_measured(run_id="run-best", family=f"forest {EVIL}"))
        record_gates(session, "run-best", [gate])
        record_decision(session, "run-best", "refuse", [f"calibration: too far off {EVIL}"], RANKING)
    client.headers["Authorization"] = f"Bearer {token('reader', 'viewer')}"
    return client


@pytest.mark.parametrize("path", [*PAGES, "/candidates/models/unknown", "/candidates/nothing/here"])
def test_a_stranger_gets_no_page(reader: Any, path: str) -> None:
    del reader.headers["Authorization"]
    answer = reader.get(path)
    assert (answer.status_code, "Log in first" in answer.text, "too far off" in answer.text) == (401, True, False)


@pytest.mark.parametrize("path", [*PAGES, "/candidates/models/unknown", "/candidates/nothing/here"])
def test_a_user_without_the_right_to_read_the_dag_gets_no_page(reader: Any, token: Any, path: str) -> None:
    answer = reader.get(path, headers={"Authorization": f"Bearer {token('nobody', None)}"})
    assert answer.status_code == 403
    assert "may not read the log of train_candidates of its model" in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_a_reader_gets_every_page_and_no_value_runs(reader: Any, path: str) -> None:
    answer = reader.get(path)
    assert answer.status_code == 200, answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert EVIL not in answer.text
    assert "forest &lt;img" in answer.text
    assert "refused" in answer.text


@pytest.fixture
def only_other(airflow_app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody may read anything but the training of the model ``other``."""
    manager = airflow_app.state.auth_manager

    def is_authorized(*, details: Any = None, **_: Any) -> bool:
        return details is not None and details.id == "other.train_candidates"

    monkeypatch.setattr(manager, "is_authorized_dag", is_authorized)
    yield


@pytest.mark.usefixtures("only_other")
def test_each_page_asks_for_the_right_to_its_own_model(
    reader: Any, warehouse_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.orchestration import candidate_routes

    monkeypatch.setattr(candidate_routes, "list_declared", lambda: [MODEL, "other"])
    with open_session(warehouse_uri) as session:
        record_candidate(session, "other", make_measured(run_id="run-other"))
    assert [reader.get(path).status_code for path in PAGES] == [200, 403, 403]
    assert reader.get("/candidates/models/other/runs/run-other").status_code == 200
    index = reader.get("/candidates/").text
    assert ("run-other" in index, "forest" in index, MODEL in index) == (True, False, False)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"/candidates/models/{MODEL}/runs/run-nowhere", "No candidate of failures was fitted by a run"),
        ("/candidates/models/unknown/runs/run-best", "No candidate of unknown was fitted by a run"),
        ("/candidates/models/unknown", "There is no model"),
        ("/candidates/models/Bad%20Name", "There is no such page"),
        (f"/candidates/models/{MODEL}/runs/%3Cscript%3E", "There is no such page"),
        ("/candidates/openapi.json", "There is no such page"),
    ],
)
def test_what_is_not_there_is_not_found(reader: Any, path: str, told: str) -> None:
    answer = reader.get(path)
    assert (answer.status_code, told in answer.text, "<script>" in answer.text) == (404, True, False)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("fault", ["away", "without the newest migration"])
def test_a_warehouse_that_does_not_answer_is_told(
    reader: Any, warehouse_uri: str, monkeypatch: pytest.MonkeyPatch, path: str, fault: str
) -> None:
    if fault == "away":
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://someone:hidden@127.0.0.1:1/warehouse")
    else:
        with open_session(warehouse_uri) as session:
            session.execute("alter table ml.decisions drop column failures, drop column ranking cascade")
            session.execute("alter table ml.versions rename to gone")
    answer = reader.get(path)
    assert (answer.status_code, "The warehouse does not answer" in answer.text) == (503, True)
    assert "hidden" not in answer.text


def test_a_whole_candidate_is_small_enough_to_open_at_once(reader: Any, warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        record_candidate(session, MODEL, measure_good(run_id="run-whole"))
    answer = reader.get(f"/candidates/models/{MODEL}/runs/run-whole")
    assert (answer.status_code, "Cumulative gain" in answer.text) == (200, True)
    assert len(answer.content) < 200_000


def test_the_navigation_leads_to_the_candidates(airflow_home: Path) -> None:
    from plugins.orrery import OrreryPlugin

    assert {"Quality", "Features", "Candidates"} <= {view["name"] for view in OrreryPlugin.external_views}
