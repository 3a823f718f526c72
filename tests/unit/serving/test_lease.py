"""A challenger has its share as long as somebody watches it, whatever becomes of whoever does, and of the warehouse."""

from __future__ import annotations

import threading
import time

import pytest

from include.rollout.canary import StepStatus, run_canary_step
from include.rollout.state import bootstrap_champion, read_rollout, renew_lease, require_rollout
from include.servers.postgres import PostgresServer
from include.settings.rollout import RolloutSettings, ServerSettings
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
    put_canary,
    serve,
    show,
    wait_until,
    wait_until_ready,
    wait_until_seen,
)

NOBODY = "nobody watches the canary of version 2 any more"


def read_reason(url: str) -> str:
    """What the server says of the model."""
    return str(get(f"{url}/models/{MODEL}/readyz").json()["reason"])


def test_the_champion_takes_over_when_the_lease_runs_out_and_gives_back_when_it_is_renewed(
    server_url: str, online_uri: str
) -> None:
    put_canary(online_uri, 2, 1.0)
    wait_until_seen(server_url, 2, 1.0)
    assert predict(server_url, by_key(1)).json()["variant"] == "challenger"
    with open_session(online_uri) as session:
        renew_lease(session, require_rollout(session, MODEL), 0.2)
    wait_until(lambda: predict(server_url, by_key(1)).json()["variant"] == "champion")
    assert show(server_url)["challenger_weight"] == 0.0
    assert NOBODY in read_reason(server_url)
    with open_session(online_uri) as session:
        renew_lease(session, require_rollout(session, MODEL), 3600.0)
    wait_until(lambda: predict(server_url, by_key(1)).json()["variant"] == "challenger")
    assert NOBODY not in read_reason(server_url)


def test_a_canary_without_a_lease_gets_nothing(server_url: str, online_uri: str) -> None:
    put_canary(online_uri, 2, 1.0)
    with open_session(online_uri) as session:
        session.execute("update serving.rollouts set lease_until = null")
    wait_until(lambda: NOBODY in read_reason(server_url))
    assert {predict(server_url, by_key(number)).json()["variant"] for number in range(1, 9)} == {"champion"}


def test_the_watching_task_renews_the_lease_and_when_it_dies_the_lease_ends(
    server_url: str, online_uri: str, rollout_settings: RolloutSettings
) -> None:
    canary = rollout_settings.canary.model_copy(update={"lease_s": 2.0})
    seen: list[StepStatus] = []

    class KilledError(Exception):
        pass

    def watch(status: StepStatus) -> None:
        seen.append(status)
        if status.elapsed_s > 5.0:
            raise KilledError

    put_canary(online_uri, 2, 0.5)
    began_at = time.monotonic()
    with pytest.raises(KilledError):
        run_canary_step(online_uri, MODEL, 0.5, canary, watch)
    # It was renewed for longer than it lasts by itself.
    assert time.monotonic() - began_at > 2 * canary.lease_s
    with open_session(online_uri) as session:
        assert require_rollout(session, MODEL).lease_left_s > 0
    wait_until(lambda: NOBODY in read_reason(server_url))
    assert {predict(server_url, by_key(number)).json()["variant"] for number in range(1, 9)} == {"champion"}
    with open_session(online_uri) as session:
        state = require_rollout(session, MODEL)
    assert (state.stage, state.challenger_weight) == ("canary", 0.5)


def test_a_canary_ends_with_its_lease_while_the_warehouse_is_away_and_goes_on_when_it_is_back(
    own_postgres: PostgresServer, shelf: Shelf, server_settings: ServerSettings, rollout_settings: RolloutSettings
) -> None:
    own_postgres.start()
    uri = own_postgres.create_database("warehouse")
    migrate_warehouse(uri)
    fill_online_store(uri)
    with open_session(uri) as session:
        bootstrap_champion(session, MODEL, 1)
    canary = rollout_settings.canary.model_copy(update={"lease_s": 3.0, "steps": (0.2, 0.5, 1.0)})
    seen: list[StepStatus] = []
    decided: list[str] = []

    def step() -> None:
        decision = run_canary_step(uri, MODEL, 0.2, canary, seen.append)
        decided.append("none" if decision is None else decision.action)

    with serve(uri, shelf.load, server_settings) as url:
        wait_until_ready(url)
        put_canary(uri, 2, 0.2)
        wait_until_seen(url, 2, 0.2)
        watching = threading.Thread(target=step, daemon=True)
        watching.start()
        # The server has seen the short lease by then, and not only the long one before it.
        wait_until(lambda: len(seen) > 4)
        with constant_load(url, threads=1, by_key=False) as responses:
            own_postgres.stop()
            wait_until(lambda: NOBODY in read_reason(url))
            asked = [predict(url, {"features": make_features(number)}).json()["variant"] for number in range(1, 60)]
            assert set(asked) == {"champion"}
            # The task outlives the outage, and takes the share up again.
            assert watching.is_alive()
            own_postgres.start()
            wait_until(lambda: not watching.is_alive())
        assert decided == ["proceed"]
        assert list_failed(responses) == []
    with open_session(uri) as session:
        state = read_rollout(session, MODEL)
    assert state is not None
    assert state.lease_left_s <= canary.lease_s
