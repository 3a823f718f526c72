"""The server starts before its warehouse and its registry, and outlives their outages."""

from __future__ import annotations

import psutil

from include.rollout.state import bootstrap_champion
from include.servers.postgres import PostgresServer
from include.settings.rollout import ServerSettings
from include.warehouse.migrate import migrate_warehouse
from include.warehouse.session import open_session
from tests.unit.serving.live_server import (
    MODEL,
    Shelf,
    by_key,
    constant_load,
    fill_online_store,
    get,
    list_failed,
    make_features,
    predict,
    read_log,
    serve,
    wait_until,
    wait_until_ready,
)


def is_reachable(url: str) -> bool:
    """Whether the server's own view is that the warehouse is there."""
    return bool(get(f"{url}/models").json()["is_warehouse_reachable"])


def test_a_server_waits_for_its_warehouse_and_outlives_a_restart(
    own_postgres: PostgresServer, shelf: Shelf, server_settings: ServerSettings
) -> None:
    uri = own_postgres.uri("warehouse")
    with serve(uri, shelf.load, server_settings) as url:
        # given: no warehouse at all
        assert get(f"{url}/healthz").status_code == 200
        wait_until(lambda: "cannot be reached" in get(f"{url}/models/{MODEL}/readyz").json()["reason"])
        for body in (by_key(1), {"features": make_features(1)}):
            response = predict(url, body)
            assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
            assert f"No champion of {MODEL} is loaded" in response.json()["detail"]

        # when it comes, empty at first
        own_postgres.start()
        own_postgres.create_database("warehouse")
        wait_until(lambda: "serving.rollouts" in get(f"{url}/models/{MODEL}/readyz").json()["reason"])
        migrate_warehouse(uri)
        wait_until(
            lambda: "no champion in serving.rollouts yet" in get(f"{url}/models/{MODEL}/readyz").json()["reason"]
        )
        with open_session(uri) as session:
            bootstrap_champion(session, MODEL, 1)
        wait_until_ready(url)
        response = predict(url, by_key(1))
        assert response.status_code == 503
        assert "online.machine_load_latest" in response.json()["detail"]
        fill_online_store(uri)
        assert predict(url, by_key(1)).status_code == 200

        # and goes
        with constant_load(url, threads=1, by_key=False) as responses:
            own_postgres.stop()
            wait_until(lambda: not is_reachable(url))
            stored = predict(url, by_key(1))
            assert (stored.status_code, stored.headers["Retry-After"]) == (503, "1")
            assert "Ask again" in stored.json()["detail"]
            assert get(f"{url}/models/{MODEL}/readyz").status_code == 200
            answered = len(responses)
            wait_until(lambda: len(responses) > answered + 50)

            # then everything goes on
            own_postgres.start()
            wait_until(lambda: predict(url, by_key(1)).status_code == 200)
            wait_until(lambda: is_reachable(url))
        assert list_failed(responses) == []
        wait_until(lambda: get(f"{url}/models").json()["log_rows_waiting"] == 0)
    logged = {row["request_id"] for row in read_log(uri)}
    assert {response.json()["request_id"] for response in responses} <= logged


def test_an_online_store_that_is_replaced_is_read_anew(server_url: str, online_uri: str) -> None:
    before = predict(server_url, by_key(20)).json()
    with open_session(online_uri) as session:
        session.execute("alter table online.machine_load_latest rename to machine_load_old")
    assert predict(server_url, by_key(20)).status_code == 503
    with open_session(online_uri) as session:
        session.execute(
            "create table online.machine_load_latest as select date '2026-12-02' as as_of_date, machine_id, "
            "load_28d, 0.0 as brand_new, 49.0::double precision as days_idle, starts_28d "
            "from online.machine_load_old"
        )
    after = predict(server_url, by_key(20)).json()
    assert (before["as_of_date"], after["as_of_date"]) == ("2026-12-01", "2026-12-02")
    assert before["probability"] < after["probability"]


def test_an_online_store_without_a_needed_feature_is_503_that_names_it(server_url: str, online_uri: str) -> None:
    with open_session(online_uri) as session:
        session.execute("alter table online.machine_load_latest drop column load_28d")
    response = predict(server_url, by_key(20))
    assert response.status_code == 503
    assert "load_28d does not exist" in response.json()["detail"]


def test_a_warehouse_that_hangs_is_503_in_time_and_payloads_go_on(
    own_postgres: PostgresServer, shelf: Shelf, hasty_settings: ServerSettings
) -> None:
    own_postgres.start()
    uri = own_postgres.create_database("warehouse")
    migrate_warehouse(uri)
    fill_online_store(uri)
    with open_session(uri) as session:
        bootstrap_champion(session, MODEL, 1)
    with serve(uri, shelf.load, hasty_settings) as url:
        wait_until_ready(url)
        assert predict(url, by_key(1)).status_code == 200
        postmaster = psutil.Process(own_postgres.pid)
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.suspend()
        try:
            response = predict(url, by_key(1))
            assert response.status_code == 503
            assert predict(url, {"features": make_features(1)}).status_code == 200
        finally:
            for process in processes:
                process.resume()
        wait_until(lambda: predict(url, by_key(1)).status_code == 200)


def test_a_server_waits_for_its_registry(online_uri: str, shelf: Shelf, server_settings: ServerSettings) -> None:
    shelf.is_away = True
    with serve(online_uri, shelf.load, server_settings) as url:
        wait_until(lambda: "There is no version 1" in get(f"{url}/models/{MODEL}/readyz").json()["reason"])
        assert get(f"{url}/models/{MODEL}/readyz").status_code == 503
        shelf.is_away = False
        wait_until_ready(url)
        assert predict(url, by_key(1)).status_code == 200
