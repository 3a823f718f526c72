"""Features as they were known on a day: what was published then, whatever came after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from include.errors import SourceError
from include.features.catalog import Catalog, FeatureGroup, read_catalog
from include.features.history import has_rows, join_features_as_known, keep_rows, read_features_as_known
from include.features.read import read_features
from include.warehouse.session import open_session

MONDAY, TUESDAY, WEDNESDAY = date(2024, 4, 1), date(2024, 4, 2), date(2024, 4, 3)
DATES = [date(2024, 3, 20), date(2024, 3, 21)]


@pytest.fixture
def groups(catalog: Catalog) -> list[FeatureGroup]:
    """Both groups, which keep their history."""
    return [replace(catalog.groups[name], keeps_history=True) for name in ("readings", "repairs")]


def publish(uri: str, groups: list[FeatureGroup], day: date, *changes: str) -> list[int]:
    """Change tables and publish them at noon; the rows that were kept."""
    with open_session(uri) as session:
        for sql in changes:
            session.execute(sql)
        days = [
            [row["day"] for row in session.fetch_all(f"select distinct as_of_date as day from {group.table.quoted}")]
            for group in groups
        ]
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        return [
            keep_rows(session, group, {*own, *DATES}, at) for group, own in zip(groups, map(set, days), strict=True)
        ]


def read_both(uri: str, groups: list[FeatureGroup], known_on: date) -> tuple[Any, Any]:
    """The rows as known on a day, and those of the tables now."""
    features = [feature for group in groups for feature in group.features]
    entity = groups[0].entity
    known = read_features_as_known(uri, entity, groups, features, DATES, known_on)
    return known.to_pylist(), read_features(
        uri, entity, [group.location for group in groups], features, DATES
    ).to_pylist()


def test_what_was_published_then_is_read_with_its_types(plant_uri: str, groups: list[FeatureGroup]) -> None:
    assert publish(plant_uri, groups, MONDAY) == [42, 3]

    known, now = read_both(plant_uri, groups, MONDAY)

    assert len(known) == 4
    assert [{**row, "repairs_28d": float(row["repairs_28d"] or 0)} for row in known] == [
        {**row, "repairs_28d": float(row["repairs_28d"] or 0)} for row in now
    ]


def test_later_corrections_are_not_in_what_was_known_before(plant_uri: str, groups: list[FeatureGroup]) -> None:
    publish(plant_uri, groups, MONDAY)
    before, _ = read_both(plant_uri, groups, MONDAY)

    kept = publish(
        plant_uri, groups, TUESDAY,
        "update features.readings set heat = 'NaN' where as_of_date = '2024-03-21' and part = 'fan'",
        "delete from features.readings where as_of_date = '2024-03-20' and part = 'pump'",
        "update features.repairs set repairs_28d = 99",
    )  # fmt: skip

    assert kept == [1, 3], "rows that stay the same are not stored again"
    assert read_both(plant_uri, groups, MONDAY)[0] == before
    known, now = read_both(plant_uri, groups, TUESDAY)
    assert [(row["part"], str(row["heat"]), float(row["repairs_28d"] or 0)) for row in known] == [
        (row["part"], str(row["heat"]), float(row["repairs_28d"] or 0)) for row in now
    ]
    assert known != before


def test_a_spine_has_what_was_published_then_and_no_later_correction(
    plant_uri: str, groups: list[FeatureGroup]
) -> None:
    spine = pa.table(
        {
            "as_of_date": [date(2024, 3, 25), date(2024, 3, 19), date(2024, 3, 25), date(2024, 3, 20)],
            "site_id": [1, 1, 1, 2],
            "part": ["pump", "fan", "fan", "fan"],
        }
    )
    features = [feature for group in groups for feature in group.features]

    def join(known_on: date, **options: Any) -> list[tuple[float | None, Any]]:
        table = join_features_as_known(plant_uri, groups[0].entity, groups, features, spine, known_on, **options)
        return [(row["heat"], row["repairs_28d"] and float(row["repairs_28d"])) for row in table.to_pylist()]

    publish(plant_uri, groups, MONDAY)
    known = [(21.0, None), (19.0, 18.0), (21.0, 18.0), (None, None)]
    assert join(MONDAY) == known

    publish(
        plant_uri, groups, TUESDAY,
        "update features.readings set heat = 5 where as_of_date = '2024-03-21' and part = 'fan'",
        "delete from features.readings where as_of_date >= '2024-03-20' and part = 'pump'",
        "update features.repairs set repairs_28d = 99",
    )  # fmt: skip

    assert join(MONDAY) == known
    assert join(TUESDAY) == [(19.0, None), (19.0, 99.0), (5.0, 99.0), (None, None)]
    assert join(TUESDAY, max_age_days={"repairs": 1})[1:3] == [(19.0, 99.0), (5.0, None)]
    with pytest.raises(SourceError, match="begins at 2024-04-01 12:00"):
        join(date(2024, 3, 31))


def test_publishing_the_same_again_keeps_nothing_more(plant_uri: str, groups: list[FeatureGroup]) -> None:
    publish(plant_uri, groups, MONDAY)
    assert publish(plant_uri, groups, TUESDAY) == [0, 0]


def test_a_feature_that_came_later_is_null_and_one_that_is_gone_can_be_left_out(
    plant_uri: str, groups: list[FeatureGroup]
) -> None:
    publish(plant_uri, groups, MONDAY)
    readings = replace(groups[0], features=(*groups[0].features[1:], replace(groups[0].features[0], name="speed")))

    rows = read_features_as_known(plant_uri, readings.entity, [readings], readings.features, DATES, MONDAY).to_pylist()

    assert {row["speed"] for row in rows} == {None}
    assert "heat" not in rows[0]


def test_a_day_before_the_history_and_a_group_without_one_are_named(
    plant_uri: str, groups: list[FeatureGroup], catalog: Catalog
) -> None:
    silent = catalog.groups["readings"]
    with open_session(plant_uri) as session:
        assert keep_rows(session, silent, DATES) == 0
    with pytest.raises(SourceError, match="Say `history: true` in its meta"):
        read_both(plant_uri, groups, MONDAY)

    publish(plant_uri, groups, TUESDAY)
    with pytest.raises(SourceError, match="history of the feature group readings begins at 2024-04-02 12:00"):
        read_both(plant_uri, groups, MONDAY)


def test_rows_are_kept_as_known_no_longer_than_the_history_is_on(plant_uri: str, groups: list[FeatureGroup]) -> None:
    publish(plant_uri, groups, MONDAY)
    publish(plant_uri, [replace(group, keeps_history=False) for group in groups], TUESDAY)

    with open_session(plant_uri) as session:
        assert not any(has_rows(session, group) for group in groups), "what changed meanwhile would be known as before"
    assert len(read_both(plant_uri, groups, MONDAY)[0]) == 4
    assert publish(plant_uri, groups, WEDNESDAY) == [42, 3]
    known, now = read_both(plant_uri, groups, WEDNESDAY)
    assert len(known) == len(now) == 4


def test_the_yml_says_whether_a_group_keeps_its_history(manifest: dict[str, Any]) -> None:
    manifest["nodes"]["model.plant.readings"]["config"]["meta"]["feature_group"]["history"] = True
    groups = read_catalog(manifest).groups
    assert [groups[name].keeps_history for name in ("readings", "repairs")] == [True, False]
