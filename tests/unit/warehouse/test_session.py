"""One block, one transaction."""

from __future__ import annotations

import pytest

from include.errors import WarehouseError
from include.warehouse.session import open_session


def test_an_exception_rolls_everything_back(warehouse_uri: str) -> None:
    with pytest.raises(RuntimeError), open_session(warehouse_uri) as session:
        session.execute("create table ml.t (a int)")
        raise RuntimeError

    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select to_regclass('ml.t')") is None


def test_rows_come_as_dictionaries(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        assert session.fetch_all("select %s::int as a", (1,)) == [{"a": 1}]
        assert session.fetch_one("select 1 as a where false") is None
        assert session.fetch_value("select 1 as a where false") is None


def test_a_warehouse_that_is_away_is_said_to_be() -> None:
    with pytest.raises(WarehouseError, match="cannot be reached"), open_session("postgresql://x@127.0.0.1:1/none"):
        pass
