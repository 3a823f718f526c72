"""What the routes answer, and what they say when they do not."""

from __future__ import annotations

from typing import Any

import pytest

from include.rollout.staging import VERSION_HEADER
from include.settings.rollout import ServerSettings
from tests.unit.serving.live_server import MODEL, SENSOR, by_key, get, make_features, post, predict, show, wait_until
from tests.unit.serving.onnx_files import FEATURES

BOLT = {"keys": {"site_id": 3, "part": "bolt"}}


def test_a_binary_model_answers_by_key(shared_url: str) -> None:
    answer = predict(shared_url, by_key(49), X_Request_Id="mine").json()
    assert answer["probability"] > 0.5
    assert answer == {
        "model": MODEL,
        "model_version": 1,
        "variant": "champion",
        "request_id": "mine",
        "keys": {"machine_id": 49},
        "as_of_date": "2026-12-01",
        "prediction": True,
        "probability": answer["probability"],
    }


def test_a_regression_answers_by_a_composite_key_with_its_number(shared_url: str) -> None:
    answer = predict(shared_url, BOLT, "units").json()
    assert (answer["keys"], answer["as_of_date"]) == (BOLT["keys"], "2026-12-02")
    assert answer["prediction"] == pytest.approx(130, abs=0.1)
    assert not {"probability", "probabilities"} & answer.keys()


def test_a_multiclass_model_answers_by_uuid_and_date_with_every_class(shared_url: str) -> None:
    answer = predict(shared_url, {"keys": SENSOR}, "grade").json()
    assert (answer["prediction"], answer["keys"]) == ("high", SENSOR)
    assert answer["probabilities"].keys() == {"high", "low", "medium"}
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert "probability" not in answer
    shouted = {**SENSOR, "sensor_id": SENSOR["sensor_id"].upper()}
    assert predict(shared_url, {"keys": shouted}, "grade").json()["keys"] == SENSOR


@pytest.mark.parametrize(
    ("part", "zone", "units"), [("nut", "south", 1020), ("cap", "never seen", 270), ("it's ü", None, 20)]
)
def test_categories_are_answered_from_the_table_and_as_sent(
    shared_url: str, part: str, zone: str | None, units: int
) -> None:
    stored = predict(shared_url, {"keys": {"site_id": 2, "part": part}}, "units").json()
    sent = predict(shared_url, {"features": {"zone": zone, "stock": 2, "is_open": False}}, "units").json()
    assert sent["prediction"] == pytest.approx(stored["prediction"], abs=0.1) == pytest.approx(units, abs=0.1)


def test_sent_features_get_the_same_answer_as_stored_ones(shared_url: str) -> None:
    stored = predict(shared_url, by_key(20)).json()
    shuffled = dict(reversed(make_features(20).items())) | {"starts_28d": 7}
    sent = predict(shared_url, {"features": shuffled}).json()
    assert sent["probability"] == stored["probability"]
    assert (sent["keys"], sent["as_of_date"]) == (None, None)
    assert sent["request_id"] != stored["request_id"]


@pytest.mark.parametrize("machine_id", [7, 8])
def test_an_undefined_feature_is_null_or_nan_and_still_answered(shared_url: str, machine_id: int) -> None:
    stored = predict(shared_url, by_key(machine_id))
    assert stored.status_code == 200
    sent = predict(shared_url, {"features": make_features(machine_id) | {"load_28d": None}})
    assert sent.json()["probability"] == stored.json()["probability"]


def test_an_unknown_entity_is_404_with_its_keys(shared_url: str) -> None:
    response = predict(shared_url, {"keys": {"site_id": 1, "part": "wing"}}, "units")
    assert response.status_code == 404
    assert "1, wing is not in online.part_stock_latest" in response.json()["detail"]


@pytest.mark.parametrize("path", ["predict", "predict/batch", "readyz", ""])
def test_an_unknown_model_is_404_that_names_the_nearest_first(shared_url: str, path: str) -> None:
    url = f"{shared_url}/models/unitz/{path}".rstrip("/")
    response = get(url) if path in ("readyz", "") else post(url, json=by_key(1))
    assert response.status_code == 404
    assert "'unitz'" in response.json()["detail"]
    assert "Declared are: units, " in response.json()["detail"]


