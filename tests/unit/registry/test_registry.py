"""Versions and aliases in a real MLflow, which follow what stands in the warehouse."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from include.errors import RegistryError
from include.registry.ledger import RegisteredVersion, require_version
from include.registry.registry import CANDIDATE, CHAMPION, find_alias_run, register_run, set_alias
from include.servers.ports import find_free_port
from include.warehouse.session import open_session
from tests.unit.registry.conftest import MakeResult
from tests.unit.registry.planting import plant_candidate, register

GATES = [
    {
        "name": "baseline", "is_passed": True, "observed": 0.02, "threshold": 0.005, "reason": "better",
        "severity": "blocking",
    }
]  # fmt: skip


def ask(tracking_uri: str, endpoint: str, **parameters: str) -> dict[str, Any]:
    answer = httpx.get(f"{tracking_uri}/api/2.0/mlflow/{endpoint}", params=parameters).raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def read_alias(tracking_uri: str, model_name: str, alias: str) -> dict[str, Any]:
    """MLflow's version with an alias."""
    found: dict[str, Any] = ask(tracking_uri, "registered-models/alias", name=model_name, alias=alias)["model_version"]
    return found


def delete_model(tracking_uri: str, model_name: str) -> None:
    path = f"{tracking_uri}/api/2.0/mlflow/registered-models/delete"
    httpx.request("DELETE", path, json={"name": model_name}).raise_for_status()


def read(uri: str, model_name: str, version: int) -> RegisteredVersion:
    with open_session(uri) as session:
        return require_version(session, model_name, version)


