"""Who may ask what: decided from a request's head, and asked of a real server for every route."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from include.errors import RegistryError
from include.registry.onnx import OnnxModel
from include.rollout.check import Check
from include.rollout.server_address import ServerAddress
from include.rollout.staging import check_staging
from include.serving.access import (
    ANYBODY,
    UNKNOWN,
    AccessRefusal,
    AccessRules,
    Caller,
    decide_access,
    find_caller,
    find_need,
    is_own_host,
    is_own_origin,
)
from include.serving.app import create_app
from include.serving.loader import ServedModel
from include.serving.server import ModelServer
from include.settings.rollout import RolloutSettings, ServerSettings
from tests.unit.serving.live_server import MODEL, RULES, TOKENS, bearer, get, predict

# Who may ask each route, said once more and by hand: None is everybody. X stands for a name.
EXPECTED = {
    "GET /healthz": None,
    "GET /readyz": None,
    "GET /ping": None,
    "GET /health": None,
    "GET /v2/health/live": None,
    "GET /v2/health/ready": None,
    "GET /models": "predict",
    "GET /models/X": "predict",
    "GET /models/X/readyz": "predict",
    "GET /docs": "predict",
    "GET /openapi.json": "predict",
    "HEAD /openapi.json": "predict",
    "GET /version": "predict",
    "GET /models/X/ping": "predict",
    "GET /models/X/health": "predict",
    "GET /models/X/version": "predict",
    "GET /api/2.0/endpoints/": "predict",
    "GET /api/2.0/endpoints/X": "predict",
    "POST /endpoints/X/invocations": "predict",
    "GET /v2": "predict",
    "GET /v2/models/X": "predict",
    "GET /v2/models/X/ready": "predict",
    "POST /models/X/predict": "predict",
    "POST /models/X/predict/batch": "predict",
    "POST /models/X/explain": "predict",
    "POST /models/X/invocations": "predict",
    "POST /invocations": "predict",
    "POST /v2/models/X/infer": "predict",
    "GET /v2/models/X/versions/X": "stage",
    "GET /v2/models/X/versions/X/ready": "stage",
    "POST /v2/models/X/versions/X/infer": "stage",
    "GET /metrics": "admin",
}
LOWER = {"predict": None, "stage": "predict", "admin": "stage"}
HOST = (b"host", b"127.0.0.1:8600")


def load_nothing(model_name: str, version: int) -> ServedModel:
    """No model is loaded."""
    raise RegistryError(f"There is no version {version} of {model_name}.")


@pytest.fixture(scope="module")
def routes(server_settings: ServerSettings) -> list[tuple[str, str]]:
    """Method and path of everything that the application answers, with X for each name in a path."""
    app = create_app(ModelServer("postgresql://nowhere", [MODEL], load_nothing, server_settings), lambda: RULES)
    found = []
    for route in app.routes:
        assert isinstance(route, Route), f"{route} answers unlike a route: say in access.py who may ask it."
        found += [(method, re.sub(r"\{[^}]+\}", "X", route.path)) for method in route.methods or ()]
    return found


def ask(url: str, method: str, path: str, **headers: str) -> httpx.Response:
    """One request with these headers and no others of the tests."""
    return httpx.request(method, f"{url}{path}", headers=headers, timeout=None)


def test_somebody_has_said_of_every_route_who_may_ask_it(routes: list[tuple[str, str]]) -> None:
    assert len(routes) > 8
    unknown = sorted({f"{method} {path}" for method, path in routes} - EXPECTED.keys())
    assert not unknown, f"say in _NEEDS of access.py, and here, who may ask: {unknown}"


def test_every_route_refuses_who_has_no_token_or_too_low_a_role(shared_url: str, routes: list[tuple[str, str]]) -> None:
    for method, path in routes:
        need = EXPECTED[f"{method} {path}"]
        if need is None:
            assert ask(shared_url, method, path).status_code == 200, path
            continue
        for wrong in ({}, {"Authorization": "Bearer of-nobody-that-is-known-here"}, {"Authorization": TOKENS["admin"]}):
            refused = ask(shared_url, method, path, **wrong)
            assert refused.status_code == 401, (method, path, wrong)
            assert 'Bearer realm="orrery"' in refused.headers["WWW-Authenticate"]
        lower = LOWER[need]
        if lower is not None:
            refused = ask(shared_url, method, path, **bearer(lower))
            assert refused.status_code == 403, (method, path)
            assert f"needs the role {need}" in refused.text
        assert ask(shared_url, method, path, **bearer(need)).status_code not in (401, 403), (method, path)


def test_every_route_refuses_a_foreign_host_and_a_foreign_page_whatever_the_token(
    shared_url: str, routes: list[tuple[str, str]]
) -> None:
    for method, path in routes:
        for foreign in ({"Host": "rebound.example"}, {"Origin": "http://page.example"}, {"Origin": "null"}):
            refused = ask(shared_url, method, path, **foreign, **bearer("admin"))
            assert refused.status_code == 403, (method, path, foreign)


@pytest.mark.parametrize(("route", "need"), EXPECTED.items())
def test_the_needs_are_those_that_are_expected(route: str, need: str | None) -> None:
    method, path = route.split()
    assert str(find_need(method, path.replace("X", "any-name"))) == (need or "nobody")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/new"), ("POST", "/models/m/new"), ("DELETE", "/models/m"), ("POST", "/healthz"), ("GET", "/healthz/"),
        ("GET", "//healthz"), ("GET", "/healthz\n"), ("OPTIONS", "/models"), ("GET", "/v2/models/m/versions/1/new"),
        ("POST", "/models/m/predict/batch/x"), ("GET", "/MODELS"), ("POST", "/models/a/b/predict"), ("GET", ""),
    ],
)  # fmt: skip
def test_a_route_that_nobody_has_classified_needs_admin(method: str, path: str) -> None:
    assert str(find_need(method, path)) == "admin"


def decide(*headers: tuple[bytes, bytes], rules: AccessRules = RULES, route: str = "GET /models") -> object:
    """The status and cause of a refusal, or the caller's name."""
    decided = decide_access(*route.split(), (HOST, *headers), rules)
    return (decided.status, decided.cause) if isinstance(decided, AccessRefusal) else decided.name


