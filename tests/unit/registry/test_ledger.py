"""What decides about production is only ever appended to, and read as it was written."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from psycopg import errors

from include.errors import RegistryError
from include.registry.ledger import (
    add_version,
    find_last_decision,
    find_newest,
    find_version,
    list_versions,
    read_gates,
    record_candidate,
    record_decision,
    record_gates,
    require_version,
)
from include.warehouse.session import open_session
from tests.unit.registry.planting import make_measured, plant_candidate, plant_version

TABLES = (
    "ml.candidates",
    "ml.gate_results",
    "ml.decisions",
    "ml.versions",
    "governance.approvals",
    "serving.rollout_events",
)


def make_gate(name: str, **replaced: Any) -> dict[str, Any]:
    return {
        "name": name, "is_passed": True, "observed": 0.9, "threshold": 0.5, "severity": "blocking", "reason": "fine",
    } | replaced  # fmt: skip


@pytest.fixture
def filled_uri(warehouse_uri: str) -> str:
    """A warehouse with a row in each of the tables."""
    plant_version(warehouse_uri, "failures", make_measured(), gates=[make_gate("parity")])
    with open_session(warehouse_uri) as session:
        session.execute(
            "insert into governance.approvals (model_name, model_version, decision, answered_by, trained_by, dag_id, "
            "run_id) values ('failures', 1, 'approved', 'ada', 'grace', 'd', 'r')"
        )
        session.execute(
            "insert into serving.rollout_events (model_name, event, challenger_weight) values ('failures', 'x', 0)"
        )
    return warehouse_uri


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", ["update {} set at = now()", "delete from {}", "truncate {} cascade"])
def test_rows_that_are_written_stay(filled_uri: str, table: str, change: str) -> None:
    with open_session(filled_uri) as session:
        before = session.fetch_all(f"select * from {table}")
    assert len(before) == 1
    with pytest.raises(errors.RaiseException, match="only ever appended"), open_session(filled_uri) as session:
        session.execute(change.format(table))
    with open_session(filled_uri) as session:
        assert session.fetch_all(f"select * from {table}") == before


def test_a_version_is_read_as_it_was_measured_and_decided(warehouse_uri: str) -> None:
    measured = make_measured(trained_by="grace")
    number = plant_version(warehouse_uri, "failures", measured, "staging")
    with open_session(warehouse_uri) as session:
        version = require_version(session, "failures", number)
        assert list_versions(session, "failures") == [version]
        assert find_version(session, "failures", number + 1) is None
        assert find_version(session, "units", number) is None
        with pytest.raises(RegistryError, match="'units' has no version 1 in"):
            require_version(session, "units", number)
    assert (version.decision, version.trained_by, version.result) == ("staging", "grace", measured)
    assert (version.run_id, version.onnx_sha256) == (measured["run_id"], measured["onnx_sha256"])


def test_the_newest_decision_counts(warehouse_uri: str) -> None:
    measured = make_measured()
    number = plant_version(warehouse_uri, "failures", measured, "staging")
    with open_session(warehouse_uri) as session:
        record_decision(session, measured["run_id"], "production", ["all gates passed"])
        assert require_version(session, "failures", number).decision == "production"
        last = find_last_decision(session, "failures")
        assert last is not None
        assert (last["decision"], last["reasons"]) == ("production", ["all gates passed"])
        assert last["assembled_at"].isoformat() == "2026-03-01T12:00:00+00:00"
        assert find_last_decision(session, "units") is None


def test_a_decision_that_is_none_is_refused(warehouse_uri: str) -> None:
    run_id = plant_candidate(warehouse_uri, "failures", make_measured())
    with pytest.raises(errors.CheckViolation), open_session(warehouse_uri) as session:
        record_decision(session, run_id, "perhaps", [])


def test_nothing_is_decided_about_a_run_that_was_not_fitted_here(warehouse_uri: str) -> None:
    with pytest.raises(errors.ForeignKeyViolation), open_session(warehouse_uri) as session:
        record_decision(session, "0" * 32, "production", [])


def test_a_run_that_is_measured_again_keeps_what_was_measured_first(warehouse_uri: str) -> None:
    measured = make_measured()
    plant_candidate(warehouse_uri, "failures", measured)
    with open_session(warehouse_uri) as session:
        record_candidate(session, "failures", measured | {"onnx_sha256": "f" * 64, "trained_by": "eve"})
        rows = session.fetch_all("select onnx_sha256, trained_by from ml.candidates")
    assert rows == [{"onnx_sha256": "0" * 64, "trained_by": "scientist"}]


def test_the_newest_answer_of_each_gate_counts_in_the_order_of_the_gates(warehouse_uri: str) -> None:
    run_id = plant_candidate(warehouse_uri, "failures", make_measured())
    again = make_gate("parity", is_passed=False, observed=float("inf"), reason="worse")
    with open_session(warehouse_uri) as session:
        record_gates(session, run_id, [make_gate("parity"), make_gate("leakage")])
        record_gates(session, run_id, [again])
        found = read_gates(session, run_id)
    assert found == [make_gate("leakage"), again | {"observed": None}]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_run_has_one_number_and_a_number_one_run(warehouse_uri: str) -> None:
    runs = [plant_candidate(warehouse_uri, "failures", make_measured()) for _ in range(3)]
    given = []
    for run_id, suggested in zip((runs[0], runs[0], runs[1], runs[2]), (1, 5, 7, 1), strict=True):
        with open_session(warehouse_uri) as session:
            given.append(add_version(session, "failures", run_id, suggested))
    assert given == [1, 1, 7, 8]


def test_numbers_that_are_asked_for_at_once_differ(warehouse_uri: str) -> None:
    runs = [plant_candidate(warehouse_uri, "failures", make_measured()) for _ in range(8)]

    def number(run_id: str) -> int:
        with open_session(warehouse_uri) as session:
            return add_version(session, "failures", run_id, 1)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(number, runs)) == [*range(1, 9)]


def test_the_newest_version_of_a_moment_is_found_and_the_baseline_apart(warehouse_uri: str) -> None:
    plant_version(warehouse_uri, "failures", make_measured(family="baseline"))
    first = plant_version(warehouse_uri, "failures", make_measured())
    second = plant_version(warehouse_uri, "failures", make_measured())
    with open_session(warehouse_uri) as session:
        baseline, then, now = (
            find_newest(session, "failures", is_baseline=True),
            find_newest(session, "failures", until=require_version(session, "failures", first).registered_at),
            find_newest(session, "failures"),
        )
        assert baseline is not None and then is not None and now is not None
        assert (baseline.version, then.version, now.version) == (1, first, second)
        early = then.registered_at - timedelta(hours=1)
        assert find_newest(session, "failures", until=early) is None
        assert find_newest(session, "units") is None