@pytest.mark.parametrize(
    ("model_name", "body", "named"),
    [
        (MODEL, by_key("7"), "'machine_id' should be an integer of at most 64 bits, found text '7'"),
        (MODEL, by_key(7.0), "machine_id"),
        (MODEL, by_key(True), "found boolean True"),
        (MODEL, by_key(None), "found null"),
        (MODEL, by_key(2**63), "machine_id"),
        (MODEL, {"keys": {}}, "missing: machine_id"),
        (MODEL, {"keys": {"machine_id": 7, "part": "a"}}, "unknown: part"),
        (MODEL, {"keys": {"household": 7}}, "missing: machine_id; unknown: household"),
        (MODEL, {"keys": [7]}, "keys"),
        ("units", {"keys": {"site_id": 3, "part": 4}}, "'part' should be text, found number 4"),
        ("units", {"keys": {"site_id": 3, "part": "bo\0lt"}}, "'part'"),
        ("units", {"keys": {"part": "bolt"}}, "missing: site_id"),
        ("grade", {"keys": SENSOR | {"sensor_id": "0f8f"}}, "'sensor_id' should be a UUID"),
        ("grade", {"keys": SENSOR | {"sensor_id": "0f8fad5bd9cb469fa16570867728-950e---"}}, "should be a UUID"),
        ("grade", {"keys": SENSOR | {"sensor_id": "{0f8fad5b-d9cb469f-a16570867728950e}"}}, "should be a UUID"),
        ("grade", {"keys": SENSOR | {"since": "2026-W01-1"}}, "'since' should be a date"),
        ("grade", {"keys": SENSOR | {"since": "31.01.2026"}}, "'since' should be a date"),
        ("grade", {"keys": SENSOR | {"since": "2026-02-31"}}, "'since' should be a date"),
        (MODEL, {"features": {**make_features(1), "load_29d": 1.0}}, "unknown: load_29d"),
        (MODEL, {"features": {"load_28d": 1.0}}, "missing: days_idle, starts_28d"),
        (MODEL, {"features": {}}, "missing: days_idle"),
        (MODEL, {"features": {**make_features(1), "load_28d": "12"}}, "'load_28d' should be a finite number"),
        (MODEL, {"features": {**make_features(1), "load_28d": True}}, "load_28d"),
        (MODEL, {"features": {**make_features(1), "load_28d": 1e39}}, "load_28d"),
        (MODEL, {"features": {**make_features(1), "load_28d": 10**400}}, "load_28d"),
        ("units", {"features": {"zone": 1, "stock": 2, "is_open": True}}, "'zone' should be text"),
        ("units", {"features": {"zone": "a\0", "stock": 2, "is_open": True}}, "zone"),
        ("units", {"features": {"zone": "a", "stock": 2, "is_open": 1}}, "'is_open' should be true, false or null"),
        (MODEL, {"keys": {"machine_id": 7}, "features": make_features(7)}, "not both"),
        (MODEL, {}, "either keys or features"),
        (MODEL, {"machine": 7}, "machine"),
        (MODEL, [], "object"),
    ],
)
def test_a_wrong_request_is_422_that_names_what_is_wrong(
    shared_url: str, model_name: str, body: Any, named: str
) -> None:
    response = predict(shared_url, body, model_name)
    assert response.status_code == 422
    assert named in response.json()["detail"]


@pytest.mark.parametrize(
    "content",
    [
        '{"features": {"days_idle": NaN, "starts_28d": 1, "load_28d": 1}}',
        '{"features": {"days_idle": -Infinity, "starts_28d": 1, "load_28d": 1}}',
        '{"features": {"\\ud800": 1, "starts_28d": 1, "load_28d": 1}}',
        "{",
        "",
        b'{"keys": {"machine_id": "\xff"}}',
    ],
)
def test_text_that_is_no_json_is_422(shared_url: str, content: str | bytes) -> None:
    url = f"{shared_url}/models/{MODEL}/predict"
    assert post(url, content=content, headers={"Content-Type": "application/json"}).status_code == 422


