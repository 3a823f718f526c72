"""MLflow's own clients, unmodified, against a running server."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pandas as pd
import pytest

from tests.unit.serving.live_server import (
    MODEL,
    SENSOR,
    TOKENS,
    by_key,
    get,
    make_features,
    post,
    predict,
    put_canary,
    read_log,
    wait_until,
    wait_until_seen,
)

MACHINES = (1, 20, 49)
FRAME = pd.DataFrame([make_features(number) for number in MACHINES])
UNITS = pd.DataFrame({"zone": ["south", None], "stock": [2, 3], "is_open": [False, True]})


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The client asks once; what it tells MLflow's makers stays here."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKENS["predict"])
    yield


def make_client(url: str, model_name: str | None = None) -> Any:
    """MLflow's client of a scoring server; of one model, where it is named."""
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    host, port = url.removeprefix("http://").split(":")
    client = ScoringServerClient(f"any:{TOKENS['predict']}@{host}", port)
    if model_name is not None:
        client.url_prefix += f"/models/{model_name}"
    return client


def make_deploy_client(url: str) -> Any:
    """MLflow's client of deployments."""
    from mlflow.deployments import get_deploy_client

    return get_deploy_client(url)


def ask_alone(url: str, model_name: str, **body: Any) -> dict[str, Any]:
    """What the server's own route answers to one request."""
    answer: dict[str, Any] = predict(url, body, model_name).json()
    return answer


def test_the_scoring_client_is_answered_at_the_root_of_a_server_of_one_model(server_url: str) -> None:
    client = make_client(server_url)
    client.wait_server_ready()
    assert client.get_version() == version("mlflow")
    answers = client.invoke(FRAME).get_predictions()
    assert len(answers) == len(FRAME)
    for number, (_, answer) in zip(MACHINES, answers.iterrows(), strict=True):
        own = ask_alone(server_url, MODEL, features=make_features(number))
        assert answer["prediction"] == own["prediction"]
        assert answer["probabilities"] == pytest.approx([1 - own["probability"], own["probability"]], abs=1e-6)


def test_the_scoring_client_is_answered_at_the_prefix_of_a_model(shared_url: str) -> None:
    client = make_client(shared_url, "units")
    client.ping()
    assert client.get_version() == version("mlflow")
    answers = client.invoke(UNITS).get_predictions()
    assert answers["prediction"].tolist() == pytest.approx([1020, 130], abs=0.1)


def test_rows_of_keys_alone_are_looked_up(shared_url: str) -> None:
    frame = pd.DataFrame({"part": ["bolt", "nut"], "site_id": [3, 2]})
    answers = make_client(shared_url, "units").invoke(frame)["predictions"]
    own = [ask_alone(shared_url, "units", keys=row)["prediction"] for row in frame.to_dict(orient="records")]
    assert [answer["prediction"] for answer in answers] == own
    (answer,) = make_client(shared_url, "grade").invoke([SENSOR])["predictions"]
    own_grade = ask_alone(shared_url, "grade", keys=SENSOR)
    assert answer == {"prediction": "high", "probabilities": list(own_grade["probabilities"].values())}


def test_an_array_is_taken_by_a_version_of_one_input_tensor(shared_url: str) -> None:
    named = make_client(shared_url, MODEL).invoke(FRAME)
    assert make_client(shared_url, MODEL).invoke(FRAME.to_numpy()) == named
    with pytest.raises(Exception, match=r"error code 400.*inputs\[0\] should be an object"):
        make_client(shared_url, "units").invoke(UNITS.to_numpy())


def test_the_client_is_told_what_does_not_fit(shared_url: str) -> None:
    with pytest.raises(Exception, match=r"error code 400.*BAD_REQUEST.*missing: load_28d"):
        make_client(shared_url, MODEL).invoke(FRAME.drop(columns="load_28d"))
    with pytest.raises(Exception, match=r"error code 404.*RESOURCE_DOES_NOT_EXIST.*5001 is not in online"):
        make_client(shared_url, MODEL).invoke([{"machine_id": 5001}])
    with pytest.raises(Exception, match=r"error code 400.*load_28d.*found number nan"):
        make_client(shared_url, MODEL).invoke(FRAME.assign(load_28d=float("nan")))
    with pytest.raises(Exception, match=r"error code 400.*takes no params"):
        make_client(shared_url, MODEL).invoke(FRAME, params={"threshold": 0.1})


def test_a_root_that_is_of_no_model_names_the_models_and_is_well(shared_url: str) -> None:
    client = make_client(shared_url)
    client.ping()
    with pytest.raises(Exception, match=r"error code 404.*/models/failures/invocations, /models/grade/invocations"):
        client.invoke(FRAME)


def test_the_deployments_client_predicts_and_lists(shared_url: str) -> None:
    client = make_deploy_client(shared_url)
    answer = client.predict(endpoint="units", inputs={"dataframe_records": UNITS.to_dict(orient="records")})
    assert [row["prediction"] for row in answer["predictions"]] == pytest.approx([1020, 130], abs=0.1)
    endpoints = {endpoint.name: endpoint for endpoint in client.list_endpoints()}
    assert endpoints.keys() == {MODEL, "units", "grade"}
    found = client.get_endpoint("units")
    assert found == endpoints["units"]
    assert found.endpoint_url == f"{shared_url}/endpoints/units/invocations"
    assert post(found.endpoint_url, json={"inputs": [{"site_id": 2, "part": "nut"}]}).status_code == 200
    with pytest.raises(Exception, match="No model 'unitz' is declared"):
        client.predict(endpoint="unitz", inputs={"inputs": []})


def test_a_model_that_cannot_answer_does_not_answer_pings(shared_url: str) -> None:
    wait_until(
        lambda: (
            get(f"{shared_url}/models/{MODEL}/readyz", headers={"X-Model-Version": "98"}).json()["status"] == "failed"
        )
    )
    response = get(f"{shared_url}/models/{MODEL}/ping", headers={"X-Model-Version": "98"})
    assert (response.status_code, response.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert "There is no version 98" in response.json()["message"]


def test_canary_explicit_version_and_log_hold(online_uri: str, server_url: str) -> None:
    # given: a challenger that answers half of the machines
    put_canary(online_uri, 2, 0.5)
    wait_until_seen(server_url, 2, 0.5)
    rows = [{"machine_id": number} for number in range(1, 21)]
    # when: the same rows are asked about by both routes, and one by an explicit version
    url = f"{server_url}/models/{MODEL}/invocations"
    answered = post(url, json={"dataframe_records": rows}, headers={"X-Request-Id": "mine"})
    own = predict(server_url, {"requests": [by_key(row["machine_id"]) for row in rows]}, path="predict/batch").json()
    staged = post(url, json={"inputs": rows[:1]}, headers={"X-Model-Version": "2", "X-Request-Id": "staged"})
    # then
    assert answered.headers["X-Request-Id"] == "mine"
    found = [row["probabilities"][1] for row in answered.json()["predictions"]]
    assert found == pytest.approx([row["probability"] for row in own["predictions"]], abs=1e-6)
    assert staged.status_code == 200
    wait_until(lambda: len(read_log(online_uri)) == 41)
    variants = {row["request_id"]: row["variant"] for row in read_log(online_uri)}
    assert {variants[f"mine-{index}"] for index in range(20)} == {"champion", "challenger"}
    assert [variants[f"mine-{n}"] for n in range(20)] == [row["variant"] for row in own["predictions"]]
    assert variants["staged"] == "staging"
