"""What is read out of dbt's manifest, and what is said of a declaration that does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import SettingsError
from include.features.catalog import Catalog, Entity, Feature, Key, read_catalog
from include.warehouse.names import TableName

ENTITY = Entity("site_part", (Key("site_id", "integer"), Key("part", "text")))


def test_a_group_has_its_entity_its_tables_and_its_features_by_kind(catalog: Catalog) -> None:
    group = catalog.groups["readings"]

    assert group.entity == ENTITY
    assert (group.table, group.online) == (TableName("features", "readings"), TableName("online", "readings_latest"))
    assert group.features == (
        Feature("heat", "numeric", "readings"),
        Feature("is_new", "boolean", "readings"),
        Feature("maker", "categorical", "readings"),
    )


def test_a_label_table_has_its_kinds_and_its_horizon_also_as_text(catalog: Catalog) -> None:
    label = catalog.labels["outage_labels"]

    assert label.columns == {"failed": "binary", "hours": "regression"}
    assert label.horizon_days == 7


def test_models_without_meta_are_neither(catalog: Catalog) -> None:
    assert set(catalog.groups) == {"readings", "repairs"}
    assert set(catalog.labels) == {"outage_labels"}


def test_a_column_can_be_left_out_and_be_of_sets(manifest: dict[str, Any]) -> None:
    columns = manifest["nodes"]["model.plant.readings"]["columns"]
    columns["maker"]["config"]["meta"] = {"feature": False}
    columns["heat"]["meta"] = {"sets": ["basic"]}

    group = read_catalog(manifest).groups["readings"]

    assert [feature.name for feature in group.features] == ["heat", "is_new"]
    assert [feature.name for feature in group.select(("basic",))] == ["heat"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entty": "machine"}, r"'readings', meta\.feature_group.*unknown key 'entty'; did you mean 'entity'\?"),
        ({"keys": ["site"]}, r"keys names 'site', which its yml does not list\. Did you mean 'site_id'\?"),
        ({"keys": []}, r"key 'keys'"),
        ({"keys": ["heat"]}, r"key 'heat' is of type 'double precision'"),
        ({"event_time": "as_of"}, r"event_time names 'as_of'.*Did you mean 'as_of_date'\?"),
        (
            {"online": "reading_latest"},
            r"online names 'reading_latest', which is no dbt model\. Did you mean 'readings_latest'\?",
        ),
        ({"cadence_days": 0}, r"key 'cadence_days'"),
    ],
)
def test_a_mistake_in_meta_is_named_with_the_nearest_key(
    manifest: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    manifest["nodes"]["model.plant.readings"]["config"]["meta"]["feature_group"].update(change)
    with pytest.raises(SettingsError, match=f"(?s){message}"):
        read_catalog(manifest).check()


def test_one_mistake_leaves_the_other_groups_and_labels(manifest: dict[str, Any]) -> None:
    manifest["nodes"]["model.plant.readings"]["config"]["meta"]["feature_group"]["entty"] = "machine"

    catalog = read_catalog(manifest)

    assert (set(catalog.groups), set(catalog.labels)) == ({"repairs"}, {"outage_labels"})
    assert set(catalog.errors) == {"readings"}


def test_every_mistake_is_said_at_once_to_who_builds_the_project(manifest: dict[str, Any]) -> None:
    manifest["nodes"]["model.plant.readings"]["config"]["meta"]["feature_group"]["entty"] = "machine"
    manifest["nodes"]["model.plant.outage_labels"]["config"]["meta"]["label"]["ownr"] = "maintenance"
    with pytest.raises(SettingsError, match=r"(?s)'outage_labels'.*'ownr'.*'readings'.*'entty'"):
        read_catalog(manifest).check()


def test_a_misspelt_declaration_is_not_taken_for_the_analysts_own_meta(manifest: dict[str, Any]) -> None:
    meta = manifest["nodes"]["model.plant.readings"]["config"]["meta"]
    meta["feature_groop"] = meta.pop("feature_group")
    with pytest.raises(SettingsError, match=r"unknown key 'meta\.feature_groop'; did you mean 'meta\.feature_group'\?"):
        read_catalog(manifest).check()


def test_a_label_column_that_is_not_there_is_named(manifest: dict[str, Any]) -> None:
    manifest["nodes"]["model.plant.outage_labels"]["config"]["meta"]["label"]["columns"] = {"faild": "binary"}
    with pytest.raises(SettingsError, match=r"label\.columns names 'faild'.*Did you mean 'failed'\?"):
        read_catalog(manifest).check()


def test_a_feature_of_another_type_is_named_with_the_remedy(manifest: dict[str, Any]) -> None:
    manifest["nodes"]["model.plant.readings"]["columns"]["heat"]["data_type"] = "jsonb"
    with pytest.raises(SettingsError, match=r"feature 'heat' is of type 'jsonb'.*feature: false"):
        read_catalog(manifest).check()