def test_a_body_that_a_foreign_page_may_send_is_415(shared_url: str) -> None:
    url = f"{shared_url}/models/{MODEL}/predict"
    assert post(url, content='{"keys": {"machine_id": 1}}', headers={"Content-Type": "text/plain"}).status_code == 415


def test_a_batch_is_answered_in_its_order(shared_url: str) -> None:
    bodies = [by_key(n) if n % 2 else {"features": make_features(n)} for n in range(1, 201)]
    response = predict(shared_url, {"requests": bodies}, path="predict/batch", X_Request_Id="many")
    predictions = response.json()["predictions"]
    assert [prediction["request_id"] for prediction in predictions] == [f"many-{n}" for n in range(200)]
    for index in (0, 1, 198, 199):
        alone = predict(shared_url, bodies[index]).json()
        assert predictions[index]["probability"] == pytest.approx(alone["probability"])
        assert predictions[index]["keys"] == alone["keys"]


def test_a_batch_by_composite_keys_tells_them_apart(shared_url: str) -> None:
    parts = [(site_id, part) for site_id in range(5) for part in ("bolt", "nut")]
    bodies = [{"keys": {"site_id": site_id, "part": part}} for site_id, part in parts]
    response = predict(shared_url, {"requests": bodies}, "units", "predict/batch")
    expected = [10 * site_id + (100 if part == "bolt" else 1000) for site_id, part in parts]
    assert [item["prediction"] for item in response.json()["predictions"]] == pytest.approx(expected, abs=0.1)


def test_a_batch_is_answered_whole_or_not_at_all(shared_url: str) -> None:
    unknown = {"requests": [by_key(n) for n in (1, 5001, 5002)]}
    response = predict(shared_url, unknown, path="predict/batch")
    assert response.status_code == 404
    assert "5001, 5002" in response.json()["detail"]
    wrong = {"requests": [by_key(1), {"features": {"load_28d": 1.0}}]}
    assert predict(shared_url, wrong, path="predict/batch").status_code == 422
    assert predict(shared_url, {"requests": []}, path="predict/batch").status_code == 422


def test_a_batch_that_is_too_large_is_422_with_the_limit(shared_url: str) -> None:
    response = predict(shared_url, {"requests": [by_key(1)] * 1001}, path="predict/batch")
    assert response.status_code == 422
    assert "at most 1000" in response.json()["detail"]


def test_one_explicit_version_answers_as_staging(server_url: str) -> None:
    first = predict(server_url, by_key(20), X_Model_Version="2")
    assert first.status_code == 503
    assert f"Version 2 of {MODEL} is being loaded" in first.json()["detail"]
    assert first.headers["Retry-After"] == "1"
    ready = f"{server_url}/models/{MODEL}/readyz"
    wait_until(lambda: get(ready, headers={"X-Model-Version": "2"}).status_code == 200)
    staged = predict(server_url, by_key(20), X_Model_Version="2").json()
    champion = predict(server_url, by_key(20)).json()
    assert (staged["model_version"], staged["variant"]) == (2, "staging")
    assert (champion["model_version"], champion["variant"]) == (1, "champion")
    assert staged["probability"] != champion["probability"]


def test_a_version_that_does_not_exist_is_503_with_the_reason(shared_url: str) -> None:
    ready = f"{shared_url}/models/{MODEL}/readyz"
    wait_until(lambda: get(ready, headers={"X-Model-Version": "99"}).json()["status"] == "failed")
    response = predict(shared_url, by_key(20), X_Model_Version="99")
    assert response.status_code == 503
    assert "There is no version 99" in response.json()["detail"]
    assert predict(shared_url, by_key(20)).status_code == 200


@pytest.mark.parametrize("version", ["seven", "0", "-1", "1.5", "99999999999999999999", ""])
def test_a_version_that_is_no_number_is_422(shared_url: str, version: str) -> None:
    response = predict(shared_url, by_key(20), X_Model_Version=version)
    assert response.status_code == 422
    assert "X-Model-Version" in response.json()["detail"]


def test_a_request_id_that_is_too_long_is_422(shared_url: str) -> None:
    assert predict(shared_url, by_key(20), X_Request_Id="x" * 129).status_code == 422
    assert predict(shared_url, by_key(20), X_Request_Id="x" * 128).status_code == 200


