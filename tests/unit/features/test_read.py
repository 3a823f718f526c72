"""Features of several groups together, as they were known at each as-of date."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from include.errors import SourceError
from include.features.catalog import Catalog
from include.features.read import read_as_of_dates, read_features, read_online_rows
from include.warehouse.names import TableName
from include.warehouse.session import open_session


def test_each_row_has_what_the_other_group_knew_by_then(plant_uri: str, catalog: Catalog) -> None:
    groups = [catalog.groups["readings"], catalog.groups["repairs"]]
    features = [feature for group in groups for feature in group.features]

    table = read_features(
        plant_uri, groups[0].entity, [group.location for group in groups], features,
        [date(2024, 3, 3), date(2024, 3, 12)],
    )  # fmt: skip

    assert table.column_names == ["as_of_date", "site_id", "part", "heat", "is_new", "maker", "repairs_28d"]
    rows = [tuple(row.values()) for row in table.to_pylist()]
    # The group of weekly cadence has Mondays: the 4th, the 11th, the 18th; the pump was never repaired.
    assert [row[:4] for row in rows] == [
        (date(2024, 3, 3), 1, "fan", 3.0),
        (date(2024, 3, 3), 1, "pump", 3.0),
        (date(2024, 3, 12), 1, "fan", 12.0),
        (date(2024, 3, 12), 1, "pump", 12.0),
    ]
    assert [None if row[-1] is None else float(row[-1]) for row in rows] == [None, None, 11.0, None]


@pytest.mark.parametrize("cadence_days", [7, 1])
def test_two_groups_of_other_weekdays_join_as_the_online_tables_do(
    plant_uri: str, catalog: Catalog, cadence_days: int
) -> None:
    """Repairs of Mondays for visits of Wednesdays; the visit of Monday the 18th has the repairs of that day."""
    repairs = catalog.groups["repairs"]
    visits = replace(repairs.location, name="visits", table=TableName("features", "visits"), cadence_days=cadence_days)
    with open_session(plant_uri) as session:
        session.execute(
            "create table features.visits as select as_of_date, site_id, part from features.readings "
            "where as_of_date in ('2024-03-13', '2024-03-18') and part = 'fan'"
        )

    table = read_features(
        plant_uri, repairs.entity, [visits, repairs.location], repairs.features,
        [date(2024, 3, 13), date(2024, 3, 18)],
    )  # fmt: skip

    assert [float(value) for value in table.column("repairs_28d").to_pylist()] == [11.0, 18.0]


def test_the_dates_of_a_group(plant_uri: str, catalog: Catalog) -> None:
    with open_session(plant_uri) as session:
        location = catalog.groups["repairs"].location
        assert read_as_of_dates(session, location) == [date(2024, 3, 4), date(2024, 3, 11), date(2024, 3, 18)]


def test_online_rows_are_as_a_client_sends_them(plant_uri: str, catalog: Catalog) -> None:
    with open_session(plant_uri) as session:
        session.execute("alter table online.readings rename to readings_latest")
        session.execute("alter table online.repairs rename to repairs_latest")
        groups = [catalog.groups["readings"], catalog.groups["repairs"]]
        features = [feature for group in groups for feature in group.features]
        fan, pump = read_online_rows(session, groups[0].entity, [group.location for group in groups], features, limit=5)

    assert fan.keys == {"site_id": 1, "part": "fan"}
    assert fan.features == {"heat": 21.0, "is_new": True, "maker": None, "repairs_28d": 18.0}
    assert pump.features == {"heat": 21.0, "is_new": False, "maker": "pump", "repairs_28d": None}
    assert fan.as_of_date == date(2024, 3, 21)


@pytest.mark.parametrize("change", ["drop table features.readings", "alter table features.readings drop column heat"])
def test_a_table_or_column_that_is_gone_is_named_with_its_group(plant_uri: str, catalog: Catalog, change: str) -> None:
    group = catalog.groups["readings"]
    with open_session(plant_uri) as session:
        session.execute(change)
    with pytest.raises(SourceError, match=r"the feature groups readings is gone: .*(heat|readings)"):
        read_features(plant_uri, group.entity, [group.location], group.features, [date(2024, 3, 3)])
