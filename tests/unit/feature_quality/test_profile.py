"""Statistics of features as the warehouse measures them, against the same counted here."""

from __future__ import annotations

import statistics
from dataclasses import replace
from datetime import date

import pytest

from include.feature_quality.profile import count_double_rows, profile_dates, read_contents
from include.features.catalog import FeatureGroup
from include.warehouse.session import open_session
from tests.unit.feature_quality.conftest import DATES, PARTS, add_day

DAY = date(2024, 3, 1)


def test_each_feature_of_each_asked_date_is_measured(uri: str, group: FeatureGroup) -> None:
    with open_session(uri) as session:
        profiles = profile_dates(session, group, [DAY, date(2024, 3, 5)])

    assert [(one.as_of_date, one.feature) for one in profiles] == [
        (day, name) for day in (DAY, date(2024, 3, 5)) for name in ("heat", "is_new", "maker")
    ]
    heat, is_new, maker = profiles[:3]
    values = [float(part) for part in range(1, PARTS + 1)]
    assert (heat.row_count, heat.null_count, heat.distinct_count) == (PARTS, 0, PARTS)
    assert (heat.minimum, heat.maximum, heat.mean) == (1.0, 20.0, statistics.mean(values))
    assert heat.standard_deviation == pytest.approx(statistics.stdev(values))
    assert heat.quantiles == {"0.05": 1.0, "0.25": 5.0, "0.5": 10.0, "0.75": 15.0, "0.95": 19.0}
    assert (is_new.mean, is_new.distinct_count) == (0.5, 2)
    makers = [None if part % 10 == 0 else "acme" if part % 3 == 0 else "bolt" for part in range(1, PARTS + 1)]
    assert maker.top_values == {name: makers.count(name) for name in ("bolt", "acme")}
    assert (maker.null_count, maker.null_share) == (2, 0.1)


def test_what_a_model_takes_for_missing_counts_as_missing(uri: str, group: FeatureGroup) -> None:
    with open_session(uri) as session:
        session.execute("update features.readings set heat = 'NaN', maker = '' where part = 'p1'")
        session.execute("update features.readings set heat = 'Infinity' where part = 'p2'")
        session.execute("update features.readings set heat = 1e300 where part = 'p3'")
        heat, _, maker = profile_dates(session, group, [DAY])

    assert (heat.null_count, maker.null_count) == (1, 3)
    assert "" not in maker.top_values
    assert heat.maximum == float("inf")
    assert heat.mean == statistics.mean(range(4, PARTS + 1))


def test_a_feature_without_any_value_has_a_profile(uri: str, group: FeatureGroup) -> None:
    with open_session(uri) as session:
        session.execute("update features.readings set heat = null, maker = null")
        heat, _, maker = profile_dates(session, group, [DAY])

    assert (heat.null_share, heat.mean, heat.minimum, heat.quantiles) == (1.0, None, None, {})
    assert (maker.null_share, maker.top_values) == (1.0, {})


def test_the_content_of_a_date_changes_with_any_value_and_not_with_the_order_of_rows(
    uri: str, group: FeatureGroup
) -> None:
    with open_session(uri) as session:
        before = read_contents(session, group)
        session.execute("create table ml.copy as select * from features.readings order by random()")
        session.execute("truncate features.readings")
        session.execute("insert into features.readings select * from ml.copy")
        shuffled = read_contents(session, group)
        session.execute("update features.readings set maker = 'bolts' where part = 'p1' and as_of_date = %s", (DAY,))
        after = read_contents(session, group)

    assert len(before) == DATES
    assert shuffled == before
    assert [one.as_of_date for one, other in zip(before, after, strict=True) if one != other] == [DAY]


def test_values_are_read_again_only_where_rows_were_written(uri: str, group: FeatureGroup) -> None:
    with open_session(uri) as session:
        found = read_contents(session, group)
        known = {one.as_of_date: replace(one, content_hash="noted") for one in found}
        again = read_contents(session, group, known)
        session.execute("update features.readings set maker = maker where part = 'p1' and as_of_date = %s", (DAY,))
        session.execute("delete from features.readings where as_of_date = %s", (date(2024, 3, 2),))
        add_day(session, DATES)
        after = read_contents(session, group, known)

    assert [one.content_hash for one in again] == ["noted"] * DATES
    assert [one.as_of_date for one in after] == [DAY, *(date(2024, 3, day) for day in range(3, DATES + 2))]
    assert [one.as_of_date for one in after if one.content_hash != "noted"] == [DAY, date(2024, 3, DATES + 1)]
    assert after[0] == found[0]


def test_all_values_are_read_where_nothing_tells_what_was_written(uri: str, group: FeatureGroup) -> None:
    with open_session(uri) as session:
        session.execute("alter table features.readings rename to parts")
        session.execute("create view features.readings as select * from features.parts")
        found = read_contents(session, group, {one.as_of_date: one for one in read_contents(session, group)})

    assert [one.row_versions for one in found] == [None] * DATES


def test_double_rows_are_counted_on_the_asked_dates_alone(uri: str, group: FeatureGroup) -> None:
    with open_session(uri) as session:
        add_day(session, 3, parts=5)
        session.execute("insert into features.readings (as_of_date) values (%s), (%s)", (DAY, DAY))
        counts = [count_double_rows(session, group, [day]) for day in (DAY, date(2024, 3, 2), date(2024, 3, 4))]

    assert counts == [1, 0, 5], "a key that is null twice is twice the same"