def test_status_lists_models_versions_and_counts(server_url: str) -> None:
    predict(server_url, by_key(20))
    (status,) = get(f"{server_url}/models").json()["models"]
    assert status == show(server_url)
    assert (status["name"], status["task"], status["is_ready"]) == (MODEL, "binary", True)
    assert status["keys"] == [{"name": "machine_id", "type": "integer"}]
    assert status["features"] == [{"name": name, "kind": "numeric"} for name in FEATURES]
    assert status["versions"] == [{"version": 1, "status": "ready", "reason": "is loaded"}]
    assert status["predictions"] == {"champion": 1}
    assert get(f"{server_url}/healthz").json() == {"status": "ok"}
    assert get(f"{server_url}/readyz").json()["is_ready"] is True
    assert get(f"{server_url}/models/{MODEL}/readyz").json()["version"] == 1


def test_metrics_name_model_variant_and_version(server_url: str) -> None:
    predict(server_url, by_key(20))
    predict(server_url, by_key(987654))
    predict(server_url, by_key(1), "no-such-model")
    response = get(f"{server_url}/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = response.text.splitlines()
    labels = f'model="{MODEL}",variant="champion",version="1"'
    assert f"orrery_predictions_total{{{labels}}} 1.0" in lines
    assert f'orrery_refusals_total{{model="{MODEL}",status="404"}} 1.0' in lines
    assert 'orrery_refusals_total{model="",status="404"} 1.0' in lines
    assert f'orrery_prediction_latency_ms_bucket{{le="+Inf",{labels}}} 1.0' in lines
    assert f'orrery_is_ready{{model="{MODEL}"}} 1.0' in lines
    assert "orrery_log_rows_dropped_total 0.0" in lines
    assert "no-such-model" not in response.text
    assert all(line.startswith(("# HELP ", "# TYPE ", "orrery_")) for line in lines)


def test_openapi_describes_requests_answers_and_refusals(shared_url: str) -> None:
    paths = get(f"{shared_url}/openapi.json").json()["paths"]
    named = {"/models/{name}", "/models/{name}/readyz", "/models/{name}/predict", "/models/{name}/predict/batch"}
    assert set(paths) > named | {"/models", "/healthz", "/readyz", "/metrics"}
    route = paths["/models/{name}/predict"]["post"]
    assert {parameter["name"] for parameter in route["parameters"]} == {"name", "X-Model-Version", "X-Request-Id"}
    assert set(route["responses"]) == {"200", "401", "403", "404", "408", "413", "415", "422", "500", "503"}
    body = route["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"].keys() == {"keys", "features"}


@pytest.mark.parametrize("path", ["predict", "predict/batch"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_body_that_is_too_large_is_refused_unread(
    shared_url: str, server_settings: ServerSettings, path: str, is_streamed: bool
) -> None:
    most = server_settings.body_max_bytes
    part = b"[" * 100_000
    content = iter([part] * (most // len(part) + 2)) if is_streamed else part * (most // len(part) + 2)
    url, headers = f"{shared_url}/models/{MODEL}/{path}", {"Content-Type": "application/json"}
    response = post(url, content=content, headers=headers)
    assert response.status_code == 413
    assert f"larger than {most:,} bytes" in response.json()["detail"]
    assert predict(shared_url, by_key(1)).status_code == 200


def test_of_many_requests_that_do_not_fit_the_first_is_named(shared_url: str) -> None:
    body = {"requests": [by_key(1), *({"x": 1} for _ in range(100_000))]}
    response = post(f"{shared_url}/models/{MODEL}/predict/batch", json=body)
    assert response.status_code == 422
    assert "requests.1" in response.json()["detail"]
    assert len(response.text) < 1_000


@pytest.mark.parametrize(
    "version", ["0", "-1", "1.0", "1999999999999", "0000000000019999999999", "9" * 5000, "2147483648", "७"]
)
def test_a_version_that_is_none_is_422(shared_url: str, version: str) -> None:
    url = f"{shared_url}/models/{MODEL}/predict"
    response = post(url, json=by_key(1), headers={VERSION_HEADER: version.encode()})
    assert response.status_code == 422
    assert f"{VERSION_HEADER} is " in response.json()["detail"]
    assert len(response.text) < 300
