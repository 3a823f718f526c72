"""Outcomes on a real warehouse: only what was predicted, each once, corrected when the label is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from include.monitoring.outcomes import record_outcomes
from include.warehouse.session import open_session

FIRST = datetime(2017, 10, 1, tzinfo=UTC)
SECOND = datetime(2017, 10, 2, tzinfo=UTC)


@pytest.fixture
def labelled_uri(warehouse_uri: str) -> str:
    """Customers 1 and 2 predicted at one as-of date; 1 and 3 with labels that have matured."""
    with open_session(warehouse_uri) as session:
        session.execute("create table features.churn_labels (as_of_date date, household_id bigint, churned boolean)")
        session.execute("insert into features.churn_labels values ('2017-09-01', 1, true), ('2017-09-01', 3, true)")
        session.execute(
            "insert into ml.predictions "
            "select '2017-09-01', household, 'churn', 1, 0.5, true, now() from unnest(array[1, 2]) as household"
        )
    return warehouse_uri


def read_outcomes(uri: str) -> list[tuple[Any, ...]]:
    """All outcomes as (household, churned, known_at)."""
    with open_session(uri) as session:
        rows = session.fetch_all("select * from ml.outcomes order by as_of_date, household_id")
    return [(row["household_id"], row["churned"], row["known_at"]) for row in rows]


def record(uri: str, at: datetime) -> int:
    """Record outcomes in a transaction of their own."""
    with open_session(uri) as session:
        return record_outcomes(session, at)


def test_a_matured_label_of_a_prediction_becomes_an_outcome_and_others_do_not(labelled_uri: str) -> None:
    assert record(labelled_uri, FIRST) == 1
    assert read_outcomes(labelled_uri) == [(1, True, FIRST)]


def test_the_same_outcomes_again_change_nothing(labelled_uri: str) -> None:
    record(labelled_uri, FIRST)
    assert record(labelled_uri, SECOND) == 0
    assert read_outcomes(labelled_uri) == [(1, True, FIRST)]


def test_a_label_that_matures_later_is_added(labelled_uri: str) -> None:
    record(labelled_uri, FIRST)
    with open_session(labelled_uri) as session:
        session.execute("insert into features.churn_labels values ('2017-09-01', 2, false)")
    assert record(labelled_uri, SECOND) == 1
    assert read_outcomes(labelled_uri) == [(1, True, FIRST), (2, False, SECOND)]


def test_a_label_that_a_late_row_changed_is_corrected_and_dated_anew(labelled_uri: str) -> None:
    record(labelled_uri, FIRST)
    with open_session(labelled_uri) as session:
        session.execute("update features.churn_labels set churned = false where household_id = 1")
    assert record(labelled_uri, SECOND) == 1
    assert read_outcomes(labelled_uri) == [(1, False, SECOND)]


def test_two_versions_that_scored_one_customer_share_the_outcome(labelled_uri: str) -> None:
    with open_session(labelled_uri) as session:
        session.execute("insert into ml.predictions values ('2017-09-01', 1, 'churn', 2, 0.4, false, now())")
    assert record(labelled_uri, FIRST) == 1
