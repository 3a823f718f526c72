"""A contract survives the trip through its file, and nothing else passes for one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from include.errors import ServingError
from include.features.catalog import Entity, Feature, GroupTable, Key
from include.registry.contract import ModelContract, SplitRule
from include.warehouse.names import TableName
from tests.unit.registry.conftest import CONTRACT, FEATURES, GROUP

COMPOSITE = replace(
    CONTRACT,
    task="multiclass",
    entity=Entity("site_part", (Key("site_id", "integer"), Key("part", "text"), Key("token", "uuid"))),
    groups=(GROUP, GroupTable("part_weather", TableName("features", "part_weather"), None, "seen_on", 7)),
    features=(Feature("colour", "categorical", "part_weather"), *FEATURES),
    decision={"classes": ["blue", "red"]},
    test_as_of_date=date(2026, 2, 28),
    split=SplitRule("entity", 0.2),
)


@pytest.mark.parametrize("contract", [CONTRACT, COMPOSITE], ids=["one key", "several keys"])
def test_it_is_read_as_it_was_written(contract: ModelContract) -> None:
    assert ModelContract.from_json(contract.to_json()) == contract


def test_numbers_come_first_among_the_names() -> None:
    assert COMPOSITE.feature_names == ("wear", "is_covered", "uses", "colour")


def test_a_contract_of_an_older_release_does_not_say_how_it_was_split() -> None:
    content = json.loads(COMPOSITE.to_json())
    del content["split"]
    assert ModelContract.from_json(json.dumps(content)) == replace(COMPOSITE, split=None)


def test_equal_contracts_give_equal_text() -> None:
    assert replace(CONTRACT).to_json() == CONTRACT.to_json()


@pytest.mark.parametrize(
    "change",
    [
        {"features": None},
        {"entity": {"name": "machine"}},
        {"test_as_of_date": "yesterday"},
        {"groups": [{"name": "a", "table": "no schema"}]},
        {"features": [{"name": "wear", "mood": "numeric"}]},
    ],
)
def test_what_is_no_contract_is_refused(change: dict[str, Any]) -> None:
    content = json.loads(CONTRACT.to_json()) | change
    with pytest.raises(ServingError, match="contract cannot be read"):
        ModelContract.from_json(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"task": "clustering"}, "task 'clustering'"),
        ({"entity": {"name": "machine", "keys": [{"name": "seen_at", "type": "timestamp"}]}}, "key 'seen_at'"),
        ({"features": [{"name": "wear", "kind": "vector", "group": "machine_features"}]}, "feature 'wear'"),
        ({"entity": {"name": "machine", "keys": [{"name": "seen_at", "type": ["text"]}]}}, "key 'seen_at'"),
        ({"split": {"kind": "site", "test_share": 0.2}}, "kind of split 'site'"),
    ],
)
def test_a_type_of_another_release_is_named(change: dict[str, Any], named: str) -> None:
    content = json.loads(CONTRACT.to_json()) | change
    with pytest.raises(ServingError, match=f"contract cannot be read.*{named}"):
        ModelContract.from_json(json.dumps(content))


def test_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(ServingError, match="contract cannot be read"):
        ModelContract.from_json("{")