def authorize(text: str) -> tuple[bytes, bytes]:
    """A header with a token."""
    return b"authorization", text.encode()


def test_an_explicit_version_needs_the_role_stage_on_every_route_of_a_model() -> None:
    version = (b"x-model-version", b"2")
    for route in ("POST /models/m/predict", "POST /models/m/predict/batch", "GET /models/m/readyz", "POST /invocations",
                  "POST /v2/models/m/infer"):  # fmt: skip
        assert decide(authorize(f"Bearer {TOKENS['predict']}"), route=route) == "predict-caller"
        assert decide(authorize(f"Bearer {TOKENS['predict']}"), version, route=route) == (403, "role")
        assert decide(authorize(f"Bearer {TOKENS['stage']}"), version, route=route) == "stage-caller"
    assert decide(version, route="GET /healthz") == ""


def test_a_caller_without_the_role_loads_no_version(shared_url: str) -> None:
    refused = ask(shared_url, "GET", f"/models/{MODEL}/readyz", **bearer("predict"), **{"X-Model-Version": "77"})
    assert refused.status_code == 403
    assert refused.json()["detail"] == (
        "An explicit version (X-Model-Version) needs the role stage, and the caller 'predict-caller' has the role "
        "predict."
    )
    assert 77 not in [slot["version"] for slot in get(f"{shared_url}/models/{MODEL}").json()["versions"]]


def test_a_token_is_taken_as_bearer_and_as_the_password_of_anybody() -> None:
    token = TOKENS["predict"]
    basic = "Basic " + base64.b64encode(f"anybody:{token}".encode()).decode()
    for text in (f"Bearer {token}", f"bearer {token}", f"Bearer  {token} ", basic):
        assert decide(authorize(text)) == "predict-caller", text
        assert decide(authorize(text), route="POST /models/m/predict") == "predict-caller", text
    for text in (token, f"Token {token}", f"Bearer {token}x", f"Bearer x{token}", f"Bearer {token[:-1]}", "Bearer ",
                 "Basic ***", "Basic " + base64.b64encode(token.encode()).decode(), "Basic " + token):  # fmt: skip
        assert decide(authorize(text)) == (401, "token"), text


def test_a_header_that_is_sent_twice_fits_nothing() -> None:
    own = authorize(f"Bearer {TOKENS['admin']}")
    assert decide(own) == "admin-caller"
    assert decide(own, own) == (401, "token")
    assert decide(own, HOST) == (403, "host")
    assert decide(own, (b"origin", b"http://127.0.0.1:8600"), (b"origin", b"http://127.0.0.1:8600")) == (403, "origin")
    assert decide_access("GET", "/healthz", (), RULES).status == 403  # type: ignore[union-attr]


def test_only_reading_offers_what_makes_a_browser_ask_a_person(shared_url: str) -> None:
    reading, writing = (ask(shared_url, method, "/models/m/predict") for method in ("GET", "POST"))
    assert reading.headers.get_list("WWW-Authenticate") == ['Bearer realm="orrery"', 'Basic realm="orrery"']
    assert writing.headers.get_list("WWW-Authenticate") == ['Bearer realm="orrery"']
    assert reading.json().keys() == writing.json().keys() == {"detail"}


@pytest.mark.parametrize(
    ("path", "keys"), [("/models/m/invocations", {"error_code", "message"}), ("/v2/models/m/infer", {"error"})]
)
def test_a_refusal_has_the_form_of_the_paths_protocol(shared_url: str, path: str, keys: set[str]) -> None:
    refused = ask(shared_url, "POST", path)
    assert (refused.status_code, refused.json().keys()) == (401, keys)


