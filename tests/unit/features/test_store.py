"""What is said of a group and of a label table once they are built."""

from __future__ import annotations

from include.features.catalog import Catalog
from include.features.store import describe_group, describe_labels
from include.warehouse.session import open_session


def test_a_group_is_described(plant_uri: str, catalog: Catalog) -> None:
    assert describe_group(plant_uri, catalog.groups["repairs"]) == {
        "group": "repairs", "version": 1, "features": 1, "as_of_dates": 3, "newest_as_of": "2024-03-18", "rows": 3,
    }  # fmt: skip


def test_an_empty_label_table_is_described(plant_uri: str, catalog: Catalog) -> None:
    with open_session(plant_uri) as session:
        session.execute("create table features.outage_labels (as_of_date date, failed boolean)")
    assert describe_labels(plant_uri, catalog.labels["outage_labels"]) == {
        "label": "outage_labels", "horizon_days": 7, "as_of_dates": 0, "newest_as_of": None, "rows": 0,
    }  # fmt: skip
