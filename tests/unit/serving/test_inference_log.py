"""Every answer is written down whole, without making a request wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from include.serving.inference_log import InferenceLog, InferenceRow
from include.serving.warehouse_pool import WarehousePool
from include.settings.rollout import ServerSettings
from tests.unit.serving.live_server import (
    MODEL,
    Shelf,
    by_key,
    get,
    make_features,
    predict,
    read_log,
    serve,
    wait_until,
    wait_until_ready,
)


def make_row(number: int, **changes: object) -> InferenceRow:
    """A row as the recorder makes it."""
    row = InferenceRow(
        at=datetime.now(UTC).isoformat(),
        request_id=f"request-{number}",
        model_name=MODEL,
        model_version=1,
        variant="champion",
        keys={"machine_id": number},
        as_of_date="2026-12-01",
        features={"load_28d": 1.5, "starts_28d": None},
        prediction=0.25,
        answer={"prediction": False, "probability": 0.25},
        latency_ms=0.5,
        is_error=False,
        error=None,
        batch_id=None,
    )
    row.update(changes)  # type: ignore[typeddict-item]
    return row


def with_log(uri: str, use: Callable[[InferenceLog], Awaitable[None]], capacity: int = 1000) -> InferenceLog:
    """Run ``use`` with a log on a pool of its own."""

    async def run() -> InferenceLog:
        pool = WarehousePool(uri, 1, 60, "test")
        await pool.open()
        log = InferenceLog(pool, 0.2, capacity)
        try:
            await use(log)
        finally:
            await pool.close()
        return log

    return asyncio.run(run())


def test_a_row_holds_all_that_was_asked_and_answered(server_url: str, online_uri: str) -> None:
    asked_at = datetime.now(UTC)
    answer = predict(server_url, by_key(7), X_Request_Id="one").json()
    predict(server_url, {"features": make_features(20)}, X_Request_Id="two")
    wait_until(lambda: len(read_log(online_uri)) == 2)
    stored, sent = read_log(online_uri)
    assert asked_at <= stored.pop("at") <= datetime.now(UTC) + timedelta(seconds=1)
    assert stored.pop("latency_ms") > 0
    assert stored == {
        "id": 1,
        "request_id": "one",
        "model_name": MODEL,
        "model_version": 1,
        "variant": "champion",
        "keys": {"machine_id": 7},
        "as_of_date": date(2026, 12, 1),
        "features": {"days_idle": 7.0, "starts_28d": 7.0, "load_28d": None},
        "prediction": answer["probability"],
        "answer": {"prediction": answer["prediction"], "probability": answer["probability"]},
        "is_error": False,
        "error": None,
        "batch_id": None,
    }
    assert (sent["request_id"], sent["keys"]) == ("two", None)
    assert sent["features"] == make_features(20)


def test_a_batch_has_a_row_for_each_of_its_requests_and_a_refused_one_none(server_url: str, online_uri: str) -> None:
    assert predict(server_url, by_key(999_999)).status_code == 404
    assert predict(server_url, {"features": {}}).status_code == 422
    body = {"requests": [by_key(number) for number in range(1, 301)]}
    assert predict(server_url, body, path="predict/batch", X_Request_Id="b").status_code == 200
    wait_until(lambda: len(read_log(online_uri)) >= 300)
    rows = read_log(online_uri)
    assert [row["keys"] for row in rows] == [{"machine_id": number} for number in range(1, 301)]
    assert [row["request_id"] for row in rows] == [f"b-{number}" for number in range(300)]


def test_a_server_that_is_stopped_writes_what_is_left(
    online_uri: str, shelf: Shelf, server_settings: ServerSettings
) -> None:
    lazy = server_settings.model_copy(update={"log_flush_interval_s": 3600.0})
    with serve(online_uri, shelf.load, lazy) as url:
        wait_until_ready(url)
        for machine_id in range(1, 31):
            predict(url, by_key(machine_id))
        assert get(f"{url}/models").json()["log_rows_waiting"] == 30
        assert read_log(online_uri) == []
    assert len(read_log(online_uri)) == 30


def test_what_does_not_fit_is_dropped_and_counted(warehouse_uri: str) -> None:
    async def fill(log: InferenceLog) -> None:
        for number in range(300):
            log.append(make_row(number))
        assert (log.waiting, log.dropped) == (250, 50)
        await log.flush()

    log = with_log(warehouse_uri, fill, capacity=250)
    assert (log.waiting, log.dropped, log.written) == (0, 50, 250)
    assert [row["request_id"] for row in read_log(warehouse_uri)] == [f"request-{n}" for n in range(250)]


@pytest.mark.parametrize(
    "changes",
    [{"variant": "unknown"}, {"latency_ms": float("nan")}, {"model_version": 2**40}, {"features": {"zone": "\0"}}],
)
def test_a_row_that_cannot_be_stored_takes_no_other_with_it(warehouse_uri: str, changes: dict[str, object]) -> None:
    async def write(log: InferenceLog) -> None:
        for number in range(9):
            log.append(make_row(number, **(changes if number == 4 else {})))
        await log.flush()

    log = with_log(warehouse_uri, write)
    assert (log.waiting, log.dropped, log.written) == (0, 1, 8)
    assert log.last_error
    assert [row["request_id"] for row in read_log(warehouse_uri)] == [f"request-{n}" for n in range(9) if n != 4]


def test_a_warehouse_that_is_away_keeps_the_rows_waiting() -> None:
    async def write(log: InferenceLog) -> None:
        log.append(make_row(1))
        await log.flush()

    log = with_log("postgresql://nobody@127.0.0.1:1/none", write)
    assert (log.waiting, log.dropped, log.written) == (1, 0, 0)
    assert "cannot be reached" in log.last_error


def test_text_of_any_kind_survives(warehouse_uri: str) -> None:
    text = 'quote " backslash \\ tab \t newline \n ünïcode % {}'

    async def write(log: InferenceLog) -> None:
        log.append(make_row(1, request_id=text, keys={"part": text}, prediction=None, is_error=True, error=text))
        await log.flush()

    with_log(warehouse_uri, write)
    (row,) = read_log(warehouse_uri)
    assert (row["request_id"], row["keys"], row["error"]) == (text, {"part": text}, text)


@pytest.mark.parametrize(
    ("features", "stored"),
    [
        ({"load_28d": float("inf"), "starts_28d": float("nan")}, {"load_28d": None, "starts_28d": None}),
        ({"load_28d": 10**30, "starts_28d": 0.1}, {"load_28d": 10**30, "starts_28d": 0.1}),
        ({"load_28d": -(2**63), "zone": "\ud800"}, {"load_28d": -(2**63), "zone": "?"}),
    ],
)
def test_what_json_or_64_bits_cannot_hold_loses_no_row(
    online_uri: str, features: dict[str, object], stored: dict[str, object]
) -> None:
    rows = [make_row(number) for number in range(300)]
    rows[150]["features"] = features

    async def use(log: InferenceLog) -> None:
        for row in rows:
            log.append(row)
        await log.flush()

    log = with_log(online_uri, use)
    assert (log.written, log.dropped) == (300, 0)
    found = {row["request_id"]: row for row in read_log(online_uri)}
    assert len(found) == 300
    assert found["request-150"]["features"] == stored
