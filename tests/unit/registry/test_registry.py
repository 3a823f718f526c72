"""Versions and aliases, against a real MLflow server."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from include.errors import RegistryError
from include.registry.registry import (
    get_alias,
    list_versions,
    read_version,
    register_baseline,
    register_candidate,
    set_alias,
)
from include.servers.ports import find_free_port
from tests.unit.registry.conftest import MakeResult

GATES = [{"name": "baseline", "is_passed": True, "observed": 0.02, "threshold": 0.005, "reason": "better"}]


def test_a_candidate_is_registered_with_its_facts_and_its_alias(
    tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    started_at = datetime.now(UTC)
    baseline = make_result(family="baseline", baseline_feature="wear", score=0.8)
    result = make_result()
    version = register_candidate(tracking_uri, model_name, result, "production", GATES, baseline)
    found = read_version(tracking_uri, model_name, "candidate")
    assert found is not None
    assert (found.version, found.run_id, found.aliases) == (version, result["run_id"], ("candidate",))
    assert found.created_at.timestamp() == pytest.approx(started_at.timestamp(), abs=60)
    expected = {
        "score": "0.85", "score_low": "0.83", "score_high": "0.87", "score_name": "auc", "task": "binary",
        "family": "logistic_regression", "data_version": "d1", "feature_version": "machine_features=1",
        "code_revision": "c1", "trained_by": "scientist", "test_as_of_date": "2017-12-04", "decision": "production",
        "onnx_sha256": result["onnx_sha256"], "baseline_score": "0.8", "baseline_feature": "wear",
    }  # fmt: skip
    assert {key: found.tags[key] for key in expected} == expected
    assert json.loads(found.tags["gates"]) == GATES
    assert json.loads(found.tags["metrics"]) == result["metrics"]


def test_the_same_run_registers_once(tracking_uri: str, model_name: str, make_result: MakeResult) -> None:
    result = make_result()
    first = register_candidate(tracking_uri, model_name, result, "staging", GATES)
    again = register_candidate(tracking_uri, model_name, result, "staging", GATES)
    other = register_candidate(tracking_uri, model_name, make_result(), "staging", GATES)
    assert (first, again, other) == (1, 1, 2)
    assert [item.version for item in list_versions(tracking_uri, model_name)] == [2, 1]


@pytest.mark.parametrize("decision", ["refuse", "baseline", ""])
def test_what_was_refused_is_not_registered(tracking_uri: str, model_name: str, decision: str) -> None:
    with pytest.raises(RegistryError, match=f"not for '{decision}'"):
        register_candidate(tracking_uri, model_name, {}, decision)
    assert list_versions(tracking_uri, model_name) == []


def test_the_first_baseline_becomes_champion_and_no_later_one_is_registered(
    tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    first = make_result(family="baseline", baseline_feature="wear")
    assert register_baseline(tracking_uri, model_name, first) == 1
    candidate = register_candidate(tracking_uri, model_name, make_result(), "production")
    set_alias(tracking_uri, model_name, "champion", candidate)
    second = make_result(family="baseline", baseline_feature="wear")
    assert register_baseline(tracking_uri, model_name, second) == candidate
    assert get_alias(tracking_uri, model_name, "champion") == candidate
    found = list_versions(tracking_uri, model_name)
    assert [(item.version, item.tags["decision"]) for item in found] == [(2, "production"), (1, "baseline")]


def test_a_version_is_found_by_number_as_number_or_text(
    tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    version = register_candidate(tracking_uri, model_name, make_result(), "staging")
    assert read_version(tracking_uri, model_name, version) == read_version(tracking_uri, model_name, str(version))


def test_what_does_not_exist_is_none(tracking_uri: str, model_name: str, make_result: MakeResult) -> None:
    assert read_version(tracking_uri, model_name, "champion") is None
    assert read_version(tracking_uri, model_name, 1) is None
    register_candidate(tracking_uri, model_name, make_result(), "staging")
    assert read_version(tracking_uri, model_name, "champion") is None
    assert read_version(tracking_uri, model_name, 2) is None
    assert get_alias(tracking_uri, model_name, "challenger") is None


def test_an_alias_moves_to_the_version_that_gets_it(
    tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    one = register_candidate(tracking_uri, model_name, make_result(), "production")
    two = register_candidate(tracking_uri, model_name, make_result(), "production")
    for version in (one, two, two):
        set_alias(tracking_uri, model_name, "champion", version)
    assert get_alias(tracking_uri, model_name, "champion") == two


def test_an_alias_for_a_version_that_does_not_exist_is_refused(
    tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    register_candidate(tracking_uri, model_name, make_result(), "staging")
    with pytest.raises(RegistryError, match="refused POST"):
        set_alias(tracking_uri, model_name, "champion", 99)


def test_an_absent_server_is_a_registry_error_that_says_so(model_name: str) -> None:
    uri = f"http://127.0.0.1:{find_free_port()}"
    with pytest.raises(RegistryError, match=rf"MLflow at {uri} is away .*tried again"):
        read_version(uri, model_name, "champion")
