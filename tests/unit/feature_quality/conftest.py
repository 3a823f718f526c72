"""A feature group of machines with three kinds of features and two keys, in a warehouse, with its online model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from include.features.catalog import Entity, Feature, FeatureDetail, FeatureGroup, Key
from include.settings.features import FeatureSettings
from include.warehouse.names import TableName
from include.warehouse.session import open_session

ENTITY = Entity("site_part", (Key("site_id", "integer"), Key("part", "text")))
FEATURES = (
    Feature("heat", "numeric", "readings"),
    Feature("is_new", "boolean", "readings"),
    Feature("maker", "categorical", "readings"),
)
READINGS = (
    "create table features.readings (as_of_date date, site_id bigint, part text, heat double precision, "
    "is_new boolean, maker text)",
    "create view latest.readings as select distinct on (site_id, part) * from features.readings "
    "order by site_id, part, as_of_date desc",
)
"""The group's table, and the view that its online model makes."""
DATES = 10
PARTS = 20


def make_group(version: int = 1, **details: Mapping[str, Any]) -> FeatureGroup:
    """The group; ``details`` are limits by feature."""
    return FeatureGroup(
        name="readings",
        description="Readings of parts.",
        owner="maintenance",
        version=version,
        entity=ENTITY,
        event_time="as_of_date",
        table=TableName("features", "readings"),
        online=TableName("online", "readings"),
        cadence_days=1,
        features=FEATURES,
        sets={feature.name: () for feature in FEATURES},
        online_model="readings_latest",
        online_source=TableName("latest", "readings"),
        details={name: replace(FeatureDetail(), **limits) for name, limits in details.items()},
    )


@pytest.fixture
def group() -> FeatureGroup:
    """The group without declared limits."""
    return make_group()


@pytest.fixture
def settings() -> FeatureSettings:
    """The defaults, with comparisons of as few rows as there are here."""
    return FeatureSettings.model_validate({"drift": {"min_rows": 10}})


@pytest.fixture
def uri(warehouse_uri: str) -> str:
    """Ten days of twenty parts: heat 1 to 20 a day, every tenth maker missing."""
    with open_session(warehouse_uri) as session:
        for statement in READINGS:
            session.execute(statement)
        for number in range(DATES):
            add_day(session, number)
    return warehouse_uri


def add_day(session: Any, number: int, heat: str = "part::float8", parts: int = PARTS) -> None:
    """Rows of the day ``2024-03-01`` plus ``number``; ``heat`` is an SQL expression over ``part`` (1 to ``parts``)."""
    session.execute(
        f"insert into features.readings select date '2024-03-01' + {number}, 1, 'p' || part, {heat}, part % 2 = 0, "
        f"case when part % 10 = 0 then null when part % 3 = 0 then 'acme' else 'bolt' end "
        f"from generate_series(1, {parts}) as part"
    )
