"""Whether served features are those of the feature tables: what a request by key was answered from, row by row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from include.errors import FeatureError
from include.feature_quality.publish import publish_group
from include.feature_quality.served import check_served
from include.features.catalog import Feature, FeatureGroup, LabelTable
from include.features.read import EntityRow, read_online_rows
from include.features.spec import ModelSpec
from include.settings.features import FeatureSettings
from include.warehouse.names import TableName
from include.warehouse.session import open_session
from tests.unit.feature_quality.conftest import DATES, ENTITY, PARTS, add_day, make_group

AT = datetime.now(UTC) + timedelta(hours=1)  # after all that is published before it
REPAIRS = Feature("repairs_28d", "numeric", "repairs")


def make_spec(*groups: FeatureGroup) -> ModelSpec:
    label = LabelTable(
        "outages", "", "maintenance", ENTITY, "as_of_date", TableName("features", "outages"), 7, {"failed": "binary"}
    )
    features = tuple(feature for group in groups for feature in group.features)
    return ModelSpec("outage", "binary", ENTITY, label, "failed", groups, features)


@pytest.fixture
def spec() -> ModelSpec:
    """A model of the group alone."""
    return make_spec(make_group())


@pytest.fixture
def served_uri(uri: str, group: FeatureGroup, settings: FeatureSettings) -> str:
    """A warehouse whose days are published; some values are missing."""
    with open_session(uri) as session:
        session.execute("update features.readings set heat = 'NaN' where part = 'p7'")
        session.execute("update features.readings set heat = 0.1 + 0.2 where part = 'p8'")
    publish_group(uri, group, settings, "first")
    return uri


def serve(uri: str, spec: ModelSpec, at: datetime = AT, **changes: Any) -> Sequence[EntityRow]:
    """Log a request for each entity as the model server does, which reads the same query."""
    with open_session(uri) as session:
        rows = read_online_rows(session, spec.entity, [group.location for group in spec.groups], spec.features, 1000)
        for number, row in enumerate(rows):
            values = {
                "at": at, "request_id": f"r{number}", "model_name": spec.name, "model_version": 1,
                "variant": "champion", "keys": json.dumps(row.keys), "as_of_date": row.as_of_date,
                "features": json.dumps(row.features), "prediction": 0.5, "latency_ms": 1.0, "is_error": False,
                **changes,
            }  # fmt: skip
            session.execute(
                f"insert into serving.inference_log ({', '.join(values)}) values ({', '.join(['%s'] * len(values))})",
                tuple(values.values()),
            )
    return rows


def test_a_clean_run_says_how_many_requests_were_compared(served_uri: str, spec: ModelSpec) -> None:
    serve(served_uri, spec)
    serve(served_uri, spec, AT + timedelta(seconds=1))

    check = check_served(served_uri, spec, "monday", AT + timedelta(minutes=1))

    assert check.summarise() == {"requests": 2 * PARTS, "compared": PARTS, "recomputed": 0, "inconsistent": 0}


def test_a_value_that_was_changed_online_is_named(served_uri: str, spec: ModelSpec) -> None:
    with open_session(served_uri) as session:
        session.execute("update online.readings set heat = -1 where part = 'p3'")
        session.execute("update online.readings set maker = 'zeta' where part = 'p4'")
        session.execute("update online.readings set heat = 7 where part = 'p7'")  # offline it is missing
    serve(served_uri, spec)

    with pytest.raises(FeatureError, match="3 of 20 compared requests to outage") as named:
        check_served(served_uri, spec, "monday", AT + timedelta(minutes=1))

    text = str(named.value)
    newest = date(2024, 3, DATES)
    assert f"heat of part=p3, site_id=1 as of {newest}: served -1.0, offline 3.0 (request r" in text
    assert "maker of part=p4, site_id=1" in text
    assert "served 'zeta', offline 'bolt'" in text
    assert "served 7.0, offline None" in text
    with open_session(served_uri) as session:
        kept = session.fetch_one("select inconsistent, differences from monitoring.served_checks")
    assert kept is not None
    assert (kept["inconsistent"], len(kept["differences"])) == (3, 3)


def test_a_request_is_compared_once_and_a_repeated_run_looks_at_the_same_ones(served_uri: str, spec: ModelSpec) -> None:
    serve(served_uri, spec)
    first = check_served(served_uri, spec, "monday", AT + timedelta(minutes=1))
    again = check_served(served_uri, spec, "monday", AT + timedelta(minutes=2))
    later = check_served(served_uri, spec, "tuesday", AT + timedelta(minutes=3))

    assert [check.compared for check in (first, again, later)] == [PARTS, PARTS, 0]


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": None, "as_of_date": None},
        {"variant": "staging"},
        {"is_error": True, "error": "broke", "prediction": None},
        {"model_name": "another"},
    ],
)
def test_what_was_not_answered_from_the_online_store_is_left_out(
    served_uri: str, spec: ModelSpec, changes: dict[str, Any]
) -> None:
    serve(served_uri, spec, features="{}", **changes)
    assert check_served(served_uri, spec, "monday", AT + timedelta(minutes=1)).compared == 0


def test_a_row_that_was_computed_anew_after_the_request_may_differ(
    served_uri: str, spec: ModelSpec, group: FeatureGroup, settings: FeatureSettings
) -> None:
    serve(served_uri, spec, datetime.now(UTC))
    with open_session(served_uri) as session:
        session.execute("update features.readings set heat = heat + 1 where part in ('p3', 'p4')")
    publish_group(served_uri, group, settings, "second")

    check = check_served(served_uri, spec, "monday", AT + timedelta(minutes=1))

    assert check.summarise() == {"requests": PARTS, "compared": PARTS, "recomputed": 2, "inconsistent": 0}


def test_what_dbt_has_written_and_nobody_has_published_may_differ(served_uri: str, spec: ModelSpec) -> None:
    serve(served_uri, spec)
    with open_session(served_uri) as session:
        session.execute("update features.readings set heat = heat + 1 where part = 'p3'")
        session.execute("delete from features.readings where part = 'p4'")

    check = check_served(served_uri, spec, "monday", AT + timedelta(minutes=1))

    assert check.summarise() == {"requests": PARTS, "compared": PARTS, "recomputed": 2, "inconsistent": 0}


def test_a_request_whose_row_is_not_offline_is_named(served_uri: str, spec: ModelSpec) -> None:
    with open_session(served_uri) as session:
        session.execute("update online.readings set part = 'p99' where part = 'p3'")
    serve(served_uri, spec)

    with pytest.raises(FeatureError, match=r"heat of part=p99.* served 3\.0, offline None"):
        check_served(served_uri, spec, "monday", AT + timedelta(minutes=1))


def test_a_further_group_may_be_newer_than_the_first(
    served_uri: str, settings: FeatureSettings, group: FeatureGroup
) -> None:
    """The online table of repairs has a row after the newest readings: it is served, and it is no fault."""
    repairs = replace(
        group, name="repairs", table=TableName("features", "repairs"), online=TableName("online", "repairs"),
        online_source=TableName("latest", "repairs"), features=(REPAIRS,), sets={}, cadence_days=7,
    )  # fmt: skip
    with open_session(served_uri) as session:
        session.execute(
            "create table features.repairs as select as_of_date + shift as as_of_date, site_id, part, "
            "extract(day from as_of_date) + shift as repairs_28d from features.readings, unnest(array[0, 7]) as shift "
            "where as_of_date = '2024-03-08' and part <> 'p5'"
        )
        session.execute(
            "create view latest.repairs as select distinct on (site_id, part) * from features.repairs "
            "order by site_id, part, as_of_date desc"
        )
    publish_group(served_uri, repairs, settings, "first")
    spec = make_spec(group, repairs)
    rows = serve(served_uri, spec)
    assert {row.features["repairs_28d"] for row in rows} == {15.0, None}

    assert check_served(served_uri, spec, "monday", AT + timedelta(minutes=1)).inconsistent == 0

    with open_session(served_uri) as session:
        session.execute("update online.repairs set repairs_28d = 99 where part = 'p2'")
    serve(served_uri, spec, AT + timedelta(minutes=2))
    with pytest.raises(FeatureError, match=r"1 of 20.*\n.*repairs_28d of part=p2"):
        check_served(served_uri, spec, "tuesday", AT + timedelta(minutes=3))


def test_new_days_after_a_request_change_nothing(
    served_uri: str, spec: ModelSpec, group: FeatureGroup, settings: FeatureSettings
) -> None:
    serve(served_uri, spec)
    with open_session(served_uri) as session:
        add_day(session, DATES)
    publish_group(served_uri, group, settings, "second")

    assert check_served(served_uri, spec, "monday", AT + timedelta(minutes=1)).summarise()["recomputed"] == 0
