"""The declared models as exposures of dbt."""

from __future__ import annotations

from include.features.catalog import load_catalog
from include.features.dbt_docs import describe_exposures
from include.features.manifest import build_manifest
from include.settings import load_settings


def test_every_declared_model_is_an_exposure_of_its_groups_and_its_label() -> None:
    models = load_settings().models
    build_manifest()

    exposures = {one["name"]: one for one in describe_exposures(models, load_catalog())["exposures"]}

    assert list(exposures) == list(models)
    for name, model in models.items():
        one = exposures[name]
        assert one["type"] == "ml"
        assert one["owner"] == {"name": model.owner}
        assert one["description"] == model.description
        assert {f"ref('{table}')" for table in (*model.features.groups, model.label_table)} < {*one["depends_on"]}
        assert one["config"]["meta"]["approvers"] == list(model.governance.all_approvers)
