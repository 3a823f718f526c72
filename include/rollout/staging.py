"""Real requests to one explicit version, before any customer's request reaches it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from include.rollout.check import Check, list_failures
from include.settings.rollout import StagingCriteria

if TYPE_CHECKING:
    import httpx

Payload = Mapping[str, float | None]

VERSION_HEADER: Final = "X-Model-Version"
_UNKNOWN_FEATURE: Final = "no_such_feature"


@dataclass(frozen=True)
class StagingReport:
    """Every staging check of one version."""

    version: int
    checks: tuple[Check, ...]

    @property
    def is_passed(self) -> bool:
        """Whether every check passed."""
        return all(check.is_passed for check in self.checks)

    @property
    def reason(self) -> str:
        """The checks that did not pass, in words; or that all did."""
        return list_failures(self.checks) or f"all {len(self.checks)} checks passed"


def check_staging(
    server_url: str,
    version: int,
    household_ids: Sequence[int],
    payloads: Sequence[Payload],
    criteria: StagingCriteria,
) -> StagingReport:
    """Ask the model server for ``version`` by name: health, answers by id, payload and batch, refusals, load.

    Args:
        server_url: ``http://host:port``.
        household_ids: households of the online store; at least one.
        payloads: feature values by name, as a client sends them; at least one.

    A server that cannot be reached is a failed check, not an exception. A version that does not get
    ready is asked nothing else.
    """
    import httpx

    headers = {VERSION_HEADER: str(version)}
    with httpx.Client(base_url=server_url, headers=headers, timeout=criteria.request_timeout_s) as client:
        checks = [_check_health(client), _check_ready(client, version, criteria)]
        if all(check.is_passed for check in checks):
            bodies = [{"household_id": household_id} for household_id in household_ids]
            payload_bodies = [{"features": dict(payload)} for payload in payloads]
            checks += [
                _check_answers(client, "predict_by_id", bodies, version),
                _check_answers(client, "predict_by_payload", payload_bodies, version),
                _check_batch(client, [*bodies, *payload_bodies], version),
                *_check_refusals(client, payloads),
                *_check_load(client, [*bodies, *payload_bodies], criteria),
            ]
    return StagingReport(version, tuple(checks))


def find_p95(values: Sequence[float]) -> float | None:
    """The 95th percentile by nearest rank; None without values."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else None


def _check_health(client: httpx.Client) -> Check:
    status, body = _request(client, "GET", "/healthz")
    return Check("health", status == 200, status, 200, f"GET /healthz gave {_describe(status, body)}")


def _check_ready(client: httpx.Client, version: int, criteria: StagingCriteria) -> Check:
    """Asking loads the version, so ask until it is there, failed for good, or out of time."""
    began_at = time.monotonic()
    while True:
        status, body = _request(client, "GET", "/readyz")
        waited_s = time.monotonic() - began_at
        has_failed = isinstance(body, dict) and body.get("status") == "failed"
        if status == 200 or has_failed or waited_s >= criteria.ready_timeout_s:
            reason = f"version {version} after {waited_s:.1f} s: {_describe(status, body)}"
            return Check("readiness", status == 200, round(waited_s, 2), criteria.ready_timeout_s, reason)
        time.sleep(0.1)


def _check_answers(client: httpx.Client, name: str, bodies: Sequence[dict[str, Any]], version: int) -> Check:
    problems = []
    for body in bodies:
        status, answer = _request(client, "POST", "/predict", body)
        if status != 200 or not _is_answer(answer, version):
            problems.append(f"{body} gave {_describe(status, answer)}")
    return _summarise(name, len(bodies), problems)


def _check_batch(client: httpx.Client, bodies: Sequence[dict[str, Any]], version: int) -> Check:
    status, answer = _request(client, "POST", "/predict/batch", {"requests": list(bodies)})
    predictions = answer.get("predictions", []) if isinstance(answer, dict) else []
    good = sum(_is_answer(prediction, version) for prediction in predictions)
    reason = f"{good} of {len(bodies)} rows answered by version {version}"
    if status != 200:
        reason = f"the batch gave {_describe(status, answer)}"
    return Check("predict_batch", bool(bodies) and good == len(bodies), good, len(bodies), reason)


def _check_refusals(client: httpx.Client, payloads: Sequence[Payload]) -> list[Check]:
    """Wrong payloads are the client's fault: 422 that names the feature, never 500 or an answer."""
    if not payloads:
        return []
    good = dict(payloads[0])
    dropped = next(iter(good), "")
    missing = {name: value for name, value in good.items() if name != dropped}
    checks = []
    for name, wrong, named in (
        ("unknown_feature_refused", {**good, _UNKNOWN_FEATURE: 1.0}, _UNKNOWN_FEATURE),
        ("missing_feature_refused", missing, dropped),
        ("text_value_refused", {**good, dropped: "text"}, dropped),
    ):
        status, body = _request(client, "POST", "/predict", {"features": wrong})
        is_passed = status == 422 and named in str(body)
        reason = f"expected 422 that names {named!r}, got {_describe(status, body)}"
        checks.append(Check(name, is_passed, status, 422, reason))
    return checks


def _check_load(client: httpx.Client, bodies: Sequence[dict[str, Any]], criteria: StagingCriteria) -> list[Check]:
    if not bodies:
        return []

    def time_request(index: int) -> tuple[int, float]:
        began_at = time.perf_counter()
        status, _ = _request(client, "POST", "/predict", bodies[index % len(bodies)])
        return status, (time.perf_counter() - began_at) * 1000

    with ThreadPoolExecutor(criteria.load_concurrency) as pool:
        results = list(pool.map(time_request, range(criteria.load_requests)))
    failed = sum(status != 200 for status, _ in results)
    error_rate = failed / len(results)
    p95_ms = find_p95([elapsed_ms for status, elapsed_ms in results if status == 200])
    most, most_ms = criteria.error_rate_max, criteria.latency_p95_max_ms
    rate_reason = f"{failed} of {len(results)} requests failed under load"
    latency_reason = (
        "no request succeeded, so there is no latency"
        if p95_ms is None
        else f"p95 of {len(results)} requests was {p95_ms:.1f} ms, at most {most_ms:g} ms is allowed"
    )
    return [
        Check("load_error_rate", error_rate <= most, error_rate, most, rate_reason),
        Check("latency_p95", p95_ms is not None and p95_ms <= most_ms, p95_ms, most_ms, latency_reason),
    ]


def _summarise(name: str, asked: int, problems: list[str]) -> Check:
    if not asked:
        return Check(name, False, 0, 1, "nothing was asked: hand in at least one example")
    reason = f"{asked - len(problems)} of {asked} answered well"
    if problems:
        reason += f"; first problem: {problems[0]}"
    return Check(name, not problems, asked - len(problems), asked, reason)


def _is_answer(answer: Any, version: int) -> bool:
    if not isinstance(answer, dict) or answer.get("model_version") != version:
        return False
    probability = answer.get("probability")
    return isinstance(probability, float | int) and 0 <= probability <= 1


def _request(client: httpx.Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and parsed body; status 0 and the error's text when no answer came."""
    import httpx

    try:
        response = client.request(method, path, json=body)
        return response.status_code, response.json()
    except (httpx.HTTPError, ValueError) as error:
        return 0, f"{type(error).__name__}: {error}"


def _describe(status: int, body: Any) -> str:
    return f"{status or 'no answer'}: {str(body)[:300]}"
