"""A bad challenger of every kind is rolled back on real traffic, and no request fails because of it."""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor

import pytest

from include.errors import ServingError
from include.rollout.canary import plan_steps, run_canary_step
from include.rollout.state import promote_challenger, require_rollout
from include.serving.loader import ServedModel, open_model
from include.serving.router import is_for_challenger
from include.settings.rollout import CanaryCriteria, RolloutSettings
from include.warehouse.session import open_session
from tests.unit.serving.live_server import (
    HOUSEHOLDS,
    MODEL,
    Shelf,
    constant_load,
    get,
    list_failed,
    make_features,
    post,
    put_canary,
    read_log,
    serve,
    wait_until,
    wait_until_ready,
)


@pytest.fixture
def criteria(rollout_settings: RolloutSettings) -> CanaryCriteria:
    """What a step must show."""
    return rollout_settings.canary.criteria


def wait_until_seen(url: str, version: int, weight: float) -> None:
    """Wait until the server routes by this canary, with the version loaded or given up."""

    def is_seen() -> bool:
        status = get(url).json()
        settled = {slot["version"] for slot in status["versions"] if slot["status"] != "loading"}
        return (status["challenger_version"], status["challenger_weight"]) == (version, weight) and version in settled

    wait_until(is_seen)


def test_households_are_split_by_weight_and_stay_where_they_are(server_url: str, online_uri: str) -> None:
    put_canary(online_uri, 2, 0.25)
    wait_until_seen(server_url, 2, 0.25)
    bodies = {"requests": [{"household_id": number} for number in range(1, HOUSEHOLDS + 1)]}
    first, second = (post(f"{server_url}/predict/batch", json=bodies).json()["predictions"] for _ in range(2))
    variants = {answer["household_id"]: answer["variant"] for answer in first}
    assert variants == {answer["household_id"]: answer["variant"] for answer in second}
    share = sum(variant == "challenger" for variant in variants.values()) / HOUSEHOLDS
    assert share == pytest.approx(0.25, abs=0.08)
    for household_id in (1, 2, 3, 4, 5):
        alone = post(f"{server_url}/predict", json={"household_id": household_id}).json()
        assert alone["variant"] == variants[household_id]
        assert (alone["variant"] == "challenger") == is_for_challenger(str(household_id), 2, 0.25)
        assert alone["model_version"] == (2 if alone["variant"] == "challenger" else 1)


def test_payloads_are_split_by_their_request_id(server_url: str, online_uri: str) -> None:
    put_canary(online_uri, 2, 0.5)
    wait_until_seen(server_url, 2, 0.5)
    for number in range(20):
        answers = [
            post(
                f"{server_url}/predict",
                json={"features": make_features(1)},
                headers={"X-Request-Id": f"session-{number}"},
            ).json()["variant"]
            for _ in range(2)
        ]
        expected = "challenger" if is_for_challenger(f"session-{number}", 2, 0.5) else "champion"
        assert answers == [expected, expected]


def test_a_good_challenger_goes_all_the_way_under_load(
    server_url: str, online_uri: str, criteria: CanaryCriteria, rollout_settings: RolloutSettings
) -> None:
    with constant_load(server_url) as responses:
        for weight in plan_steps(rollout_settings):
            put_canary(online_uri, 2, weight)
            verdict = run_canary_step(online_uri, MODEL, weight, criteria)
            assert verdict.action == "proceed", verdict.reason
        with open_session(online_uri) as session:
            promote_challenger(session, require_rollout(session, MODEL))
        wait_until(lambda: responses[-1].json()["variant"] == "champion")
        assert responses[-1].json()["model_version"] == 2
    assert list_failed(responses) == []


@pytest.mark.parametrize(
    ("file", "check", "error"),
    [
        ("corrupt", "error_rate", "no ONNX model"),
        ("missing", "error_rate", "There is no version 9"),
        ("raising", "error_rate", "out of"),
        ("nan", "error_rate", "answered nan, no probability"),
        ("inverted", "prediction_mean_shift", None),
    ],
)
@pytest.mark.parametrize("by_id", [True, False], ids=["by_id", "by_payload"])
def test_a_bad_challenger_is_rolled_back_and_no_request_fails(
    server_url: str,
    online_uri: str,
    shelf: Shelf,
    criteria: CanaryCriteria,
    file: str,
    check: str,
    error: str | None,
    by_id: bool,
) -> None:
    if file != "missing":
        shelf.files[9] = file
    with constant_load(server_url, by_id=by_id) as responses:
        put_canary(online_uri, 9, 0.25)
        verdict = run_canary_step(online_uri, MODEL, 0.25, criteria)
        wait_until(lambda: get(server_url).json()["challenger_version"] is None)
        answered = len(responses)
        wait_until(lambda: len(responses) > answered + 20)
    assert verdict.action == "roll_back"
    assert check in {check.name for check in verdict.checks if not check.is_passed}
    assert list_failed(responses) == []
    assert all(response.json()["variant"] == "champion" for response in responses[-10:])
    with open_session(online_uri) as session:
        assert require_rollout(session, MODEL).champion_version == 1
    challenged = [row for row in read_log(online_uri) if row["variant"] == "challenger"]
    assert len(challenged) >= criteria.min_samples
    assert {row["model_version"] for row in challenged} == {9}
    if error is not None:
        # Each failure stands beside the champion's answer to the same request.
        failed = [row for row in challenged if row["is_error"]]
        assert any(error in row["error"] for row in failed)
        served = {row["request_id"] for row in read_log(online_uri) if row["variant"] == "champion"}
        assert {row["request_id"] for row in failed} <= served