def test_a_candidate_is_registered_with_its_facts_and_its_alias(
    warehouse_uri: str, tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    result = make_result()
    version = register(warehouse_uri, tracking_uri, model_name, result, "production", GATES)
    found = read_alias(tracking_uri, model_name, CANDIDATE)
    assert (int(found["version"]), found["run_id"], found["source"]) == (version, result["run_id"], result["model_uri"])
    tags = {tag["key"]: tag["value"] for tag in found["tags"]}
    expected = {
        "score": "0.85", "score_low": "0.83", "score_high": "0.87", "score_name": "auc", "task": "binary",
        "family": "logistic_regression", "data_version": "d1", "feature_version": "machine_features=1",
        "code_revision": "c1", "trained_by": "scientist", "test_as_of_date": "2017-12-04", "decision": "production",
        "onnx_sha256": result["onnx_sha256"], "baseline_score": "0.8", "baseline_feature": "wear",
    }  # fmt: skip
    assert {key: tags[key] for key in expected} == expected
    assert json.loads(tags["gates"]) == GATES
    assert json.loads(tags["metrics"]) == result["metrics"]


@pytest.mark.parametrize(
    ("page", "description"),
    [(None, ""), ("https://example.com/candidates", "[Page of this candidate](https://example.com/candidates)")],
)
def test_a_version_leads_to_the_page_of_its_candidate_where_the_address_is_known(
    warehouse_uri: str, tracking_uri: str, model_name: str, make_result: MakeResult, page: str | None, description: str
) -> None:
    run_id = plant_candidate(warehouse_uri, model_name, make_result())
    with open_session(warehouse_uri) as session:
        register_run(session, tracking_uri, model_name, run_id, page)
    assert read_alias(tracking_uri, model_name, CANDIDATE).get("description", "") == description


def test_the_same_run_registers_once(
    warehouse_uri: str, tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    first, other = make_result(), make_result()
    assert [register(warehouse_uri, tracking_uri, model_name, result) for result in (first, first, other)] == [1, 1, 2]


@pytest.mark.parametrize("decision", ["refuse", None])
def test_what_was_refused_or_never_judged_is_not_registered(
    warehouse_uri: str, tracking_uri: str, model_name: str, make_result: MakeResult, decision: str | None
) -> None:
    result = make_result()
    if decision is None:
        from include.registry.ledger import record_candidate

        with open_session(warehouse_uri) as session:
            record_candidate(session, model_name, result)
    else:
        plant_candidate(warehouse_uri, model_name, result, decision)
    with pytest.raises(RegistryError, match=f"newest decision in ml.decisions is {decision!r}"):  # noqa: SIM117
        with open_session(warehouse_uri) as session:
            register_run(session, tracking_uri, model_name, result["run_id"])
    assert find_alias_run(tracking_uri, model_name, CANDIDATE) is None


def test_a_run_of_another_model_or_of_nobody_is_not_registered(
    warehouse_uri: str, tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    run_id = plant_candidate(warehouse_uri, "another", make_result())
    for unknown in (run_id, "0" * 32):
        with pytest.raises(RegistryError, match="nothing was trained"), open_session(warehouse_uri) as session:
            register_run(session, tracking_uri, model_name, unknown)


def test_the_baseline_is_registered_as_champion_without_a_decision(
    warehouse_uri: str, tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    version = register(warehouse_uri, tracking_uri, model_name, make_result(family="baseline"))
    assert read(warehouse_uri, model_name, version).decision == "baseline"
    assert int(read_alias(tracking_uri, model_name, CHAMPION)["version"]) == version
    assert find_alias_run(tracking_uri, model_name, CANDIDATE) is None


def test_an_alias_moves_to_the_version_that_gets_it(
    warehouse_uri: str, tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    versions = [register(warehouse_uri, tracking_uri, model_name, make_result()) for _ in range(2)]
    for number in (*versions, versions[1]):
        with open_session(warehouse_uri) as session:
            set_alias(session, tracking_uri, CHAMPION, require_version(session, model_name, number))
    assert find_alias_run(tracking_uri, model_name, CHAMPION) == read(warehouse_uri, model_name, versions[1]).run_id


def test_a_number_is_given_once_although_mlflow_counts_from_1_again(
    warehouse_uri: str, tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    approved = [register(warehouse_uri, tracking_uri, model_name, make_result()) for _ in range(2)]
    before = read(warehouse_uri, model_name, approved[0])
    delete_model(tracking_uri, model_name)
    later = register(warehouse_uri, tracking_uri, model_name, make_result())
    assert (approved, later) == ([1, 2], 3)
    assert int(read_alias(tracking_uri, model_name, CANDIDATE)["version"]) == 1
    assert read(warehouse_uri, model_name, 1) == before


def test_the_champion_of_a_model_that_was_deleted_is_registered_again_when_it_gets_its_alias(
    warehouse_uri: str, tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    version = read(warehouse_uri, model_name, register(warehouse_uri, tracking_uri, model_name, make_result()))
    delete_model(tracking_uri, model_name)
    with open_session(warehouse_uri) as session:
        set_alias(session, tracking_uri, CHAMPION, version)
    found = read_alias(tracking_uri, model_name, CHAMPION)
    assert (found["run_id"], found["source"]) == (version.run_id, version.model_uri)


def test_a_version_of_somebody_elses_under_the_same_run_does_not_get_the_alias(
    warehouse_uri: str, tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    result = make_result()
    run_id = plant_candidate(warehouse_uri, model_name, result)
    api = f"{tracking_uri}/api/2.0/mlflow"
    httpx.post(f"{api}/registered-models/create", json={"name": model_name}).raise_for_status()
    planted = {"name": model_name, "source": f"runs:/{run_id}/another", "run_id": run_id}
    httpx.post(f"{api}/model-versions/create", json=planted).raise_for_status()
    with open_session(warehouse_uri) as session:
        register_run(session, tracking_uri, model_name, run_id)
    assert read_alias(tracking_uri, model_name, CANDIDATE)["source"] == result["model_uri"]


def test_tags_that_somebody_rewrites_decide_nothing(
    warehouse_uri: str, tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    number = register(warehouse_uri, tracking_uri, model_name, make_result(), "staging")
    before = read(warehouse_uri, model_name, number)
    for key, value in {"decision": "production", "trained_by": "nobody", "onnx_sha256": "0" * 64}.items():
        tag = {"name": model_name, "version": str(number), "key": key, "value": value}
        httpx.post(f"{tracking_uri}/api/2.0/mlflow/model-versions/set-tag", json=tag).raise_for_status()
    after = read(warehouse_uri, model_name, number)
    assert after == before
    assert (after.decision, after.trained_by) == ("staging", "scientist")


def test_an_absent_server_is_a_registry_error_that_says_so(warehouse_uri: str, model_name: str) -> None:
    nowhere = f"http://127.0.0.1:{find_free_port()}"
    with pytest.raises(RegistryError, match=rf"MLflow at {nowhere} is away .*tried again"):
        find_alias_run(nowhere, model_name, CHAMPION)
