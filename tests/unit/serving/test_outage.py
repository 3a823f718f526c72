"""The server starts before its warehouse and its registry, and outlives their outages."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from include.local.ports import find_free_port
from include.local.postgres import PostgresServer
from include.rollout.state import bootstrap_champion
from include.settings.rollout import RolloutSettings
from include.warehouse.migrate import migrate_warehouse
from include.warehouse.session import open_session
from tests.unit.serving.live_server import (
    MODEL,
    Shelf,
    constant_load,
    fill_online_store,
    get,
    list_failed,
    make_features,
    post,
    read_log,
    serve,
    wait_until,
    wait_until_ready,
)


@pytest.fixture
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server that this test may stop; it does not run yet."""
    folder: Path = tmp_path_factory.mktemp("outage")
    server = PostgresServer(folder / "data", find_free_port(), secrets.token_urlsafe(12))
    yield server
    server.stop()


def is_reachable(url: str) -> bool:
    """Whether the server's own view is that the warehouse is there."""
    return bool(get(url).json()["is_warehouse_reachable"])


def test_a_server_waits_for_its_warehouse_and_outlives_a_restart(
    own_postgres: PostgresServer, shelf: Shelf, rollout_settings: RolloutSettings
) -> None:
    uri = own_postgres.uri("warehouse")
    with serve(uri, shelf.load, rollout_settings) as url:
        # given: no warehouse at all
        assert get(f"{url}/healthz").status_code == 200
        wait_until(lambda: "cannot be reached" in get(f"{url}/readyz").json()["reason"])
        for body in ({"household_id": 1}, {"features": make_features(1)}):
            response = post(f"{url}/predict", json=body)
            assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
            assert "No champion is loaded" in response.json()["detail"]

        # when it comes, empty at first
        own_postgres.start()
        own_postgres.create_database("warehouse")
        wait_until(lambda: "serving.rollouts" in get(f"{url}/readyz").json()["reason"])
        migrate_warehouse(uri)
        wait_until(lambda: "no champion in serving.rollouts yet" in get(f"{url}/readyz").json()["reason"])
        with open_session(uri) as session:
            bootstrap_champion(session, MODEL, 1)
        wait_until_ready(url)
        response = post(f"{url}/predict", json={"household_id": 1})
        assert response.status_code == 503
        assert "online.customer_features" in response.json()["detail"]
        fill_online_store(uri)
        assert post(f"{url}/predict", json={"household_id": 1}).status_code == 200

        # and goes
        with constant_load(url, threads=1, by_id=False) as responses:
            own_postgres.stop()
            wait_until(lambda: not is_reachable(url))
            by_id = post(f"{url}/predict", json={"household_id": 1})
            assert (by_id.status_code, by_id.headers["Retry-After"]) == (503, "1")
            assert "ask again" in by_id.json()["detail"]
            assert get(f"{url}/readyz").status_code == 200
            answered = len(responses)
            wait_until(lambda: len(responses) > answered + 50)

            # then everything goes on
            own_postgres.start()
            wait_until(lambda: post(f"{url}/predict", json={"household_id": 1}).status_code == 200)
            wait_until(lambda: is_reachable(url))
        assert list_failed(responses) == []
        wait_until(lambda: get(url).json()["log_rows_waiting"] == 0)
    logged = {row["request_id"] for row in read_log(uri)}
    assert {response.json()["request_id"] for response in responses} <= logged


def test_connections_that_died_unnoticed_cost_no_request(server_url: str, online_uri: str) -> None:
    assert post(f"{server_url}/predict", json={"household_id": 1}).status_code == 200
    with open_session(online_uri) as session:
        killed = session.fetch_all(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() "
            "and pid <> pg_backend_pid()"
        )
    assert len(killed) >= 2
    assert post(f"{server_url}/predict", json={"household_id": 1}).status_code == 200


def test_an_online_store_that_is_replaced_is_read_anew(server_url: str, online_uri: str) -> None:
    before = post(f"{server_url}/predict", json={"household_id": 20}).json()
    with open_session(online_uri) as session:
        session.execute("alter table online.customer_features rename to customer_features_old")
    assert post(f"{server_url}/predict", json={"household_id": 20}).status_code == 503
    with open_session(online_uri) as session:
        session.execute(
            "create table online.customer_features as select date '2017-12-02' as as_of_date, household_id, "
            "spend_28d, 0.0 as brand_new, 49.0::double precision as days_since_purchase, baskets_28d "
            "from online.customer_features_old"
        )
    after = post(f"{server_url}/predict", json={"household_id": 20}).json()
    assert (before["as_of_date"], after["as_of_date"]) == ("2017-12-01", "2017-12-02")
    assert before["probability"] < after["probability"]


def test_an_online_store_without_a_needed_feature_is_503_that_names_it(server_url: str, online_uri: str) -> None:
    with open_session(online_uri) as session:
        session.execute("alter table online.customer_features drop column spend_28d")
    response = post(f"{server_url}/predict", json={"household_id": 20})
    assert response.status_code == 503
    assert "no column spend_28d" in response.json()["detail"]


def test_a_locked_online_store_is_503_in_time_and_payloads_go_on(hasty_url: str, online_uri: str) -> None:
    with open_session(online_uri) as session:
        session.execute("lock table online.customer_features in access exclusive mode")
        response = post(f"{hasty_url}/predict", json={"household_id": 20})
        assert response.status_code == 503
        assert "no answer within 2 s" in response.json()["detail"]
        assert post(f"{hasty_url}/predict", json={"features": make_features(20)}).status_code == 200
    assert post(f"{hasty_url}/predict", json={"household_id": 20}).status_code == 200


def test_a_warehouse_that_hangs_is_503_in_time_and_payloads_go_on(
    own_postgres: PostgresServer, shelf: Shelf, hasty_settings: RolloutSettings
) -> None:
    own_postgres.start()
    uri = own_postgres.create_database("warehouse")
    migrate_warehouse(uri)
    fill_online_store(uri)
    with open_session(uri) as session:
        bootstrap_champion(session, MODEL, 1)
    with serve(uri, shelf.load, hasty_settings) as url:
        wait_until_ready(url)
        assert post(f"{url}/predict", json={"household_id": 1}).status_code == 200
        postmaster = psutil.Process(own_postgres.pid)
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.suspend()
        try:
            response = post(f"{url}/predict", json={"household_id": 1})
            assert response.status_code == 503
            assert post(f"{url}/predict", json={"features": make_features(1)}).status_code == 200
        finally:
            for process in processes:
                process.resume()
        wait_until(lambda: post(f"{url}/predict", json={"household_id": 1}).status_code == 200)


def test_a_server_waits_for_its_registry(online_uri: str, shelf: Shelf, rollout_settings: RolloutSettings) -> None:
    shelf.is_away = True
    with serve(online_uri, shelf.load, rollout_settings) as url:
        wait_until(lambda: "There is no version 1" in get(f"{url}/readyz").json()["reason"])
        assert get(f"{url}/readyz").status_code == 503
        shelf.is_away = False
        wait_until_ready(url)
        assert post(f"{url}/predict", json={"household_id": 1}).status_code == 200
