"""Staging asks a server that speaks the protocol; each way of being bad fails a check of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from include.features.read import EntityRow, read_online_rows
from include.registry.onnx import OnnxModel
from include.rollout.known_answers import compute_answers, find_difference
from include.rollout.server_address import ServerAddress
from include.rollout.staging import StagingReport, check_staging, find_p95, judge_probes
from include.servers.ports import find_free_port
from include.settings.rollout import HealthCriteria, RolloutSettings, StagingCriteria
from include.tasks import TASKS
from include.warehouse.session import open_session
from tests.unit.rollout.stand_in_server import TOKEN, StandIn, serve, stand_in_for
from tests.unit.scoring.registered_models import MACHINE, PART, TEST_DAY, TICKET, ModelCase, make_onnx

VERSION = 7
ANSWERS = ["predict_by_keys", "predict_by_features", "predict_batch"]
REFUSALS = ["unknown_feature_refused", "missing_feature_refused", "wrong_type_refused", "wrong_key_refused"]
NAMES = [
    "health", "readiness", "health_probes", *ANSWERS[:2], "known_answers", ANSWERS[2], *REFUSALS, "load_error_rate",
    "latency_p95",
]  # fmt: skip


@dataclass
class Staged:
    """A server with one version of a model, and rows of its online store."""

    case: ModelCase
    url: str
    server: StandIn
    rows: list[EntityRow]
    token: str = TOKEN

    def check(self, criteria: StagingCriteria, rows: list[EntityRow] | None = None) -> StagingReport:
        """Ask about the rows."""
        address = ServerAddress(self.url, self.token)
        asked = self.rows if rows is None else rows
        known = compute_answers(self.server.model, asked)
        return check_staging(address, self.case.contract, VERSION, asked, criteria, known)


@pytest.fixture
def criteria(rollout_settings: RolloutSettings) -> StagingCriteria:
    """Those of development, with few requests under load and a latency that no machine misses."""
    return rollout_settings.staging.model_copy(update={"load_requests": 12, "latency_p95_max_ms": 60_000.0})


@pytest.fixture
def staged(warehouse_uri: str, case: ModelCase) -> Iterator[Staged]:
    """Four entities in the online store, and a server that knows them."""
    case.create_tables(warehouse_uri)
    case.add_day(warehouse_uri, TEST_DAY, entities=4)
    contract = case.contract
    with open_session(warehouse_uri) as session:
        session.execute(f"create table {case.group.online} as select * from {case.group.table}")
        rows = read_online_rows(session, contract.entity, contract.groups, contract.features, 4)
    server = stand_in_for(OnnxModel(make_onnx(case)), rows)
    with serve(server) as url:
        yield Staged(case, url, server, rows)


only_machines = pytest.mark.parametrize("case", [MACHINE], ids=["binary"])


def list_failed(report: StagingReport) -> list[str]:
    """The names of the checks that did not pass."""
    return [check.name for check in report.checks if not check.is_passed]


def test_a_good_version_of_each_kind_passes_every_check(staged: Staged, criteria: StagingCriteria) -> None:
    report = staged.check(criteria)

    assert report.is_passed, report.reason
    assert [check.name for check in report.checks] == NAMES
    assert report.reason == "all 13 checks passed"
    assert all(check.observed is not None and check.threshold is not None for check in report.checks)


def test_every_request_names_the_version_and_goes_to_the_model(staged: Staged, criteria: StagingCriteria) -> None:
    staged.check(criteria)

    paths = {path for path, _ in staged.server.paths}
    prefix = f"/models/{staged.case.name}"
    assert paths == {"/healthz", f"{prefix}/readyz", f"{prefix}/predict", f"{prefix}/predict/batch"}
    assert {version for _, version in staged.server.paths} == {str(VERSION)}


@pytest.mark.parametrize(
    ("fault", "failed", "reason"),
    [
        ("failed", ["readiness"], "no model"),
        ("raising", NAMES[3:], "500"),
        ("drifting", ["known_answers"], "the registered file says"),
        ("dying", ["health_probes"], "1 of 4 times healthy"),
        ("flapping", ["health_probes"], "3 in a row are asked for"),
        ("other_version", ANSWERS, "version 1 answered"),
        ("short_batch", ["predict_batch"], "7 of 8 rows"),
        ("nameless", REFUSALS, "expected 422 that names"),
        ("lenient", ["known_answers", *REFUSALS], "expected 422"),
    ],
)
def test_a_bad_version_is_stopped_here(
    staged: Staged, criteria: StagingCriteria, fault: str, failed: list[str], reason: str
) -> None:
    staged.server.faults.add(fault)
    report = staged.check(criteria)
    assert list_failed(report) == failed
    assert reason in report.reason


def test_an_answer_of_nothing_is_stopped_here(staged: Staged, criteria: StagingCriteria) -> None:
    staged.server.faults.add("null")
    report = staged.check(criteria)
    assert set(ANSWERS) <= set(list_failed(report)) <= {*ANSWERS, "known_answers"}
    assert "prediction None" in report.reason


@pytest.mark.parametrize(
    ("probes", "is_healthy"),
    [
        ([], None), ([True, True], None), ([True, True, True], True), ([False], None), ([False, False], False),
        ([False, True, True], None), ([False, True, True, True], True), ([True, False, True, False, False], False),
    ],
)  # fmt: skip
def test_a_version_is_healthy_after_successes_in_a_row(probes: list[bool], is_healthy: bool | None) -> None:
    health = HealthCriteria(initial_delay_s=0, interval_s=1, failure_threshold=2, success_threshold=3)
    assert judge_probes(probes, health) is is_healthy


@pytest.mark.parametrize(
    ("known", "found", "is_same"),
    [
        ({"prediction": True, "probability": 0.5}, {"prediction": True, "probability": 0.50005}, True),
        # Just at the threshold a decision may go either way.
        ({"prediction": True, "probability": 0.5}, {"prediction": False, "probability": 0.49995}, True),
        ({"prediction": True, "probability": 0.5}, {"prediction": True, "probability": 0.501}, False),
        ({"prediction": True, "probability": 0.5}, {}, False),
        ({"prediction": "a", "probabilities": {"a": 0.6, "b": 0.4}},
         {"prediction": "a", "probabilities": {"a": 0.4, "b": 0.6}}, False),
        ({"prediction": 20_000.0}, {"prediction": 20_001.0}, True),
        ({"prediction": 20_000.0}, {"prediction": 20_010.0}, False),
    ],
)  # fmt: skip
def test_answers_are_compared_by_their_numbers(known: dict[str, Any], found: dict[str, Any], is_same: bool) -> None:
    assert (find_difference(known, found, 1e-4) is None) is is_same


@only_machines
def test_a_slow_version_fails_the_latency_check_alone(staged: Staged, criteria: StagingCriteria) -> None:
    staged.server.faults.add("slow")
    strict = criteria.model_copy(update={"latency_p95_max_ms": 100.0, "load_requests": 4})
    assert list_failed(staged.check(strict, staged.rows[:1])) == ["latency_p95"]


def test_an_entity_that_the_online_store_lacks_is_a_failed_check(staged: Staged, criteria: StagingCriteria) -> None:
    staged.server.rows.popitem()
    report = staged.check(criteria)
    assert list_failed(report) == ["predict_by_keys", "predict_batch", "load_error_rate"]
    assert "is not known" in report.reason


@only_machines
def test_nothing_to_ask_is_a_failed_check(staged: Staged, criteria: StagingCriteria) -> None:
    assert list_failed(staged.check(criteria, [])) == ANSWERS


@only_machines
def test_a_server_that_is_away_is_a_failed_check(staged: Staged, criteria: StagingCriteria) -> None:
    impatient = criteria.model_copy(update={"ready_timeout_s": 0.2})
    report = replace(staged, url=f"http://127.0.0.1:{find_free_port()}").check(impatient)
    assert list_failed(report) == ["health", "readiness"]
    assert "ConnectError" in report.reason


@only_machines
@pytest.mark.parametrize(("token", "status"), [("", 401), ("of-somebody-else", 401), ("of-the-traffic", 403)])
def test_a_token_that_is_refused_ends_the_waiting_and_names_the_connection(
    staged: Staged, criteria: StagingCriteria, token: str, status: int
) -> None:
    patient = criteria.model_copy(update={"ready_timeout_s": 1e6})
    report = replace(staged, token=token).check(patient)
    assert list_failed(report) == ["readiness"]
    assert f"{status}: " in report.reason
    assert "password of the connection model_server" in report.reason
    assert "the role stage" in report.reason
    assert not token or token not in report.reason


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        (MACHINE, {"prediction": "true", "probability": 0.7}),
        (MACHINE, {"prediction": True}),
        (MACHINE, {"prediction": True, "probability": 1.2}),
        (MACHINE, {"prediction": True, "probability": float("nan")}),
        (MACHINE, {"prediction": 1, "probability": 0.7}),
        (PART, {"prediction": "7"}),
        (PART, {"prediction": True}),
        (PART, {"prediction": float("inf")}),
        (PART, {}),
        (TICKET, {"prediction": "violet", "probabilities": {"blue": 0.2, "green": 0.3, "red": 0.5}}),
        (TICKET, {"prediction": "red"}),
        (TICKET, {"prediction": "red", "probabilities": {"blue": 0.2, "red": 0.8}}),
        (TICKET, {"prediction": "red", "probabilities": {"blue": 0.2, "green": -0.3, "red": 0.5}}),
    ],
)
def test_an_answer_that_is_none_of_its_kind_is_found(case: ModelCase, answer: dict[str, Any]) -> None:
    assert TASKS[case.contract.task].check_answer(answer, case.contract.decision)


def test_p95_is_the_nearest_rank() -> None:
    assert find_p95([float(number) for number in range(1, 101)]) == 95.0
    assert find_p95([3.0]) == 3.0
    assert find_p95([]) is None
