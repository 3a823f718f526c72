"""Whether what a build has brought is published: validated, online switched, or refused with everything as it was."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from include.errors import FeatureError
from include.feature_quality.publish import GroupRefusedError, publish_group
from include.features.catalog import FeatureGroup
from include.features.read import read_as_of_dates
from include.governance.datasets import DatasetNames
from include.governance.observed import describe_trace
from include.settings.features import FeatureSettings
from include.warehouse.names import TableName
from include.warehouse.session import open_session
from include.warehouse.trace import trace_tables
from tests.unit.feature_quality.conftest import DATES, FEATURES, PARTS, add_day, make_group

NEWEST = date(2024, 3, DATES)


def fetch(uri: str, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with open_session(uri) as session:
        return [tuple(row.values()) for row in session.fetch_all(sql, parameters)]


def read_online(uri: str) -> list[tuple[Any, ...]]:
    return fetch(uri, "select as_of_date, part, heat, maker from online.readings order by part")


def change(uri: str, sql: str) -> None:
    with open_session(uri) as session:
        session.execute(sql)


@pytest.fixture
def published(uri: str, group: FeatureGroup, settings: FeatureSettings) -> str:
    """A warehouse whose ten days are published."""
    publish_group(uri, group, settings, "first")
    return uri


def test_the_first_build_is_published_without_a_history(
    uri: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    done = publish_group(uri, group, settings, "first")

    assert done.summarise() == {
        "score": 1.0, "broken_rules": [], "changed_dates": DATES, "online_written": PARTS, "drifted": [],
    }  # fmt: skip
    assert {row[0] for row in read_online(uri)} == {NEWEST}
    assert fetch(uri, "select count(*), count(distinct as_of_date) as dates from quality.feature_profiles") == [
        (DATES * len(FEATURES), DATES)
    ]
    assert fetch(uri, "select passed, date_count, online_rows from quality.feature_validations") == [
        (True, DATES, PARTS)
    ]


def test_a_rerun_changes_nothing_and_a_new_day_is_the_only_one_measured(
    published: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    def read_all() -> list[Any]:
        tables = ("feature_profiles", "feature_dates", "feature_validations", "feature_references")
        return [sorted(fetch(published, f"select t::text from quality.{name} as t")) for name in tables]

    before = read_all()
    again = publish_group(published, group, settings, "first")
    assert (again.changed, again.online and again.online.written) == ((), 0)
    assert read_all() == before

    with open_session(published) as session:
        add_day(session, DATES)
        session.execute("delete from features.readings where part = 'p20' and as_of_date > %s", (NEWEST,))
    done = publish_group(published, group, settings, "second")

    assert [one.as_of_date for one in done.changed] == [date(2024, 3, DATES + 1)]
    assert done.online is not None
    assert (done.online.rows, done.online.written) == (PARTS, PARTS - 1), "p20 keeps its last row and is not written"
    assert done.drift is not None
    assert (done.drift.reference_date, done.drift.drifted) == (NEWEST, ())


def test_of_a_date_that_was_written_again_with_the_same_values_the_next_run_reads_none(
    published: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    noted = "select count(*) from quality.feature_dates where row_versions is not null"
    seen = "select string_agg(row_versions, ',' order by as_of_date) from quality.feature_dates"
    assert fetch(published, noted) == [(DATES,)]
    before = fetch(published, seen)
    change(published, "update features.readings set maker = maker where as_of_date = '2024-03-02'")

    done = publish_group(published, group, settings, "second")

    assert done.changed == ()
    assert fetch(published, noted) == [(DATES,)]
    assert fetch(published, seen) != before


def test_only_changed_rows_of_the_online_table_are_written(
    published: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    before = dict(fetch(published, "select part, xmin::text from online.readings"))
    change(published, f"update features.readings set heat = 5.5 where part = 'p5' and as_of_date = '{NEWEST}'")
    change(published, "delete from features.readings where part = 'p6'")

    publish_group(published, group, settings, "second")

    after = dict(fetch(published, "select part, xmin::text from online.readings"))
    assert {part for part in before if after.get(part) != before[part]} == {"p5", "p6"}
    assert "p6" not in after
    assert ("p5", 5.5) in fetch(published, "select part, heat from online.readings")


@pytest.mark.parametrize(
    ("spoil", "rule", "feature"),
    [
        ("update {new} set heat = null {of}", "completeness of heat", "heat"),
        ("update {new} set maker = '' {of}", "completeness of maker", "maker"),
        ("insert into {new} select * from {new} {of} limit 1", "uniqueness", ""),
        ("delete from {new} {of} and part <> 'p1'", "volume", ""),
    ],
)
def test_a_bad_day_is_refused_and_readers_go_on_with_what_they_had(
    published: str, group: FeatureGroup, settings: FeatureSettings, spoil: str, rule: str, feature: str
) -> None:
    online = read_online(published)
    with open_session(published) as session:
        add_day(session, DATES)
        session.execute(spoil.format(new="features.readings", of=f"where as_of_date > '{NEWEST}'"))

    with pytest.raises(GroupRefusedError) as refused:
        publish_group(published, group, settings, "second")

    assert rule in refused.value.rules
    assert feature in str(refused.value)
    assert "To do:" in str(refused.value)
    assert read_online(published) == online
    with open_session(published) as session:
        assert read_as_of_dates(session, group.location)[-1] == NEWEST, "the refused date is not offered to scoring"
    assert fetch(published, "select passed from quality.feature_validations where build_key = 'second'") == [(False,)]


def test_many_faults_that_are_not_critical_bring_the_score_below_its_minimum(
    published: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    with open_session(published) as session:
        add_day(session, DATES, heat="1000 + part")  # another unit
        session.execute(
            "update features.readings set is_new = case when part = 'p1' then true end, "
            f"maker = case when part = 'p1' then 'acme' end where as_of_date > '{NEWEST}'"
        )
    with pytest.raises(GroupRefusedError, match=r"score 0\.6\d\d is below 0\.8") as refused:
        publish_group(published, group, settings, "second")

    assert {"range of heat", "completeness of is_new", "completeness of maker"} <= set(refused.value.rules)
    lenient = settings.model_copy(update={"validation": settings.validation.model_copy(update={"minimum_score": 0.5})})
    assert publish_group(published, group, lenient, "third").audit.has_passed


def test_a_refused_day_is_validated_again_and_published_once_it_is_right(
    published: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    with open_session(published) as session:
        add_day(session, DATES, heat="null")
    for _ in range(2):
        with pytest.raises(GroupRefusedError):
            publish_group(published, group, settings, "second")
    change(published, f"update features.readings set heat = substr(part, 2)::float8 where as_of_date > '{NEWEST}'")

    publish_group(published, group, settings, "second")

    assert {row[0] for row in read_online(published)} == {date(2024, 3, DATES + 1)}
    assert fetch(published, "select distinct state from quality.feature_dates") == [("published",)]


def test_a_change_that_is_meant_is_published_under_a_new_version(published: str, settings: FeatureSettings) -> None:
    change(published, "update features.readings set heat = null")

    done = publish_group(published, make_group(version=2), settings, "second")

    assert (done.audit.has_passed, len(done.changed), done.drift) == (True, DATES, None)
    with pytest.raises(GroupRefusedError, match="raise `version`"):
        change(published, "update features.readings set maker = null")
        publish_group(published, make_group(version=2), settings, "third")


def test_a_build_that_was_refused_as_a_whole_is_refused_again(
    published: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    change(published, "update features.readings set heat = null")

    for build in ("first", "first", "third"):
        with pytest.raises(GroupRefusedError, match="completeness of heat"):
            publish_group(published, group, settings, build)


@pytest.mark.parametrize(
    ("limits", "is_kept"),
    [({"max_null_share": 0.1}, True), ({"max_null_share": 0.05}, False)],
)
def test_a_declared_limit_holds_without_a_history(
    uri: str, settings: FeatureSettings, limits: dict[str, float], is_kept: bool
) -> None:
    done = publish_group(uri, make_group(maker=limits, heat={"minimum": 1, "maximum": 20}), settings, "first")
    assert [rule.name for rule in done.audit.failures] == ([] if is_kept else ["completeness of maker"])

    done = publish_group(uri, make_group(heat={"maximum": 19}, version=2), settings, "second")
    (broken,) = done.audit.failures
    assert (broken.name, broken.observed) == (
        "range of heat", f"maximum 20 as of {NEWEST}; {DATES - 1} more as-of dates",
    )  # fmt: skip


def test_an_online_model_that_is_not_the_newest_row_is_refused(
    published: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    online = read_online(published)
    change(
        published,
        "create or replace view latest.readings as select distinct on (site_id, part) * from features.readings "
        "order by site_id, part, as_of_date",
    )
    with pytest.raises(GroupRefusedError, match="20 entities differ"):
        publish_group(published, group, settings, "second")
    assert read_online(published) == online


def test_an_online_model_may_have_other_types_than_the_group(
    uri: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    change(uri, "drop view latest.readings")
    change(
        uri,
        "create view latest.readings as select distinct on (site_id, part) as_of_date, site_id::integer as site_id, "
        "part::varchar(9) as part, heat::numeric as heat, is_new, maker from features.readings "
        "order by site_id, part, as_of_date desc",
    )

    done = publish_group(uri, group, settings, "first")

    assert done.online is not None
    assert done.online.rows == PARTS


def test_an_online_model_with_two_rows_of_an_entity_is_named(
    uri: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    change(uri, "create or replace view latest.readings as select * from features.readings")
    with pytest.raises(FeatureError, match=r"20 entities with more than one row\. Correct .* readings_latest"):
        publish_group(uri, group, settings, "first")


def test_an_online_table_that_was_changed_by_hand_is_put_right(
    published: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    before = read_online(published)
    change(published, "update online.readings set heat = -1 where part = 'p3'")
    publish_group(published, group, settings, "second")
    assert read_online(published) == before


def test_another_column_makes_the_online_table_anew(
    published: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    change(published, "drop view latest.readings")
    change(published, "alter table features.readings add column speed real default 3")
    change(
        published,
        "create view latest.readings as select distinct on (site_id, part) * from features.readings "
        "order by site_id, part, as_of_date desc",
    )
    publish_group(published, group, settings, "second")
    assert fetch(published, "select distinct speed from online.readings") == [(3.0,)]


def test_a_drifted_feature_warns_by_default_and_stops_when_asked(
    published: str, group: FeatureGroup, settings: FeatureSettings, caplog: pytest.LogCaptureFixture
) -> None:
    online = read_online(published)
    with open_session(published) as session:
        add_day(session, DATES, heat="part + 15")
    stopping = settings.model_copy(update={"drift": settings.drift.model_copy(update={"action": "stop"})})

    with pytest.raises(GroupRefusedError, match="drift of heat"):
        publish_group(published, group, stopping, "second")
    assert read_online(published) == online
    assert fetch(published, "select feature from quality.feature_drift where is_drifted") == [("heat",)]

    with caplog.at_level(logging.WARNING):
        done = publish_group(published, group, settings, "third")
    assert done.summarise()["drifted"] == ["heat"]
    assert "heat" in caplog.text


def test_a_table_that_dbt_writes_itself_is_checked_and_left_alone(published: str, settings: FeatureSettings) -> None:
    own = replace(make_group(), online_source=make_group().online)
    assert publish_group(published, own, settings, "second").online is None
    change(published, "update online.readings set heat = -1 where part = 'p3'")
    with pytest.raises(GroupRefusedError, match="1 entities differ"):
        publish_group(published, own, settings, "third")


def test_a_group_that_keeps_its_history_keeps_what_is_published_and_nothing_that_is_refused(
    published: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    keeping = replace(group, keeps_history=True)
    count = "select count(*) as rows, count(known_to) as closed from history.feature_rows"

    publish_group(published, keeping, settings, "second")
    assert fetch(published, count) == [(DATES * PARTS, 0)], "all dates, although none has changed"

    change(published, f"update features.readings set heat = 3.5 where part = 'p3' and as_of_date = '{NEWEST}'")
    publish_group(published, keeping, settings, "third")
    assert fetch(published, count) == [(DATES * PARTS + 1, 1)]

    change(published, f"update features.readings set heat = null where as_of_date = '{NEWEST}'")
    with pytest.raises(GroupRefusedError):
        publish_group(published, keeping, settings, "fourth")
    assert fetch(published, count) == [(DATES * PARTS + 1, 1)]


def test_lineage_says_of_which_columns_the_online_table_is_and_not_that_a_refused_build_wrote_it(
    uri: str, group: FeatureGroup, settings: FeatureSettings
) -> None:
    online = DatasetNames.from_uri(uri).name_table(TableName("online", "readings"))
    with trace_tables() as trace:
        publish_group(uri, group, settings, "first")
    outputs = {one.name: one for one in describe_trace(trace, uri)[1]}

    (source,) = outputs[online].facets["columnLineage"].fields["heat"].inputFields
    assert (source.name.split(".", 1)[1], source.field) == ("latest.readings", "heat")

    with open_session(uri) as session:
        add_day(session, DATES, heat="null")
    with trace_tables() as trace, pytest.raises(GroupRefusedError):
        publish_group(uri, group, settings, "second")
    written = {one.name.split(".", 1)[1] for one in describe_trace(trace, uri)[1]}
    assert "quality.feature_validations" in written
    assert "online.readings" not in written
