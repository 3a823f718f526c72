"""Table names are checked before they stand in SQL."""

from __future__ import annotations

import pytest

from include.errors import WarehouseError
from include.warehouse.names import TableName, parse_table


def test_a_name_is_parsed_and_quoted() -> None:
    name = parse_table("raw.transactions")

    assert name == TableName("raw", "transactions")
    assert str(name) == "raw.transactions"
    assert name.quoted == '"raw"."transactions"'
    assert parse_table(name) is name


@pytest.mark.parametrize("text", ["transactions", "raw.", ".t", "raw.T", 'raw.t"; drop', "raw.a.b", "raw." + "x" * 64])
def test_what_is_no_table_name_is_refused(text: str) -> None:
    with pytest.raises(WarehouseError):
        parse_table(text)
