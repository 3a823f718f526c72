"""Real requests to one explicit version, before any client's request reaches it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from include.features.read import EntityRow
from include.registry.contract import ModelContract
from include.rollout.check import Check, list_failures
from include.rollout.known_answers import find_difference
from include.rollout.requests import Request, list_refused, list_requests
from include.rollout.server_address import ServerAddress
from include.settings.rollout import HealthCriteria, StagingCriteria
from include.tasks import TASKS

if TYPE_CHECKING:
    import httpx

VERSION_HEADER: Final = "X-Model-Version"

_REFUSED: Final = {
    401: "the model server does not know the token. Put one with the role stage into the password of the connection "
    "model_server",
    403: "the model server lets this caller not ask for a version. Correct host and password of the connection "
    "model_server: a name that the server has, and a token with the role stage",
}


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


@dataclass(frozen=True)
class StagedVersion:
    """The version under test, and the client that asks for it."""

    client: httpx.Client
    contract: ModelContract
    version: int

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and parsed body of a route of the model; status 0 and the error's text when no answer came."""
        return request_json(self.client, method, f"/models/{self.contract.model}{path}", body)

    def find_problem(self, answer: Any) -> str | None:
        """What is wrong with an answer, in words; None for a good one."""
        if not isinstance(answer, dict):
            return "the answer is no JSON object"
        if answer.get("model_version") != self.version:
            return f"version {answer.get('model_version')} answered"
        return TASKS[self.contract.task].check_answer(answer, self.contract.decision)


def check_staging(
    server: ServerAddress, contract: ModelContract, version: int, rows: Sequence[EntityRow], criteria: StagingCriteria,
    known: Sequence[Mapping[str, Any]] = (),
) -> StagingReport:  # fmt: skip
    """Ask the model server for ``version``: health, answers by keys, by features and in a batch, refusals, load.

    A server that cannot be reached, or refuses the token, is a failed check, not an exception. A version that does not
    get ready is asked nothing else.

    Args:
        server: its token has the role ``stage``.
        contract: of the version.
        rows: entities of the online store with the contract's features; at least one.
        known: what the registered file answers to their features (see ``include.rollout.known_answers``).
    """
    import httpx

    headers = {**server.headers, VERSION_HEADER: str(version)}
    with httpx.Client(base_url=server.url, headers=headers, timeout=criteria.request_timeout_s) as client:
        staged = StagedVersion(client, contract, version)
        checks = [_check_health(client), _check_ready(staged, criteria)]
        if all(check.is_passed for check in checks):
            by_keys, by_features = list_requests(contract, rows)
            checks += [
                _check_probes(staged, criteria.health),
                _check_answers(staged, "predict_by_keys", by_keys),
                _check_answers(staged, "predict_by_features", by_features),
                *_check_known(staged, by_features, known, criteria.answer_tolerance),
                _check_batch(staged, [*by_keys, *by_features]),
                *_check_refusals(staged, rows),
                *_check_load(staged, [*by_keys, *by_features], criteria),
            ]
    return StagingReport(version, tuple(checks))


def find_p95(values: Sequence[float]) -> float | None:
    """The 95th percentile by nearest rank; None without values."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else None


def request_json(client: httpx.Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and parsed body; status 0 and the error's text when no answer came."""
    import httpx

    try:
        response = client.request(method, path, json=body)
        return response.status_code, response.json()
    except (httpx.HTTPError, ValueError) as error:
        return 0, f"{type(error).__name__}: {error}"


def _check_health(client: httpx.Client) -> Check:
    status, body = request_json(client, "GET", "/healthz")
    return Check("health", status == 200, status, 200, f"GET /healthz gave {_describe(status, body)}")


def _check_ready(staged: StagedVersion, criteria: StagingCriteria) -> Check:
    """Asking loads the version, so ask until it is there, failed for good, or out of time."""
    began_at = time.monotonic()
    while True:
        status, body = staged.ask("GET", "/readyz")
        waited_s = time.monotonic() - began_at
        has_failed = isinstance(body, dict) and body.get("status") == "failed"
        if status in _REFUSED:
            return Check("readiness", False, status, 200, f"{_REFUSED[status]}; it says {_describe(status, body)}")
        if status == 200 or has_failed or waited_s >= criteria.ready_timeout_s:
            reason = f"version {staged.version} after {waited_s:.1f} s: {_describe(status, body)}"
            return Check("readiness", status == 200, round(waited_s, 2), criteria.ready_timeout_s, reason)
        time.sleep(0.1)


def judge_probes(probes: Sequence[bool], health: HealthCriteria) -> bool | None:
    """Whether a version is healthy by what was found so far, in order; None while that is open.

    Args:
        probes: of each time whether it was well.
    """
    for count, is_well in ((health.success_threshold, True), (health.failure_threshold, False)):
        if len(probes) >= count and all(probe is is_well for probe in probes[-count:]):
            return is_well
    return None