def test_a_slow_challenger_is_rolled_back_and_slows_nobody(
    hasty_url: str, online_uri: str, shelf: Shelf, criteria: CanaryCriteria
) -> None:
    shelf.files[9] = "slow"
    with constant_load(hasty_url, by_id=False) as responses:
        put_canary(online_uri, 9, 0.25)
        verdict = run_canary_step(online_uri, MODEL, 0.25, criteria)
    assert verdict.action == "roll_back"
    assert "error_rate" in {check.name for check in verdict.checks if not check.is_passed}
    assert list_failed(responses) == []
    rows = read_log(online_uri)
    given_up_ms = [row["latency_ms"] for row in rows if row["variant"] == "challenger"]
    champion_ms = [row["latency_ms"] for row in rows if row["variant"] == "champion"]
    assert all(row["error"] == "no answer within 250 ms" for row in rows if row["variant"] == "challenger")
    assert statistics.median(champion_ms) < min(given_up_ms) / 10


def test_a_challenger_that_needs_more_than_clients_send_is_spared_their_requests(
    online_uri: str, shelf: Shelf, rollout_settings: RolloutSettings
) -> None:
    def load(version: int) -> ServedModel:
        model = shelf.load(version)
        if version == 1:
            return model
        return ServedModel(version, ("days_since_purchase", "baskets_28d", "visits_7d"), 0.5, model.onnx)

    with serve(online_uri, load, rollout_settings) as url:
        wait_until_ready(url)
        put_canary(online_uri, 2, 1.0)
        wait_until_seen(url, 2, 1.0)
        old = post(f"{url}/predict", json={"features": make_features(1)})
        assert (old.status_code, old.json()["variant"]) == (200, "champion")
        new = post(f"{url}/predict", json={"features": make_features(1) | {"visits_7d": 1.0}})
        assert (new.status_code, new.json()["variant"]) == (200, "challenger")
        unknown = post(f"{url}/predict", json={"features": make_features(1) | {"visits_9d": 1.0}})
        assert unknown.status_code == 422
        # The online store is ours: what it lacks is the challenger's failure.
        stored = post(f"{url}/predict", json={"household_id": 1})
        assert (stored.status_code, stored.json()["variant"]) == (200, "champion")
    errors = [row["error"] for row in read_log(online_uri) if row["is_error"]]
    assert errors == ["version 2 needs feature 'visits_7d', which is not there"]


def test_a_champion_that_fails_is_500_with_its_version_and_on_record(
    online_uri: str, shelf: Shelf, rollout_settings: RolloutSettings
) -> None:
    for file, message in (("raising", "Version 1 failed"), ("nan", "Version 1 gave no probability")):
        shelf.files[1] = file
        with serve(online_uri, shelf.load, rollout_settings) as url:
            wait_until_ready(url)
            response = post(f"{url}/predict", json={"household_id": 1})
        assert response.status_code == 500
        assert message in response.json()["detail"]
    rows = read_log(online_uri)
    assert [(row["variant"], row["is_error"]) for row in rows] == [("champion", True), ("champion", True)]


def test_a_model_of_another_width_is_refused_at_the_door(shelf: Shelf) -> None:
    with pytest.raises(ServingError, match="takes 3 features and lists 2"):
        open_model(shelf.folder / "good.onnx", 1, ("days_since_purchase", "baskets_28d"), 0.5)


def test_a_slow_version_in_staging_slows_nobody_in_production(server_url: str, shelf: Shelf) -> None:
    shelf.files[9] = "slow"
    headers = {"X-Model-Version": "9"}
    wait_until(lambda: get(f"{server_url}/readyz", headers=headers).status_code == 200)
    with ThreadPoolExecutor(1) as pool:
        staged = pool.submit(post, f"{server_url}/predict", json={"household_id": 1}, headers=headers)
        champions = [post(f"{server_url}/predict", json={"household_id": 1}).status_code for _ in range(3)]
        assert not staged.done()
    assert champions == [200, 200, 200]
    assert staged.result().json()["variant"] == "staging"
