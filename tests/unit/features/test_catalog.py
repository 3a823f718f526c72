"""What is read out of dbt's manifest, and what is said of a declaration that does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import SettingsError
from include.features.catalog import Catalog, Entity, Feature, FeatureDetail, Key, read_catalog
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


def test_a_feature_has_what_its_yml_says_for_people_and_for_its_validation(manifest: dict[str, Any]) -> None:
    columns = manifest["nodes"]["model.plant.readings"]["columns"]
    columns["heat"] |= {
        "description": "Degrees.",
        "config": {"meta": {"tags": ["sensor"], "max_null_share": 0.1, "minimum": -40, "maximum": 200}},
    }

    group = read_catalog(manifest).groups["readings"]

    assert group.details["heat"] == FeatureDetail("Degrees.", ("sensor",), 0.1, -40.0, 200.0)
    assert group.details["maker"] == FeatureDetail()


def test_an_online_model_elsewhere_is_the_source_of_the_online_table(manifest: dict[str, Any]) -> None:
    manifest["nodes"]["model.plant.readings_latest"] |= {"schema": "latest", "alias": "readings"}

    group = read_catalog(manifest).groups["readings"]

    assert (group.online_source, group.online) == (TableName("latest", "readings"), TableName("online", "readings"))


@pytest.mark.parametrize(
    ("column", "limits", "message"),
    [
        ("maker", {"minimum": 1}, "minimum and maximum are for numbers, and 'maker' is text"),
        ("heat", {"minimum": 2, "maximum": 1}, "the minimum of 'heat' is above its maximum"),
        ("heat", {"max_null_share": 2}, "key 'max_null_share'"),
        ("heat", {"minimun": 2}, "did you mean 'minimum'"),
    ],
)
def test_limits_that_do_not_fit_a_feature_are_named(
    manifest: dict[str, Any], column: str, limits: dict[str, Any], message: str
) -> None:
    manifest["nodes"]["model.plant.readings"]["columns"][column]["config"]["meta"] = limits

    assert message in read_catalog(manifest).errors["readings"]


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


def change_node(manifest: dict[str, Any], name: str, meta: dict[str, Any], columns: dict[str, str]) -> None:
    """Change a declaration, and the types of its columns; columns that are not there are added."""
    node = manifest["nodes"][f"model.plant.{name}"]
    next(node["config"]["meta"][part] for part in ("feature_group", "label") if part in node["config"]["meta"]).update(
        meta
    )
    for column, data_type in columns.items():
        node["columns"][column] = {"name": column, "data_type": data_type, "config": {"meta": {}}}


@pytest.mark.parametrize(
    ("name", "meta", "columns", "message"),
    [
        ("readings", {}, {"as_of_date": "timestamp"}, r"event time 'as_of_date' is of type 'timestamp'.*Cast it"),
        ("readings", {}, {"as_of_date": ""}, r"event time 'as_of_date' is of type 'unknown'"),
        ("readings", {"keys": ["part", "part"]}, {}, r"keys names 'part' twice"),
        ("readings", {"keys": ["as_of_date"]}, {}, r"'as_of_date' is both the event time and a key"),
        ("readings", {"keys": ["model_version"]}, {"model_version": "integer"}, r"key 'model_version'.*Rename"),
        ("readings", {}, {"is_found": "boolean"}, r"feature 'is_found'.*Rename"),
        ("outage_labels", {}, {"as_of_date": "text"}, r"event time 'as_of_date' is of type 'text'"),
        ("outage_labels", {"columns": {"part": "multiclass"}}, {}, r"label 'part' is also a key"),
        ("outage_labels", {"columns": {"as_of_date": "regression"}}, {}, r"label 'as_of_date' is also .* event time"),
        ("outage_labels", {}, {"failed": "text"}, r"label 'failed' is binary, but of type 'text'.*boolean.*Cast it"),
        ("outage_labels", {}, {"failed": "double precision"}, r"label 'failed' is binary, but of type 'double"),
        ("outage_labels", {}, {"hours": "text"}, r"label 'hours' is regression, but of type 'text'"),
        ("outage_labels", {}, {"hours": "boolean"}, r"label 'hours' is regression, but of type 'boolean'"),
        ("outage_labels", {"columns": {"hours": "multiclass"}}, {}, r"'hours' is multiclass, but of type 'double"),
    ],
)
def test_a_column_that_the_tables_of_a_model_cannot_take_is_refused(
    manifest: dict[str, Any], name: str, meta: dict[str, Any], columns: dict[str, str], message: str
) -> None:
    change_node(manifest, name, meta, columns)
    with pytest.raises(SettingsError, match=rf"(?s)dbt model '{name}': .*{message}"):
        read_catalog(manifest).check()


@pytest.mark.parametrize(
    ("kind", "data_type"),
    [("binary", "integer"), ("multiclass", "text"), ("multiclass", "smallint"), ("multiclass", "boolean"),
     ("regression", "integer"), ("regression", "numeric(10, 2)")],
)  # fmt: skip
def test_a_label_of_each_kind_has_the_types_that_its_task_takes(
    manifest: dict[str, Any], kind: str, data_type: str
) -> None:
    change_node(manifest, "outage_labels", {"columns": {"level": kind}}, {"level": data_type})
    assert read_catalog(manifest).labels["outage_labels"].columns == {"level": kind}


def test_a_feature_may_be_called_as_a_column_of_the_scores(manifest: dict[str, Any]) -> None:
    change_node(manifest, "readings", {}, {"decision": "text"})
    assert "decision" in [feature.name for feature in read_catalog(manifest).groups["readings"].features]


def test_a_left_out_column_may_have_any_name(manifest: dict[str, Any]) -> None:
    change_node(manifest, "readings", {}, {"label": "jsonb"})
    manifest["nodes"]["model.plant.readings"]["columns"]["label"]["config"]["meta"] = {"feature": False}
    assert not read_catalog(manifest).errors


@pytest.mark.parametrize("own", [{"labels": ["pii", "gold"]}, {"labels": {"tier": 1}}, {"sla_hours": {"entity": 4}}])
def test_the_analysts_own_meta_is_left_alone(manifest: dict[str, Any], own: dict[str, Any]) -> None:
    manifest["nodes"]["model.plant.readings"]["config"]["meta"].update(own)
    assert not read_catalog(manifest).errors


def test_a_declaration_in_the_plural_is_named(manifest: dict[str, Any]) -> None:
    meta = manifest["nodes"]["model.plant.outage_labels"]["config"]["meta"]
    meta["labels"] = meta.pop("label")
    with pytest.raises(SettingsError, match=r"unknown key 'meta\.labels'; did you mean 'meta\.label'\?"):
        read_catalog(manifest).check()
