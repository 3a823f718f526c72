"""A bad challenger of every kind is rolled back on real traffic, and no request fails because of it."""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor

import pytest

from include.rollout.canary import plan_steps, run_canary_step
from include.rollout.state import promote_challenger, require_rollout
from include.rollout.stats import read_stats
from include.serving.router import is_for_challenger
from include.settings.rollout import RolloutSettings, ServerSettings
from include.warehouse.session import open_session
from tests.unit.serving.live_server import (
    MACHINES,
    MODEL,
    Shelf,
    by_key,
    constant_load,
    get,
    list_failed,
    make_features,
    predict,
    put_canary,
    read_log,
    serve,
    show,
    wait_until,
    wait_until_ready,
    wait_until_seen,
)


def test_entities_are_split_by_weight_and_stay_where_they_are(server_url: str, online_uri: str) -> None:
    put_canary(online_uri, 2, 0.25)
    wait_until_seen(server_url, 2, 0.25)
    bodies = {"requests": [by_key(number) for number in range(1, MACHINES + 1)]}
    first, second = (predict(server_url, bodies, path="predict/batch").json()["predictions"] for _ in range(2))
    variants = {answer["keys"]["machine_id"]: answer["variant"] for answer in first}
    assert variants == {answer["keys"]["machine_id"]: answer["variant"] for answer in second}
    share = sum(variant == "challenger" for variant in variants.values()) / MACHINES
    assert share == pytest.approx(0.25, abs=0.08)
    for machine_id in (1, 2, 3, 4, 5):
        alone = predict(server_url, by_key(machine_id)).json()
        assert alone["variant"] == variants[machine_id]
        assert (alone["variant"] == "challenger") == is_for_challenger(str(machine_id), 2, 0.25)
        assert alone["model_version"] == (2 if alone["variant"] == "challenger" else 1)


def test_payloads_are_split_by_their_request_id(server_url: str, online_uri: str) -> None:
    put_canary(online_uri, 2, 0.5)
    wait_until_seen(server_url, 2, 0.5)
    for number in range(20):
        name = f"session-{number}"
        answers = [
            predict(server_url, {"features": make_features(1)}, X_Request_Id=name).json()["variant"] for _ in range(2)
        ]
        expected = "challenger" if is_for_challenger(name, 2, 0.5) else "champion"
        assert answers == [expected, expected]


def test_a_good_challenger_goes_all_the_way_under_load(
    server_url: str, online_uri: str, rollout_settings: RolloutSettings
) -> None:
    with constant_load(server_url) as responses:
        for weight in plan_steps(rollout_settings):
            put_canary(online_uri, 2, weight)
            decision = run_canary_step(online_uri, MODEL, weight, rollout_settings.canary)
            assert decision is not None
            assert decision.action == "proceed", decision.reason
        with open_session(online_uri) as session:
            promote_challenger(session, require_rollout(session, MODEL), 2)
        wait_until(lambda: responses[-1].json()["variant"] == "champion")
        assert responses[-1].json()["model_version"] == 2
    assert list_failed(responses) == []


@pytest.mark.parametrize(
    ("file", "check", "error", "by_key"),
    [
        ("corrupt", "success_rate", "no ONNX model", True),
        ("missing", "success_rate", "There is no version 9", False),
        ("raising", "success_rate", "out of", True),
        ("raising", "success_rate", "out of", False),
        ("nan", "success_rate", "answered nan, no prediction", True),
        ("nan", "success_rate", "answered nan, no prediction", False),
        ("inverted", "prediction_shift", None, True),
        ("wider", "success_rate", "visits_7d", True),
    ],
)
def test_a_bad_challenger_is_rolled_back_and_no_request_fails(
    server_url: str,
    online_uri: str,
    shelf: Shelf,
    rollout_settings: RolloutSettings,
    file: str,
    check: str,
    error: str | None,
    by_key: bool,
) -> None:
    if file != "missing":
        shelf.files[9] = file
    with constant_load(server_url, by_key=by_key) as responses:
        put_canary(online_uri, 9, 0.25)
        decision = run_canary_step(online_uri, MODEL, 0.25, rollout_settings.canary)
        wait_until(lambda: show(server_url)["challenger_version"] is None)
        answered = len(responses)
        wait_until(lambda: len(responses) > answered + 20)
    assert decision is not None
    assert decision.action == "roll_back"
    assert check in {check.name for check in decision.checks if check.has_failed}
    assert list_failed(responses) == []
    assert all(response.json()["variant"] == "champion" for response in responses[-10:])
    rows = read_log(online_uri)
    challenged = [row for row in rows if row["variant"] == "challenger"]
    assert {row["model_version"] for row in challenged} == {9}
    if error is not None:
        # Each failure stands beside the champion's answer to the same request.
        failed = [row for row in challenged if row["is_error"]]
        assert any(error in row["error"] for row in failed)
        assert {row["request_id"] for row in failed} <= {r["request_id"] for r in rows if r["variant"] == "champion"}