def test_a_page_of_another_server_cannot_use_what_a_browser_remembers(shared_url: str) -> None:
    remembered = "Basic " + base64.b64encode(f"anybody:{TOKENS['predict']}".encode()).decode()
    headers = {"Authorization": remembered, "Origin": "https://elsewhere.example"}
    assert ask(shared_url, "POST", f"/models/{MODEL}/predict", **headers).status_code == 403


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("localhost", True), ("localhost:8600", True), ("LOCALHOST:8600", True), ("127.0.0.1", True),
        ("10.1.2.3:8600", True), ("[::1]:8600", True), ("models.apps.svc", True), ("a.b.apps.svc:80", True),
        ("", False), ("apps.svc", False), ("evilapps.svc", False), ("localhost.evil.example", False),
        ("evil.example", False), ("evil.example@localhost", False), ("localhost:8600:1", False),
        ("localhost, evil.example", False), ("127.1", False), ("2130706433", False),
        ("127.0.0.1.evil.example", False), ("local host", False), ("localhost/..", False),
    ],
)  # fmt: skip
def test_a_host_is_a_listed_name_or_an_address(host: str, is_own: bool) -> None:
    assert is_own_host(host.encode(), frozenset({"localhost", "*.apps.svc"})) is is_own


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        ("http://127.0.0.1:8600", "127.0.0.1:8600", True), ("https://models.example", "models.example", True),
        ("https://models.example", "models.example:443", True), ("http://Models.example:80", "models.EXAMPLE", True),
        ("http://127.0.0.1:3000", "127.0.0.1:8600", False), ("http://10.0.0.9:8600", "127.0.0.1:8600", False),
        ("null", "127.0.0.1", False), ("file://127.0.0.1", "127.0.0.1", False), ("127.0.0.1", "127.0.0.1", False),
        ("https://models.example.evil.example", "models.example", False),
        ("http://models.example:443", "models.example", False),
    ],
)  # fmt: skip
def test_a_page_is_own_only_at_the_very_address_that_it_asks(origin: str, host: str, is_own: bool) -> None:
    assert is_own_origin(origin.encode(), host.encode()) is is_own


def test_every_caller_is_compared_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(known: bytes, sent: bytes) -> bool:
        compared.append(known)
        return known == sent

    monkeypatch.setattr("include.serving.access.hmac.compare_digest", compare)
    for token in (*TOKENS.values(), "of-nobody"):
        compared.clear()
        find_caller(token.encode(), RULES.callers)
        assert compared == [caller.sha256 for caller in RULES.callers]
    assert find_caller(b"", [Caller("empty", RULES.callers[0].role)]) is UNKNOWN


def test_an_open_server_knows_no_tokens_and_still_refuses_foreign_hosts_and_pages() -> None:
    rules = AccessRules(hosts=frozenset({"localhost"}), is_open=True)
    assert decide(rules=rules, route="GET /metrics") == ANYBODY.name
    assert decide((b"origin", b"http://page.example"), rules=rules) == (403, "origin")
    assert decide_access("GET", "/models", [(b"host", b"rebound.example")], rules).status == 403  # type: ignore[union-attr]


def test_readiness_has_reasons_for_callers_only(shared_url: str) -> None:
    known, unknown = get(f"{shared_url}/readyz").json(), ask(shared_url, "GET", "/readyz").json()
    assert "models have a champion" in known["reason"]
    assert unknown == {**known, "reason": "reasons are for callers with a token", "failed": {}}
    wrong = ask(shared_url, "GET", "/readyz", Authorization="Bearer of-nobody")
    assert (wrong.status_code, wrong.json()) == (200, unknown)


def test_refusals_are_counted_by_caller_and_cause_and_no_token_is_told(
    shared_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    ask(shared_url, "GET", "/models", Authorization="Bearer a-secret-that-is-wrong")
    ask(shared_url, "GET", "/metrics", **bearer("stage"))
    ask(shared_url, "GET", "/models", Host="rebound.example")
    told = get(f"{shared_url}/metrics").text
    for labels in (
        'caller="",cause="token",status="401"',
        'caller="stage-caller",cause="role",status="403"',
        'caller="",cause="host",status="403"',
    ):
        assert f"orrery_access_refusals_total{{{labels}}}" in told
    secrets = [*TOKENS.values(), "a-secret-that-is-wrong"]
    assert not [secret for secret in secrets if secret in told + caplog.text + repr(RULES)]


def test_a_client_predicts_with_its_token(shared_url: str) -> None:
    answer = predict(shared_url, {"keys": {"machine_id": 20}}, Authorization=f"Bearer {TOKENS['predict']}")
    assert answer.status_code == 200


def test_the_staging_checks_are_let_in_with_the_role_stage_and_no_lower_one(
    shared_url: str, onnx_folder: Path, rollout_settings: RolloutSettings
) -> None:
    contract = OnnxModel((onnx_folder / "good.onnx").read_bytes()).contract

    def check(role: str) -> Check:
        address = ServerAddress(shared_url, TOKENS[role])
        report = check_staging(address, contract, 2, [], rollout_settings.staging)
        (readiness,) = [check for check in report.checks if check.name == "readiness"]
        return readiness

    assert check("stage").is_passed
    refused = check("predict")
    assert not refused.is_passed
    assert "password of the connection model_server" in refused.reason.replace("host and ", "")
    assert "the caller 'predict-caller' has the role predict" in refused.reason
