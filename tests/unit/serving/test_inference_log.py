"""Every answer is written down whole, without making a request wait for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from include.rollout.state import bootstrap_champion
from include.serving.database import Database
from include.serving.inference_log import InferenceLog, InferenceRow, encode_rows
from include.settings.rollout import RolloutSettings
from include.warehouse.session import open_session
from tests.unit.serving.live_server import (
    MODEL,
    Shelf,
    fill_online_store,
    get,
    make_features,
    post,
    read_log,
    serve,
    wait_until,
    wait_until_ready,
)


def make_row(number: int, **changes: object) -> InferenceRow:
    """A row as the journal makes it."""
    row = InferenceRow(
        at=datetime.now(UTC).isoformat(),
        request_id=f"request-{number}",
        model_name=MODEL,
        model_version=1,
        variant="champion",
        household_id=number,
        features={"spend_28d": 1.5, "baskets_28d": None},
        probability=0.25,
        latency_ms=0.5,
        is_error=False,
        error=None,
    )
    row.update(changes)  # type: ignore[typeddict-item]
    return row


def test_a_row_holds_all_that_was_asked_and_answered(server_url: str, online_uri: str) -> None:
    asked_at = datetime.now(UTC)
    answer = post(f"{server_url}/predict", json={"household_id": 7}, headers={"X-Request-Id": "one"}).json()
    post(f"{server_url}/predict", json={"features": make_features(20)}, headers={"X-Request-Id": "two"})
    wait_until(lambda: len(read_log(online_uri)) == 2)
    by_id, by_payload = read_log(online_uri)
    assert asked_at <= by_id.pop("at") <= asked_at + timedelta(seconds=30)
    assert 0 < by_id.pop("latency_ms") < 30_000
    assert by_id == {
        "id": 1,
        "request_id": "one",
        "model_name": "churn",
        "model_version": 1,
        "variant": "champion",
        "household_id": 7,
        "features": {"days_since_purchase": 7.0, "baskets_28d": 7.0, "spend_28d": None},
        "probability": answer["probability"],
        "is_error": False,
        "error": None,
    }
    assert (by_payload["request_id"], by_payload["household_id"]) == ("two", None)
    assert by_payload["features"] == make_features(20)


def test_a_batch_has_a_row_for_each_of_its_requests(server_url: str, online_uri: str) -> None:
    body = {"requests": [{"household_id": number} for number in range(1, 301)]}
    assert post(f"{server_url}/predict/batch", json=body, headers={"X-Request-Id": "b"}).status_code == 200
    wait_until(lambda: len(read_log(online_uri)) == 300)
    rows = read_log(online_uri)
    assert [row["household_id"] for row in rows] == list(range(1, 301))
    assert [row["request_id"] for row in rows] == [f"b-{number}" for number in range(300)]


def test_refused_requests_are_no_predictions(server_url: str, online_uri: str) -> None:
    assert post(f"{server_url}/predict", json={"household_id": 999_999}).status_code == 404
    assert post(f"{server_url}/predict", json={"features": {}}).status_code == 422
    post(f"{server_url}/predict", json={"household_id": 1})
    wait_until(lambda: len(read_log(online_uri)) > 0)
    assert [row["household_id"] for row in read_log(online_uri)] == [1]


def test_a_server_that_is_stopped_writes_what_is_left(
    warehouse_uri: str, shelf: Shelf, rollout_settings: RolloutSettings
) -> None:
    fill_online_store(warehouse_uri)
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, MODEL, 1)
    lazy = rollout_settings.server.model_copy(update={"log_flush_interval_s": 3600.0})
    with serve(warehouse_uri, shelf.load, rollout_settings.model_copy(update={"server": lazy})) as url:
        wait_until_ready(url)
        for household_id in range(1, 31):
            post(f"{url}/predict", json={"household_id": household_id})
        assert get(url).json()["log_rows_waiting"] == 30
        assert read_log(warehouse_uri) == []
    assert len(read_log(warehouse_uri)) == 30


def test_what_does_not_fit_is_dropped_and_counted(warehouse_uri: str) -> None:
    async def fill() -> InferenceLog:
        database = Database(warehouse_uri, 5, "test")
        log = InferenceLog(database, 0.2, capacity=250)
        for number in range(300):
            log.append(make_row(number))
        assert (log.waiting, log.dropped) == (250, 50)
        await log.flush()
        await database.close()
        return log

    log = asyncio.run(fill())
    assert (log.waiting, log.dropped, log.written) == (0, 50, 250)
    assert [row["request_id"] for row in read_log(warehouse_uri)] == [f"request-{n}" for n in range(250)]


@pytest.mark.parametrize("changes", [{"variant": "unknown"}, {"latency_ms": float("nan")}, {"model_version": 2**40}])
def test_rows_that_the_warehouse_refuses_do_not_block_the_others(
    warehouse_uri: str, changes: dict[str, object]
) -> None:
    async def write() -> InferenceLog:
        database = Database(warehouse_uri, 5, "test")
        log = InferenceLog(database, 0.2, capacity=1000)
        log.append(make_row(0, **changes))
        await log.flush()
        log.append(make_row(1))
        await log.flush()
        await database.close()
        return log

    log = asyncio.run(write())
    assert (log.waiting, log.dropped, log.written) == (0, 1, 1)
    assert log.last_error
    assert [row["household_id"] for row in read_log(warehouse_uri)] == [1]


def test_a_warehouse_that_is_away_keeps_the_rows_waiting(warehouse_uri: str) -> None:
    async def write() -> InferenceLog:
        dead = Database("postgresql://nobody@127.0.0.1:1/none", 5, "test")
        log = InferenceLog(dead, 0.2, capacity=1000)
        log.append(make_row(1))
        await log.flush()
        return log

    log = asyncio.run(write())
    assert (log.waiting, log.dropped, log.written) == (1, 0, 0)
    assert "cannot be reached" in log.last_error


def test_text_of_any_kind_survives(warehouse_uri: str) -> None:
    text = 'quote " backslash \\ tab \t newline \n ünïcode % {}'

    async def write() -> None:
        database = Database(warehouse_uri, 5, "test")
        log = InferenceLog(database, 0.2, capacity=10)
        log.append(make_row(1, request_id=text, probability=None, is_error=True, error=text))
        await log.flush()
        await database.close()

    asyncio.run(write())
    (row,) = read_log(warehouse_uri)
    assert (row["request_id"], row["error"]) == (text, text)
    assert "\n" not in encode_rows([make_row(1, error=text)])


def test_the_first_write_is_told_once() -> None:
    told: list[int] = []
    log = InferenceLog(Database("postgresql://nobody@127.0.0.1:1/none", 1, "test"), 0.01, 10, lambda: told.append(1))

    async def tell_twice() -> None:
        await log._tell_first_write()
        await log._tell_first_write()

    asyncio.run(tell_twice())
    assert told == [1]


def test_who_is_told_of_the_first_rows_may_fail_and_the_log_goes_on(warehouse_uri: str) -> None:
    def fail() -> None:
        raise ValueError("no lineage today")

    async def write() -> InferenceLog:
        database = Database(warehouse_uri, 60, "test")
        log = InferenceLog(database, 0.2, 1000, fail)
        for number in range(2):
            log.append(make_row(number))
            await log.flush()
        await database.close()
        return log

    log = asyncio.run(write())
    assert (log.waiting, log.dropped, log.written) == (0, 0, 2)
    assert "no lineage today" in log.last_error
    assert len(read_log(warehouse_uri)) == 2
