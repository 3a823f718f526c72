"""What the routes answer, and what they say when they do not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.unit.serving.live_server import get, make_features, post, wait_until
from tests.unit.serving.onnx_files import FEATURES


def ask(url: str, body: Any, path: str = "/predict", **headers: str) -> httpx.Response:
    """One request."""
    return post(url + path, json=body, headers={name.replace("_", "-"): text for name, text in headers.items()})


def test_a_household_is_answered_from_the_online_store(shared_url: str) -> None:
    answer = ask(shared_url, {"household_id": 49}, X_Request_Id="mine").json()
    assert answer["probability"] > 0.5
    assert answer == {
        "probability": answer["probability"],
        "is_churn_predicted": True,
        "model_version": 1,
        "variant": "champion",
        "request_id": "mine",
        "household_id": 49,
        "as_of_date": "2017-12-01",
    }


def test_sent_features_get_the_same_answer_as_stored_ones(shared_url: str) -> None:
    stored = ask(shared_url, {"household_id": 20}).json()
    sent = ask(shared_url, {"features": make_features(20)}).json()
    assert sent["probability"] == stored["probability"]
    assert (sent["household_id"], sent["as_of_date"]) == (None, None)
    assert sent["request_id"] != stored["request_id"]


def test_features_may_come_in_any_order_and_as_whole_numbers(shared_url: str) -> None:
    features = dict(reversed(make_features(20).items())) | {"baskets_28d": 7}
    assert ask(shared_url, {"features": features}).json()["probability"] == pytest.approx(
        ask(shared_url, {"household_id": 20}).json()["probability"]
    )


@pytest.mark.parametrize("household_id", [7, 8])
def test_an_undefined_feature_is_null_or_nan_and_still_answered(shared_url: str, household_id: int) -> None:
    stored = ask(shared_url, {"household_id": household_id})
    assert stored.status_code == 200
    sent = ask(shared_url, {"features": make_features(household_id) | {"spend_28d": None}})
    assert sent.json()["probability"] == stored.json()["probability"]


def test_an_unknown_household_is_404_with_its_id(shared_url: str) -> None:
    response = ask(shared_url, {"household_id": 987654})
    assert response.status_code == 404
    assert "987654" in response.json()["detail"]
    assert "online.customer_features" in response.json()["detail"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"features": {**make_features(1), "spend_29d": 1.0}}, "unknown: spend_29d"),
        ({"features": {"spend_28d": 1.0}}, "missing: baskets_28d, days_since_purchase"),
        ({"features": {"spend_29d": 1.0}}, "unknown: spend_29d"),
        ({"features": {}}, "missing: baskets_28d"),
        ({"features": {**make_features(1), "spend_28d": "12"}}, "spend_28d"),
        ({"features": {**make_features(1), "spend_28d": True}}, "spend_28d"),
        ({"features": {**make_features(1), "spend_28d": 1e39}}, "spend_28d"),
        ({"household_id": "7"}, "household_id"),
        ({"household_id": 7.5}, "household_id"),
        ({"household_id": 2**63}, "household_id"),
        ({"household_id": -1}, "household_id"),
        ({"household_id": 7, "features": make_features(7)}, "not both"),
        ({}, "either household_id or features"),
        ({"customer": 7}, "customer"),
        ([], "valid dictionary"),
    ],
)
def test_a_wrong_request_is_422_that_names_what_is_wrong(shared_url: str, body: Any, named: str) -> None:
    response = ask(shared_url, body)
    assert response.status_code == 422
    assert named in response.text


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_know_is_422(shared_url: str, number: str) -> None:
    content = f'{{"features": {{"days_since_purchase": {number}, "baskets_28d": 1, "spend_28d": 1}}}}'
    response = post(f"{shared_url}/predict", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert "days_since_purchase" in response.text


def test_text_that_is_no_json_is_422(shared_url: str) -> None:
    response = post(f"{shared_url}/predict", content="{", headers={"Content-Type": "application/json"})
    assert response.status_code == 422


def test_a_batch_is_answered_in_its_order(shared_url: str) -> None:
    bodies = [{"household_id": n} if n % 2 else {"features": make_features(n)} for n in range(1, 201)]
    response = ask(shared_url, {"requests": bodies}, "/predict/batch", X_Request_Id="many")
    predictions = response.json()["predictions"]
    assert [prediction["request_id"] for prediction in predictions] == [f"many-{n}" for n in range(200)]
    for index in (0, 1, 198, 199):
        alone = ask(shared_url, bodies[index]).json()
        assert predictions[index]["probability"] == pytest.approx(alone["probability"])
        assert predictions[index]["household_id"] == alone["household_id"]


def test_a_batch_is_answered_whole_or_not_at_all(shared_url: str) -> None:
    unknown = [{"household_id": n} for n in (1, 5001, 5002)]
    response = ask(shared_url, {"requests": unknown}, "/predict/batch")
    assert response.status_code == 404
    assert "5001, 5002" in response.json()["detail"]
    wrong = [{"household_id": 1}, {"features": {"spend_28d": 1.0}}]
    assert ask(shared_url, {"requests": wrong}, "/predict/batch").status_code == 422
    assert ask(shared_url, {"requests": []}, "/predict/batch").status_code == 422


def test_a_batch_that_is_too_large_is_422_with_the_limit(shared_url: str) -> None:
    response = ask(shared_url, {"requests": [{"household_id": 1}] * 1001}, "/predict/batch")
    assert response.status_code == 422
    assert "at most 1000" in response.json()["detail"]


def test_one_explicit_version_answers_as_staging(server_url: str) -> None:
    first = ask(server_url, {"household_id": 20}, X_Model_Version="2")
    assert first.status_code == 503
    assert "Version 2 is being loaded" in first.json()["detail"]
    assert first.headers["Retry-After"] == "1"
    wait_until(lambda: get(f"{server_url}/readyz", headers={"X-Model-Version": "2"}).status_code == 200)
    staged = ask(server_url, {"household_id": 20}, X_Model_Version="2").json()
    champion = ask(server_url, {"household_id": 20}).json()
    assert (staged["model_version"], staged["variant"]) == (2, "staging")
    assert (champion["model_version"], champion["variant"]) == (1, "champion")
    assert staged["probability"] != champion["probability"]


def test_a_version_that_does_not_exist_is_503_with_the_reason(shared_url: str) -> None:
    headers = {"X-Model-Version": "99"}
    wait_until(lambda: get(f"{shared_url}/readyz", headers=headers).json()["status"] == "failed")
    response = ask(shared_url, {"household_id": 20}, X_Model_Version="99")
    assert response.status_code == 503
    assert "There is no version 99" in response.json()["detail"]
    assert ask(shared_url, {"household_id": 20}).status_code == 200


@pytest.mark.parametrize("version", ["seven", "0", "-1", "1.5", "99999999999999999999", ""])
def test_a_version_that_is_no_number_is_422(shared_url: str, version: str) -> None:
    response = ask(shared_url, {"household_id": 20}, X_Model_Version=version)
    assert response.status_code == 422
    assert "X-Model-Version" in response.json()["detail"]


def test_a_request_id_that_is_too_long_is_422(shared_url: str) -> None:
    assert ask(shared_url, {"household_id": 20}, X_Request_Id="x" * 129).status_code == 422
    assert ask(shared_url, {"household_id": 20}, X_Request_Id="x" * 128).status_code == 200


def test_status_lists_versions_weights_and_counts(server_url: str) -> None:
    ask(server_url, {"household_id": 20})
    status = get(server_url).json()
    assert status["model_name"] == "churn"
    assert status["is_ready"] is True
    assert status["champion_version"] == 1
    assert status["feature_names"] == list(FEATURES)
    assert status["versions"] == [{"version": 1, "status": "ready", "reason": "is loaded"}]
    assert status["predictions"] == {"champion": 1}
    assert get(f"{server_url}/healthz").json() == {"status": "ok"}
    assert get(f"{server_url}/readyz").json()["version"] == 1


def test_metrics_are_in_the_format_of_prometheus(server_url: str) -> None:
    ask(server_url, {"household_id": 20})
    ask(server_url, {"household_id": 987654})
    response = get(f"{server_url}/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = response.text.splitlines()
    assert 'orrery_predictions_total{variant="champion",version="1"} 1' in lines
    assert 'orrery_refusals_total{status="404"} 1' in lines
    assert 'orrery_prediction_latency_ms_bucket{variant="champion",le="+Inf"} 1' in lines
    assert "orrery_is_ready 1" in lines
    assert all(line.startswith(("# TYPE ", "orrery_")) for line in lines)


def test_openapi_describes_requests_answers_and_refusals(shared_url: str) -> None:
    document = get(f"{shared_url}/openapi.json").json()
    assert set(document["paths"]) == {"/predict", "/predict/batch", "/healthz", "/readyz", "/metrics", "/"}
    predict = document["paths"]["/predict"]["post"]
    assert {parameter["name"] for parameter in predict["parameters"]} == {"X-Model-Version", "X-Request-Id"}
    assert set(predict["responses"]) == {"200", "404", "422", "500", "503"}
