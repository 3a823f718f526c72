"""Requests made up from the OpenAPI document: the server refuses or answers as the document says, and never breaks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.serving.live_server import MODEL, bearer

EXAMPLES = 8
# A body that fits the schema of these is answered, or its entity is unknown; the length of a tensor is in no schema.
TRUTHFUL = ("/predict", "/predict/batch", "/invocations")
NAMES = (MODEL, "units", "grade")


def load_schema(url: str) -> Any:
    """The document of a running server, as Schemathesis reads it."""
    import schemathesis

    return schemathesis.openapi.from_url(f"{url}/openapi.json", headers=bearer())


def list_operations(url: str) -> list[Any]:
    """Every route of the document."""
    return [result.ok() for result in load_schema(url).get_all_operations()]


def ask(operation: Any, *, is_fitting: bool, check: Any) -> int:
    """Send requests to a route, the same ones at every run, and check each answer; gives how many there were."""
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import GenerationMode

    mode = GenerationMode.POSITIVE if is_fitting else GenerationMode.NEGATIVE
    asked = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        case.body = write_whole(case.body) if is_fitting else case.body
        check(case, case.call(timeout=600, headers=bearer()))
        asked.append(case)

    send()
    return len(asked)


def write_whole(value: Any) -> Any:
    """The same value with 7.0 as 7: to a JSON schema both are integers, to the server the latter alone is a key."""
    if isinstance(value, dict):
        return {name: write_whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [write_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check_answer(case: Any, response: Any) -> None:
    """The answer is one of those that the document has for the route, and no failure of the server."""
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    names = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
    assert response.status_code < 500 or response.status_code == 503, f"{case.as_curl_command()}: {response.text}"
    case.validate_response(response, checks=[CHECKS.get_one(name) for name in names])


def check_fitting(case: Any, response: Any) -> None:
    """A request that fits a model's own schema gets a prediction, if the version is there and the entity is known."""
    check_answer(case, response)
    if case.path.startswith(tuple(f"/models/{name}/" for name in NAMES)) and case.path.endswith(TRUTHFUL):
        assert response.status_code in (200, 404, 503), f"{case.as_curl_command()}: {response.text}"


def can_be_wrong(operation: Any) -> bool:
    """Whether a request to a route can break its schema: any text may stand for a model's name."""
    return bool(operation.body) or bool(operation.headers)


@pytest.mark.needs("schemathesis")
def test_requests_that_fit_are_answered_as_the_document_says(shared_url: str) -> None:
    operations = list_operations(shared_url)
    own = {f"/models/{name}{end}" for name in NAMES for end in TRUTHFUL} | {
        f"/v2/models/{name}/infer" for name in NAMES
    }
    assert own <= {operation.path for operation in operations}
    for operation in operations:
        assert ask(operation, is_fitting=True, check=check_fitting), operation.label


@pytest.mark.needs("schemathesis")
def test_requests_that_do_not_fit_are_refused_as_the_document_says(shared_url: str) -> None:
    operations = [operation for operation in list_operations(shared_url) if can_be_wrong(operation)]
    assert len(operations) > 20
    for operation in operations:
        assert ask(operation, is_fitting=False, check=check_answer), operation.label
