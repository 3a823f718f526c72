"""The OpenAPI document and the page: each model with its own fields, anew when another champion answers."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.rollout.state import promote_directly, require_rollout
from include.serving.api_document import ApiDocument
from include.serving.model_schemas import BODIES
from include.settings.rollout import ServerSettings
from include.warehouse.session import open_session
from tests.unit.serving.live_server import MODEL, Shelf, get, post, serve, show, wait_until, wait_until_ready
from tests.unit.serving.onnx_files import FEATURES, UNITS

OWN = (
    "/models/{name}/predict",
    "/models/{name}/predict/batch",
    "/models/{name}/invocations",
    "/v2/models/{name}/infer",
)
ROUTES: dict[str, Any] = {
    "paths": {path: {"post": {"operationId": path, "parameters": []}} for path in BODIES},
    "components": {"schemas": {}},
}
EXAMPLES = [(name, path) for name in (MODEL, "units", "grade") for path in OWN]


def read_document(url: str) -> dict[str, Any]:
    """The document of a server."""
    document: dict[str, Any] = get(f"{url}/openapi.json").json()
    return document


def find_body(document: dict[str, Any], path: str) -> dict[str, Any]:
    """What the document says of the body of a route."""
    body: dict[str, Any] = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return body


def test_the_document_has_the_fields_of_each_model(shared_url: str) -> None:
    document = read_document(shared_url)
    schemas = document["components"]["schemas"]
    assert schemas["units.Features"]["properties"].keys() == {"zone", "stock", "is_open"}
    assert schemas["units.Features"]["required"] == ["zone", "stock", "is_open"]
    assert [schemas["units.Features"]["properties"][name]["type"] for name in ("zone", "stock", "is_open")] == [
        ["string", "null"], ["number", "null"], ["boolean", "null"],
    ]  # fmt: skip
    assert schemas["units.Keys"]["properties"]["site_id"]["type"] == "integer"
    assert schemas["grade.Keys"]["properties"]["sensor_id"]["format"] == "uuid"
    assert schemas[f"{MODEL}.Features"]["required"] == list(FEATURES)
    for name, path in EXAMPLES:
        route = document["paths"][path.replace("{name}", name)]["post"]
        assert route["tags"] == [name]
        assert not [parameter for parameter in route["parameters"] if parameter["in"] == "path"]
    ids = [route["operationId"] for methods in document["paths"].values() for route in methods.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("name", "path"), EXAMPLES)
def test_each_example_of_features_is_answered_as_it_stands(shared_url: str, name: str, path: str) -> None:
    own = path.replace("{name}", name)
    examples = find_body(read_document(shared_url), own)["examples"]
    assert examples
    for example in examples.values():
        answer = post(f"{shared_url}{own}", json=example["value"])
        # An example's entity need not be in the online table of a model.
        assert answer.status_code == 200 or "is not in online" in answer.text, answer.text
    if "features" in examples:
        assert post(f"{shared_url}{own}", json=examples["features"]["value"]).status_code == 200


def test_the_document_follows_the_champion(online_uri: str, onnx_folder: Path, server_settings: ServerSettings) -> None:
    # given: version 2 takes another feature than version 1
    shelf = Shelf(onnx_folder, {1: "good", 2: "wider"})
    with serve(online_uri, shelf.load, server_settings) as url:
        assert "visits_7d" not in read_document(url)["components"]["schemas"].get(f"{MODEL}.Features", {})
        wait_until_ready(url)
        before = read_document(url)["components"]["schemas"][f"{MODEL}.Features"]
        # when
        with open_session(online_uri) as session:
            promote_directly(session, require_rollout(session, MODEL), 2)
        wait_until(lambda: show(url)["champion_version"] == 2)
        # then
        after = read_document(url)["components"]["schemas"][f"{MODEL}.Features"]
        page = get(f"{url}/docs").text
    assert before["required"] == list(FEATURES)
    assert after["required"] == ["days_idle", "starts_28d", "visits_7d"]
    assert "visits_7d" in page


def test_a_model_without_a_champion_has_no_path_of_its_own(
    online_uri: str, shelf: Shelf, server_settings: ServerSettings
) -> None:
    with serve(online_uri, shelf.load, server_settings, (MODEL, "unborn")) as url:
        wait_until_ready(url)
        paths = read_document(url)["paths"]
        page = get(f"{url}/docs").text
    assert f"/models/{MODEL}/predict" in paths
    assert not [path for path in paths if "unborn" in path]
    assert "unborn" in page


def test_the_document_is_made_once_for_each_champion() -> None:
    champions = {"units": (1, UNITS)}
    made: list[int] = []

    def describe_routes() -> dict[str, Any]:
        made.append(len(made))
        return ROUTES

    async def read() -> list[bytes]:
        document = ApiDocument(describe_routes, lambda: dict(champions))
        first = [await document.read_text() for _ in range(3)]
        champions["units"] = (2, replace(UNITS, features=UNITS.features[:1]))
        return [*first, *[await document.read_text() for _ in range(3)]]

    texts = asyncio.run(read())
    assert made == [0, 1]
    assert [b"is_open" in text for text in texts] == [True] * 3 + [False] * 3
    assert b"is_open" not in json.dumps(ROUTES).encode()


def test_the_page_shows_each_protocol_and_loads_nothing_from_elsewhere(shared_url: str) -> None:
    page = get(f"{shared_url}/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "POST /models/units/predict {&quot;keys&quot;: {&quot;site_id&quot;: 7, &quot;part&quot;:" in page.text
    assert "POST /models/units/invocations {&quot;dataframe_records&quot;:" in page.text
    assert "POST /v2/models/units/infer {&quot;inputs&quot;:" in page.text
    assert "<td>is_open</td><td>boolean</td>" in page.text
    assert not re.findall(r"//|<script|<link|<img|src=|@import", page.text)
    assert get(f"{shared_url}/redoc").status_code == 404