def test_a_batch_that_the_challenger_fails_is_one_failure(
    online_uri: str, shelf: Shelf, server_settings: ServerSettings
) -> None:
    shelf.files[9] = "raising"
    with serve(online_uri, shelf.load, server_settings) as url:
        wait_until_ready(url)
        put_canary(online_uri, 9, 0.9)
        wait_until_seen(url, 9, 0.9)
        batch = {"requests": [by_key(number) for number in range(1, 501)]}
        assert predict(url, batch, path="predict/batch").status_code == 200
        wait_until(lambda: len(read_log(online_uri)) >= 900)
    with open_session(online_uri) as session:
        since = session.fetch_value("select min(at) from serving.rollout_events")
        stats = read_stats(session, MODEL, "challenger", 9, since)
    assert stats.errors > 400
    assert (stats.counted_tries, stats.counted_failures, stats.recent) == (1, 1.0, 1)


def test_a_slow_challenger_is_given_up_and_slows_nobody(
    hasty_url: str, online_uri: str, shelf: Shelf, rollout_settings: RolloutSettings
) -> None:
    shelf.files[9] = "slow"
    with constant_load(hasty_url, threads=8, by_key=False) as responses:
        put_canary(online_uri, 9, 0.25)
        decision = run_canary_step(online_uri, MODEL, 0.25, rollout_settings.canary)
    assert decision is not None
    assert decision.action == "roll_back"
    assert list_failed(responses) == []
    rows = read_log(online_uri)
    given_up_ms = [row["latency_ms"] for row in rows if row["variant"] == "challenger"]
    champion_ms = [row["latency_ms"] for row in rows if row["variant"] == "champion"]
    assert all(row["error"] == "no answer within 250 ms" for row in rows if row["variant"] == "challenger")
    assert statistics.median(champion_ms) < min(given_up_ms) / 10


def test_a_challenger_that_needs_more_than_clients_send_is_spared_their_requests(
    server_url: str, online_uri: str, shelf: Shelf
) -> None:
    shelf.files[9] = "wider"
    put_canary(online_uri, 9, 1.0)
    wait_until_seen(server_url, 9, 1.0)
    old = predict(server_url, {"features": make_features(1)})
    assert (old.status_code, old.json()["variant"]) == (200, "champion")
    new = predict(server_url, {"features": make_features(1) | {"visits_7d": 1.0}})
    assert (new.status_code, new.json()["variant"]) == (200, "challenger")
    assert predict(server_url, {"features": make_features(1) | {"visits_9d": 1.0}}).status_code == 422
    assert predict(server_url, {"features": make_features(1) | {"visits_7d": "many"}}).status_code == 422
    # The online table is the project's own: what it lacks is the challenger's failure.
    stored = predict(server_url, by_key(1))
    assert (stored.status_code, stored.json()["variant"]) == (200, "champion")
    wait_until(lambda: len(read_log(online_uri)) == 4)
    assert sum(row["is_error"] for row in read_log(online_uri)) == 1


def test_a_challenger_of_another_key_is_asked_by_payload_only(server_url: str, online_uri: str, shelf: Shelf) -> None:
    shelf.files[9] = "keyed"
    put_canary(online_uri, 9, 1.0)
    wait_until_seen(server_url, 9, 1.0)
    assert predict(server_url, by_key(1)).json()["variant"] == "champion"
    assert predict(server_url, {"features": make_features(1)}).json()["variant"] == "challenger"


def test_a_request_that_is_refused_leaves_no_answer_of_a_challenger(server_url: str, online_uri: str) -> None:
    put_canary(online_uri, 2, 0.5)
    wait_until_seen(server_url, 2, 0.5)
    requests = [by_key(number) for number in (*range(1, 41), 5001)]
    assert predict(server_url, {"requests": requests}, path="predict/batch").status_code == 404
    predict(server_url, by_key(1))
    wait_until(lambda: len(read_log(online_uri)) > 0)
    assert [row["keys"] for row in read_log(online_uri)] == [{"machine_id": 1}]


def test_a_champion_that_fails_is_500_with_its_version_and_on_record(
    online_uri: str, shelf: Shelf, server_settings: ServerSettings
) -> None:
    for file, message in (("raising", "Version 1 of failures failed"), ("nan", "gave no valid prediction")):
        shelf.files[1] = file
        with serve(online_uri, shelf.load, server_settings) as url:
            wait_until_ready(url)
            response = predict(url, by_key(1))
        assert response.status_code == 500
        assert message in response.json()["detail"]
    rows = read_log(online_uri)
    assert [(row["variant"], row["is_error"]) for row in rows] == [("champion", True), ("champion", True)]


def test_a_slow_version_in_staging_slows_nobody_in_production(server_url: str, shelf: Shelf) -> None:
    shelf.files[9] = "slow"
    ready = f"{server_url}/models/{MODEL}/readyz"
    wait_until(lambda: get(ready, headers={"X-Model-Version": "9"}).status_code == 200)
    with ThreadPoolExecutor(1) as pool:
        staged = pool.submit(predict, server_url, by_key(1), X_Model_Version="9")
        champions = [predict(server_url, by_key(1)).status_code for _ in range(3)]
        assert not staged.done()
    assert champions == [200, 200, 200]
    assert staged.result().json()["variant"] == "staging"
