"""Tables are called the same everywhere, and described as PostgreSQL describes them."""

from __future__ import annotations

import logging

import pytest

from include.governance.datasets import (
    Column,
    DatasetNames,
    build_inputs,
    build_outputs,
    find_columns,
    keep_flow,
    read_columns,
)
from include.warehouse.names import TableName
from include.warehouse.session import open_session


def test_a_table_is_named_by_server_database_schema_and_name() -> None:
    names = DatasetNames.from_uri("postgresql://user:p%40ss@db.example:6432/ware%20house")

    assert names.namespace == "postgres://db.example:6432"
    assert names.name_table(TableName("raw", "t")) == "ware house.raw.t"
    assert DatasetNames.from_uri("postgresql://h/w").namespace == "postgres://h:5432"


def test_columns_of_tables_and_views_come_in_order_with_their_types(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute("create table raw.t (price numeric(12, 2), gone int, names text[], at timestamptz)")
        session.execute("alter table raw.t drop column gone")
        session.execute("create view staging.v as select price from raw.t")

        columns = read_columns(session, [TableName("raw", "t"), TableName("staging", "v"), TableName("raw", "none")])

    assert columns == {
        TableName("raw", "t"): (
            Column("price", "numeric(12,2)"),
            Column("names", "text[]"),
            Column("at", "timestamp with time zone"),
        ),
        TableName("staging", "v"): (Column("price", "numeric(12,2)"),),
    }


def test_without_the_warehouse_there_are_no_columns_and_a_warning(
    dead_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert find_columns(dead_uri, [TableName("raw", "t")]) == {}

    assert "goes without columns" in caplog.text


def test_datasets_carry_their_schema_where_it_is_known() -> None:
    names = DatasetNames("h", 5432, "w")
    known, unknown = TableName("raw", "t"), TableName("raw", "u")
    columns = {known: (Column("a", "bigint"),)}

    inputs = build_inputs(names, [known, unknown], columns)
    outputs = build_outputs(names, [known], columns)

    assert [(dataset.namespace, dataset.name) for dataset in inputs] == [
        ("postgres://h:5432", "w.raw.t"),
        ("postgres://h:5432", "w.raw.u"),
    ]
    assert inputs[1].facets == {}
    for dataset in (inputs[0], outputs[0]):
        assert dataset.facets is not None
        assert [(field.name, field.type) for field in dataset.facets["schema"].fields] == [("a", "bigint")]


def test_what_listens_is_no_part_of_the_flow_and_the_ledger_is() -> None:
    flow = [TableName("governance", "approvals"), TableName("governance", "fences"), TableName("ml", "t")]
    listeners = [TableName("governance", "lineage_events"), TableName("governance", "migrations")]

    assert keep_flow([*flow, *listeners]) == flow
