"""Groups and labels of machines, as dbt's manifest tells of them and as tables of a warehouse."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from include.features.catalog import Catalog, read_catalog
from include.warehouse.session import open_session


def describe_model(
    name: str, columns: dict[str, str], meta: dict[str, Any], schema: str = "features"
) -> dict[str, Any]:
    """A model as it stands in the manifest."""
    return {
        "name": name,
        "resource_type": "model",
        "schema": schema,
        "alias": name,
        "description": f"About {name}.",
        "config": {"meta": meta},
        "columns": {
            column: {"name": column, "data_type": data_type, "config": {"meta": {}}, "meta": {}}
            for column, data_type in columns.items()
        },
    }


KEYS = {"site_id": "bigint", "part": "text"}
GROUP_META = {"entity": "site_part", "keys": ["site_id", "part"], "event_time": "as_of_date", "owner": "maintenance"}
MODELS = [
    describe_model(
        "readings",
        {
            "as_of_date": "date",
            **KEYS,
            "heat": "double precision",
            "is_new": "boolean",
            "maker": "character varying(20)",
        },
        {"feature_group": {**GROUP_META, "online": "readings_latest"}, "team": "blue"},
    ),
    describe_model(
        "repairs",
        {"as_of_date": "date", **KEYS, "repairs_28d": "numeric(10, 2)"},
        {"feature_group": {**GROUP_META, "online": "repairs_latest", "cadence_days": 7}},
    ),
    describe_model("readings_latest", {}, {}, schema="online"),
    describe_model("repairs_latest", {}, {}, schema="online"),
    describe_model(
        "outage_labels",
        {"as_of_date": "date", **KEYS, "failed": "boolean", "hours": "double precision"},
        {"label": {**GROUP_META, "columns": {"failed": "binary", "hours": "regression"}, "horizon_days": "7"}},
    ),
]


@pytest.fixture
def manifest() -> dict[str, Any]:
    """A manifest of two groups of one entity with two keys, and of one label table."""
    nodes = {f"model.plant.{node['name']}": node for node in copy.deepcopy(MODELS)}
    return {"nodes": nodes, "sources": {}}


@pytest.fixture
def catalog(manifest: dict[str, Any]) -> Catalog:
    """The same, read."""
    return read_catalog(manifest)


@pytest.fixture
def plant_uri(warehouse_uri: str) -> str:
    """The groups' tables: two parts over three weeks of days, repairs once a week, the newest rows online."""
    with open_session(warehouse_uri) as session:
        session.execute(
            "create table features.readings as select day::date as as_of_date, 1::bigint as site_id, part, "
            "extract(day from day)::float8 as heat, part = 'fan' as is_new, nullif(part, 'fan') as maker "
            "from generate_series(date '2024-03-01', '2024-03-21', interval '1 day') as day, "
            "unnest(array['fan', 'pump']) as part"
        )
        session.execute(
            "create table features.repairs as select as_of_date, site_id, part, heat::numeric(10, 2) as repairs_28d "
            "from features.readings where extract(isodow from as_of_date) = 1 and part = 'fan'"
        )
        for name in ("readings", "repairs"):
            session.execute(
                f"create table online.{name} as select distinct on (site_id, part) * from features.{name} "
                "order by site_id, part, as_of_date desc"
            )
    return warehouse_uri
