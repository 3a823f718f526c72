"""A model's file against the catalog."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.errors import SettingsError
from include.features.catalog import Catalog, Entity, Key, read_catalog
from include.features.spec import ModelSpec, resolve_model
from include.settings import load_settings
from tests.unit.settings.conftest import WriteModel, config_dir, write_model

__all__ = ["config_dir", "write_model"]


@pytest.fixture
def resolve(config_dir: Path, write_model: WriteModel, catalog: Catalog) -> Any:
    """Resolves a model of both groups with changes to its file."""

    def run(**changes: Any) -> ModelSpec:
        usual = {"label": "outage_labels.failed", "features": {"groups": ["readings", "repairs"]}}
        write_model("outages", **{**usual, **changes})
        return resolve_model(load_settings(config_dir, "development").models["outages"], catalog)

    return run


def test_a_model_has_the_features_of_its_groups_in_their_order(resolve: Any) -> None:
    spec = resolve()

    assert [feature.name for feature in spec.features] == ["heat", "is_new", "maker", "repairs_28d"]
    assert spec.entity.key_names == ("site_id", "part")
    assert spec.horizon_days == 7
    assert str(spec.predictions_table) == "ml.outages_predictions"
    assert spec.feature_version == "readings=1,repairs=1"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"label": "outage_label.failed"},
            r"models/outages\.yml: label names.*'outage_label'.*did you mean 'outage_labels'\?",
        ),
        ({"label": "outage_labels.fail"}, r"has no label 'fail'; did you mean 'failed'\?"),
        ({"label": "outage_labels.hours"}, r"task is binary, but the label outage_labels\.hours is regression"),
        (
            {"features": {"groups": ["reading"]}},
            r"names 'reading', which is no feature group; did you mean 'readings'\?",
        ),
        ({"features": {"groups": ["readings"], "sets": ["basics"]}}, r"'basics', which is no feature set"),
        (
            {"gates": {"fairness": {"attributes": ["makers"]}}},
            r"models/outages\.yml: gates\.fairness\.attributes names 'makers'.*did you mean 'maker'\?",
        ),
        (
            {"gates": {"stability": {"segments": ["site"]}}},
            r"models/outages\.yml: gates\.stability\.segments names 'site'.*no column of its feature groups",
        ),
    ],
)
def test_what_the_catalog_does_not_have_is_named(resolve: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        resolve(**changes)


def test_gates_may_group_by_what_is_no_feature_of_the_model(
    config_dir: Path, write_model: WriteModel, manifest: dict[str, Any]
) -> None:
    columns = manifest["nodes"]["model.plant.readings"]["columns"]
    columns["maker"]["config"]["meta"]["feature"] = False
    columns["seen_at"] = {"name": "seen_at", "data_type": "timestamp", "config": {"meta": {"feature": False}}}
    gates = {"fairness": {"attributes": ["maker", "heat"]}, "stability": {"segments": ["is_new"]}}
    write_model("outages", label="outage_labels.failed", features={"groups": ["readings"]}, gates=gates)
    model = load_settings(config_dir, "development").models["outages"]

    spec = resolve_model(model, read_catalog(manifest))

    assert [item.name for item in spec.features] == ["heat", "is_new"]
    assert [(item.name, item.kind, item.group) for item in spec.attributes] == [("maker", "categorical", "readings")]


@pytest.mark.parametrize(("node", "part"), [("repairs", "feature_group"), ("outage_labels", "label")])
def test_a_mistake_in_dbt_is_said_to_the_models_that_use_it(
    config_dir: Path, write_model: WriteModel, manifest: dict[str, Any], node: str, part: str
) -> None:
    manifest["nodes"][f"model.plant.{node}"]["config"]["meta"][part]["ownr"] = "maintenance"
    write_model("outages", label="outage_labels.failed", features={"groups": ["readings", "repairs"]})
    with pytest.raises(SettingsError, match=rf"(?s)'{node}', meta\.{part}.*unknown key 'ownr'; did you mean 'owner'\?"):
        resolve_model(load_settings(config_dir, "development").models["outages"], read_catalog(manifest))


def test_a_mistake_in_dbt_does_not_stop_the_other_models(
    config_dir: Path, write_model: WriteModel, manifest: dict[str, Any]
) -> None:
    manifest["nodes"]["model.plant.repairs"]["config"]["meta"]["feature_group"]["ownr"] = "maintenance"
    write_model("outages", label="outage_labels.failed", features={"groups": ["readings"]})

    spec = resolve_model(load_settings(config_dir, "development").models["outages"], read_catalog(manifest))

    assert [group.name for group in spec.groups] == ["readings"]


@pytest.mark.parametrize(
    "entity",
    [
        Entity("machine", (Key("site_id", "integer"), Key("part", "text"))),
        Entity("site_part", (Key("site_id", "integer"),)),
        Entity("site_part", (Key("site_id", "text"), Key("part", "text"))),
    ],
)
def test_a_group_of_another_entity_is_refused(
    config_dir: Path, write_model: WriteModel, catalog: Catalog, entity: Entity
) -> None:
    write_model("outages", label="outage_labels.failed", features={"groups": ["readings"]})
    other = Catalog({"readings": replace(catalog.groups["readings"], entity=entity)}, catalog.labels)
    with pytest.raises(
        SettingsError, match=r"the group 'readings' is of the entity .*, the label 'outage_labels' of site_part"
    ):
        resolve_model(load_settings(config_dir, "development").models["outages"], other)


def test_two_groups_with_one_feature_are_refused(config_dir: Path, write_model: WriteModel, catalog: Catalog) -> None:
    write_model("outages", label="outage_labels.failed", features={"groups": ["readings", "repairs"]})
    doubled = replace(catalog.groups["readings"], name="repairs")
    other = Catalog({**catalog.groups, "repairs": doubled}, catalog.labels)
    with pytest.raises(SettingsError, match=r"both have a feature 'heat'"):
        resolve_model(load_settings(config_dir, "development").models["outages"], other)


@pytest.fixture
def declared_sets(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with one feature in the set `early`, one in `late`, and the others in none."""
    columns = manifest["nodes"]["model.plant.readings"]["columns"]
    columns["heat"]["config"] = {"meta": {"sets": ["early"]}}
    columns["is_new"]["config"] = {"meta": {"sets": ["late"]}}
    return manifest


