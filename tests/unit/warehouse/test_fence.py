"""A worker whose fence was taken over must not publish."""

from __future__ import annotations

import psycopg
import pytest

from include.errors import StaleWriterError
from include.warehouse.fence import check_fence, take_fence
from include.warehouse.names import TableName
from include.warehouse.session import open_session
from include.warehouse.trace import trace_tables


def test_the_newest_worker_publishes_and_the_older_one_loses(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        older = take_fence(session, "publish")
    with open_session(warehouse_uri) as session:
        newer = take_fence(session, "publish")

    with open_session(warehouse_uri) as session:
        check_fence(session, "publish", newer)
    with pytest.raises(StaleWriterError, match="'publish'"), open_session(warehouse_uri) as session:
        check_fence(session, "publish", older)


def test_fences_of_different_work_do_not_meet(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        token = take_fence(session, "a")
        take_fence(session, "b")

        check_fence(session, "a", token)


def test_taking_a_fence_is_a_write_and_checking_it_is_no_input(warehouse_uri: str) -> None:
    with trace_tables() as taken, open_session(warehouse_uri) as session:
        token = take_fence(session, "publish")
    with trace_tables() as checked, open_session(warehouse_uri) as session:
        check_fence(session, "publish", token)
        session.fetch_all("select source from raw.partitions")

    assert (list(taken.reads), list(taken.writes)) == ([], [TableName("governance", "fences")])
    assert (list(checked.reads), list(checked.writes)) == ([TableName("raw", "partitions")], [])


def test_a_fence_that_is_checked_stays_held_to_the_end_of_the_transaction(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        token = take_fence(session, "publish")

    with open_session(warehouse_uri) as session:
        check_fence(session, "publish", token)
        with pytest.raises(psycopg.errors.LockNotAvailable), open_session(warehouse_uri) as other:
            other.execute("set local lock_timeout = '100ms'")
            take_fence(other, "publish")