def _check_probes(staged: StagedVersion, health: HealthCriteria) -> Check:
    """Ask the server and the version again and again, until enough answers in a row are good, or bad.

    One that goes back and forth for ten times as long as it would take is not healthy.
    """
    time.sleep(health.initial_delay_s)
    probes: list[bool] = []
    seen, last = "", 10 * max(health.success_threshold, health.failure_threshold)
    while (is_healthy := judge_probes(probes, health)) is None and len(probes) < last:
        if probes:
            time.sleep(health.interval_s)
        answers = [request_json(staged.client, "GET", "/healthz"), staged.ask("GET", "/readyz")]
        bad = [_describe(*answer) for answer in answers if answer[0] != 200]
        probes.append(not bad)
        seen = bad[0] if bad else seen
    good = sum(probes)
    reason = f"{good} of {len(probes)} times healthy, {health.success_threshold} in a row are asked for"
    if seen:
        reason += f"; the last failure: {seen}"
    return Check("health_probes", is_healthy is True, good, health.success_threshold, reason)


def _check_known(
    staged: StagedVersion, requests: Sequence[Request], known: Sequence[Mapping[str, Any]], tolerance: float
) -> list[Check]:
    """Whether the server answers as the registered file does; nothing where that was not asked."""
    problems = []
    for body, expected in zip(requests, known, strict=False):
        status, answer = staged.ask("POST", "/predict", body)
        answered = answer if status == 200 and isinstance(answer, dict) else {}
        problem = find_difference(expected, answered, tolerance)
        if problem:
            problems.append(f"{body} gave {_describe(status, answer)}: {problem}")
    return [_summarise("known_answers", len(known), problems)] if known else []


def _check_answers(staged: StagedVersion, name: str, requests: Sequence[Request]) -> Check:
    problems = []
    for body in requests:
        status, answer = staged.ask("POST", "/predict", body)
        problem = f"status {status}" if status != 200 else staged.find_problem(answer)
        if problem:
            problems.append(f"{body} gave {_describe(status, answer)} ({problem})")
    return _summarise(name, len(requests), problems)


def _check_batch(staged: StagedVersion, requests: Sequence[Request]) -> Check:
    status, answer = staged.ask("POST", "/predict/batch", {"requests": list(requests)})
    predictions = answer.get("predictions") if isinstance(answer, dict) else None
    problems = [staged.find_problem(one) for one in predictions] if isinstance(predictions, list) else []
    good, asked = problems.count(None), len(requests)
    reason = f"{good} of {asked} rows answered by version {staged.version}"
    if status != 200:
        reason = f"the batch gave {_describe(status, answer)}"
    elif good != len(problems):
        reason += f"; first problem: {next(problem for problem in problems if problem)}"
    return Check("predict_batch", bool(asked) and good == len(problems) == asked, good, asked, reason)


def _check_refusals(staged: StagedVersion, rows: Sequence[EntityRow]) -> list[Check]:
    """Wrong requests are the client's mistake: 422 that names the field, never 500 or an answer."""
    checks = []
    for name, wrong in list_refused(staged.contract, rows[0]).items() if rows else ():
        problems = []
        for named, body in wrong:
            status, answer = staged.ask("POST", "/predict", body)
            if status != 422 or named not in str(answer):
                problems.append(f"expected 422 that names {named!r}, got {_describe(status, answer)}")
        checks.append(_summarise(name, len(wrong), problems))
    return checks


def _check_load(staged: StagedVersion, requests: Sequence[Request], criteria: StagingCriteria) -> list[Check]:
    if not requests:
        return []
    with ThreadPoolExecutor(criteria.load_concurrency) as pool:
        results = list(pool.map(partial(_time_request, staged, requests), range(criteria.load_requests)))
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


def _time_request(staged: StagedVersion, requests: Sequence[Request], index: int) -> tuple[int, float]:
    began_at = time.perf_counter()
    status, _ = staged.ask("POST", "/predict", requests[index % len(requests)])
    return status, (time.perf_counter() - began_at) * 1000


def _summarise(name: str, asked: int, problems: list[str]) -> Check:
    if not asked:
        return Check(name, False, 0, 1, "nothing was asked: the online store has no row to ask about")
    reason = f"{asked - len(problems)} of {asked} answered as expected"
    if problems:
        reason += f"; first problem: {problems[0]}"
    return Check(name, not problems, asked - len(problems), asked, reason)


def _describe(status: int, body: Any) -> str:
    return f"{status or 'no answer'}: {str(body)[:300]}"
