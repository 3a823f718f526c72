"""Staging asks a real server; each way of being bad fails a check of its own."""

from __future__ import annotations

import pytest

from include.local.ports import find_free_port
from include.rollout.staging import StagingReport, check_staging, find_p95
from include.settings.rollout import RolloutSettings, StagingCriteria
from tests.unit.serving.live_server import Shelf, get, make_features, post, read_log, wait_until

HOUSEHOLDS = [1, 7, 20]
PAYLOADS = [make_features(1), make_features(20)]
NAMES = [
    "health",
    "readiness",
    "predict_by_id",
    "predict_by_payload",
    "predict_batch",
    "unknown_feature_refused",
    "missing_feature_refused",
    "text_value_refused",
    "load_error_rate",
    "latency_p95",
]


@pytest.fixture
def criteria(rollout_settings: RolloutSettings) -> StagingCriteria:
    """Those of development, with patience."""
    return rollout_settings.staging


def list_failed(report: StagingReport) -> list[str]:
    """The names of the checks that did not pass."""
    return [check.name for check in report.checks if not check.is_passed]


def test_a_good_version_passes_every_check_beside_the_champion(
    server_url: str, online_uri: str, criteria: StagingCriteria
) -> None:
    report = check_staging(server_url, 2, HOUSEHOLDS, PAYLOADS, criteria)
    assert report.is_passed, report.reason
    assert [check.name for check in report.checks] == NAMES
    assert report.reason == "all 10 checks passed"
    assert all(check.observed is not None and check.threshold is not None for check in report.checks)
    assert get(server_url).json()["predictions"].keys() == {"staging"}
    wait_until(lambda: len(read_log(online_uri)) == criteria.load_requests + 2 * 5)
    assert {(row["variant"], row["model_version"]) for row in read_log(online_uri)} == {("staging", 2)}


@pytest.mark.parametrize(
    ("file", "failed", "reason"),
    [
        ("corrupt", ["readiness"], "no ONNX model"),
        ("raising", ["predict_by_id", "predict_by_payload", "predict_batch", "load_error_rate", "latency_p95"], "500"),
        ("nan", ["predict_by_id", "predict_by_payload", "predict_batch", "load_error_rate", "latency_p95"], "500"),
    ],
)
def test_a_bad_version_is_stopped_here(
    server_url: str, shelf: Shelf, criteria: StagingCriteria, file: str, failed: list[str], reason: str
) -> None:
    shelf.files[9] = file
    report = check_staging(server_url, 9, HOUSEHOLDS, PAYLOADS, criteria)
    assert not report.is_passed
    assert list_failed(report) == failed
    assert reason in report.reason
    assert post(f"{server_url}/predict", json={"household_id": 1}).json()["model_version"] == 1


def test_a_version_that_never_gets_ready_is_asked_nothing_else(server_url: str, criteria: StagingCriteria) -> None:
    impatient = criteria.model_copy(update={"ready_timeout_s": 0.01})
    report = check_staging(server_url, 77, HOUSEHOLDS, PAYLOADS, impatient)
    assert [check.name for check in report.checks] == ["health", "readiness"]
    assert list_failed(report) == ["readiness"]


def test_a_slow_version_fails_the_latency_check_alone(server_url: str, shelf: Shelf, criteria: StagingCriteria) -> None:
    shelf.files[9] = "slow"
    strict = criteria.model_copy(update={"latency_p95_max_ms": 100.0, "load_requests": 6})
    report = check_staging(server_url, 9, HOUSEHOLDS[:1], PAYLOADS[:1], strict)
    assert list_failed(report) == ["latency_p95"]


def test_a_household_that_the_online_store_lacks_is_a_failed_check(server_url: str, criteria: StagingCriteria) -> None:
    report = check_staging(server_url, 2, [1, 999_999], PAYLOADS, criteria)
    assert {"predict_by_id", "predict_batch", "load_error_rate"} == set(list_failed(report))
    assert "999999" in report.reason


def test_nothing_to_ask_is_a_failed_check(server_url: str, criteria: StagingCriteria) -> None:
    report = check_staging(server_url, 2, [], [], criteria)
    assert list_failed(report) == ["predict_by_id", "predict_by_payload", "predict_batch"]


def test_a_server_that_is_away_is_a_failed_check(criteria: StagingCriteria) -> None:
    impatient = criteria.model_copy(update={"ready_timeout_s": 0.2})
    report = check_staging(f"http://127.0.0.1:{find_free_port()}", 2, HOUSEHOLDS, PAYLOADS, impatient)
    assert list_failed(report) == ["health", "readiness"]
    assert "ConnectError" in report.reason


def test_p95_is_the_nearest_rank() -> None:
    assert find_p95([float(number) for number in range(1, 101)]) == 95.0
    assert find_p95([3.0]) == 3.0
    assert find_p95([]) is None