def resolve_compared(config_dir: Path, write_model: WriteModel, manifest: dict[str, Any], **features: Any) -> ModelSpec:
    """A model of the readings that compares sets."""
    write_model("outages", label="outage_labels.failed", features={"groups": ["readings"], **features})
    return resolve_model(load_settings(config_dir, "development").models["outages"], read_catalog(manifest))


def test_compared_sets_hold_their_own_features_and_the_model_all(
    config_dir: Path, write_model: WriteModel, declared_sets: dict[str, Any]
) -> None:
    compare = {"small": ["early"], "large": ["early", "late"]}
    spec = resolve_compared(config_dir, write_model, declared_sets, compare=compare)

    found = {name: [item.name for item in features] for name, features in spec.feature_sets.items()}
    assert found == {"small": ["heat"], "large": ["heat", "is_new"]}
    assert {"heat", "is_new"} < {item.name for item in spec.features}


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"compare": {"small": ["earli"]}}, r"compare\.small names 'earli'.*did you mean 'early'\?"),
        ({"compare": {"a": ["early"], "b": ["early"]}}, r"compare\.b holds the same features as features\.compare\.a"),
        ({"sets": ["early"], "compare": {"a": ["late"]}}, r"compare\.a holds no feature that features\.sets lets"),
    ],
)
def test_a_comparison_that_compares_nothing_is_named(
    config_dir: Path, write_model: WriteModel, declared_sets: dict[str, Any], features: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        resolve_compared(config_dir, write_model, declared_sets, **features)
