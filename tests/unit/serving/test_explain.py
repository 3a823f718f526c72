"""Explanations of single answers over HTTP."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from include.rollout.staging import VERSION_HEADER
from include.settings.rollout import ServerSettings
from include.warehouse.session import open_session
from tests.unit.serving.live_server import (
    MODEL,
    SENSOR,
    Shelf,
    by_key,
    get,
    make_features,
    predict,
    serve,
    show,
    wait_until,
    wait_until_ready,
)
from tests.unit.serving.onnx_files import FEATURES

SLOW = 7


def explain(url: str, body: Any, model_name: str = MODEL, **headers: str) -> httpx.Response:
    """Ask for an explanation."""
    return predict(url, body, model_name, "explain", **headers)


def wait_for_version(url: str, version: int) -> None:
    """Wait until an explicit version is loaded."""
    address, headers = f"{url}/models/{MODEL}/readyz", {VERSION_HEADER: str(version)}
    wait_until(lambda: get(address, headers=headers).status_code == 200)


def test_the_contributions_and_the_base_add_up_to_the_prediction(shared_url: str) -> None:
    answer = explain(shared_url, by_key(49), X_Request_Id="mine").json()
    predicted = predict(shared_url, by_key(49), X_Request_Id="mine").json()

    assert {name: answer[name] for name in predicted} == predicted
    total = answer["base_value"] + sum(one["contribution"] for one in answer["contributions"])
    assert total == pytest.approx(answer["explained_value"], abs=1e-5)
    assert answer["explained_value"] == pytest.approx(predicted["probability"], abs=1e-6)
    assert answer["explained_class"] is None
    assert "Shapley" in answer["method"] and "2 rows" in answer["method"]


def test_all_features_are_there_the_farthest_first_with_their_values(shared_url: str) -> None:
    features = make_features(49)
    moved = explain(shared_url, {"features": features}).json()["contributions"]
    sizes = [abs(one["contribution"]) for one in moved]
    assert sizes == sorted(sizes, reverse=True)
    assert {one["feature"]: one["value"] for one in moved} == features
    assert (moved[0]["feature"], moved[0]["contribution"] > 0) == ("days_idle", True)


def test_a_sum_is_explained_by_its_parts(shared_url: str) -> None:
    # 10 a unit of stock, 100 when open, 1,000 in the south; compared are a row of zeros and one of twenties
    sent = {"zone": "south", "stock": 3, "is_open": True}
    answer = explain(shared_url, {"features": sent}, "units").json()
    moved = {one["feature"]: one["contribution"] for one in answer["contributions"]}
    assert moved["zone"] == pytest.approx(1000, abs=1)
    assert moved["stock"] == pytest.approx(10 * (3 - 10), abs=0.1)
    assert moved["is_open"] == pytest.approx(100 * (1 - 10), abs=1)


def test_with_several_classes_the_answered_one_is_explained(shared_url: str) -> None:
    answer = explain(shared_url, {"keys": SENSOR}, "grade").json()
    assert answer["explained_class"] == answer["prediction"] == "high"
    assert answer["explained_value"] == pytest.approx(answer["probabilities"]["high"], abs=1e-5)
    assert answer["keys"] == SENSOR


def test_an_explanation_is_no_prediction(server_url: str, online_uri: str) -> None:
    assert explain(server_url, by_key(3)).status_code == 200
    assert predict(server_url, by_key(4), X_Request_Id="after").status_code == 200
    with open_session(online_uri) as session:
        for _ in range(1000):
            logged = session.fetch_all("select request_id from serving.inference_log")
            if logged:
                break
            session.commit()
    assert [row["request_id"] for row in logged] == ["after"]
    assert show(server_url)["predictions"] == {"champion": 1}


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (by_key(10**7), 404, "is not in online.machine_load_latest"),
        ({"keys": {"machine_id": "7"}}, 422, "Key 'machine_id' should be"),
        ({"features": {"days_idle": 1}}, 422, "missing: load_28d, starts_28d"),
        ({}, 422, "give either keys or features"),
    ],
)
def test_what_predict_refuses_is_refused(shared_url: str, body: Any, status: int, told: str) -> None:
    answer = explain(shared_url, body)
    assert answer.status_code == predict(shared_url, body).status_code == status
    assert told in answer.json()["detail"]


def test_an_unknown_model_is_404(shared_url: str) -> None:
    assert explain(shared_url, by_key(1), "nope").status_code == 404


def test_a_version_without_background_cannot_be_explained(server_url: str) -> None:
    wait_for_version(server_url, 2)
    answer = explain(server_url, by_key(3), **{VERSION_HEADER: "2"})
    assert answer.status_code == 409
    assert "Version 2 of failures was registered without background rows" in answer.json()["detail"]


def test_a_version_that_answers_no_number_explains_nothing(
    online_uri: str, shelf: Shelf, server_settings: ServerSettings
) -> None:
    shelf.files[5] = "nan"
    with serve(online_uri, shelf.load, server_settings) as url:
        wait_until_ready(url)
        wait_for_version(url, 5)
        answer = explain(url, by_key(3), **{VERSION_HEADER: "5"})
    assert answer.status_code == 500
    assert "no valid prediction" in answer.json()["detail"]


def test_beyond_the_limit_explanations_are_refused_and_predictions_go_on(
    online_uri: str, shelf: Shelf, server_settings: ServerSettings
) -> None:
    # given an explanation that takes long
    shelf.files[SLOW] = "patient"
    one_at_once = server_settings.model_copy(update={"explanations_at_once": 1})
    answers: list[httpx.Response] = []
    order: list[str] = []
    with serve(online_uri, shelf.load, one_at_once) as url:
        wait_until_ready(url)
        wait_for_version(url, SLOW)

        def ask() -> None:
            answers.append(explain(url, by_key(3), **{VERSION_HEADER: str(SLOW)}))
            order.append("explained")

        asker = threading.Thread(target=ask)
        asker.start()
        refused = explain(url, by_key(4))
        while refused.status_code != 503 and not answers:
            refused = explain(url, by_key(4))
        # when others ask for predictions
        assert predict(url, by_key(5)).status_code == 200
        assert get(f"{url}/healthz").status_code == 200
        order.append("predicted")
        asker.join()
        again = explain(url, by_key(4))

    assert order == ["predicted", "explained"]
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert "explanations_at_once" in refused.json()["detail"]
    assert answers[0].status_code == again.status_code == 200
    assert {one["feature"] for one in answers[0].json()["contributions"]} == set(FEATURES)
