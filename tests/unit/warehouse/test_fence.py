"""A worker whose fence was taken over must not publish."""

from __future__ import annotations

import pytest

from include.errors import StaleWriterError
from include.warehouse.fence import check_fence, take_fence
from include.warehouse.session import open_session


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
