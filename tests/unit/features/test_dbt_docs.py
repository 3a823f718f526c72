"""The declared models as exposures of dbt."""

from __future__ import annotations

from include.features.catalog import load_catalog
from include.features.dbt_docs import describe_exposures
from include.features.manifest import build_manifest
from include.features.spec import resolve_model
from include.settings import load_settings


def test_every_declared_model_is_an_exposure_of_its_groups_and_its_label() -> None:
    models = load_settings().models
    build_manifest()

    exposures = {one["name"]: one for one in describe_exposures(models, load_catalog())["exposures"]}

    assert list(exposures) == [*models, *(f"{name}_list" for name in models)]
    for name, model in models.items():
        one = exposures[name]
        assert one["type"] == "ml"
        assert one["owner"] == {"name": model.owner}
        assert one["description"] == model.description
        assert {f"ref('{table}')" for table in (*model.features.groups, model.label_table)} < {*one["depends_on"]}
        assert one["config"]["meta"]["approvers"] == list(model.governance.all_approvers)


def test_the_newest_scores_of_each_model_are_a_source_and_the_list_made_of_them_an_exposure() -> None:
    models = load_settings().models
    build_manifest()
    catalog = load_catalog()

    content = describe_exposures(models, catalog)

    (source,) = content["sources"]
    tables = {one["name"]: one for one in source["tables"]}
    lists = [one for one in content["exposures"] if one["type"] == "analysis"]
    assert source["schema"] == "ml"
    assert list(tables) == [f"{name}_latest_predictions" for name in models]
    for one, (name, model) in zip(lists, models.items(), strict=True):
        table = tables[f"{name}_latest_predictions"]
        columns = [column["name"] for column in table["columns"]]
        assert one["depends_on"] == [f"source('{source['name']}', '{table['name']}')"]
        assert one["owner"] == {"name": model.owner}
        assert {*resolve_model(model, catalog).entity.key_names, "prediction", "decision", "reasons"} < {*columns}
        assert all(column["description"] for column in table["columns"])


def test_without_models_there_is_no_source() -> None:
    assert describe_exposures({}, load_catalog()) == {"exposures": [], "sources": []}
