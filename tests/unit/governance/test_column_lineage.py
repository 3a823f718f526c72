"""Column edges out of SQL as dbt compiles it."""

from __future__ import annotations

import logging

import pytest

from include.governance.column_lineage import SourceColumn, trace_columns
from include.governance.datasets import Column
from include.warehouse.names import TableName

SALES = TableName("raw", "sales")
SHOPS = TableName("raw", "shops")
COLUMNS = {
    SALES: tuple(Column(name, "text") for name in ("household_id", "shop_id", "value", "day")),
    SHOPS: tuple(Column(name, "text") for name in ("id", "region")),
}


def trace(sql: str) -> dict[str, dict[str, str]]:
    lineage = trace_columns(sql, COLUMNS, "w")
    return {
        name: {f"{source.table.name}.{source.column}": kind for source, kind in sources.items()}
        for name, sources in lineage.direct.items()
    }


def test_import_ctes_and_stars_are_seen_through() -> None:
    sql = """
        with sales as (select * from "w"."raw"."sales"),
        final as (select household_id, value as spend from sales)
        select * from final
    """

    assert trace(sql) == {
        "household_id": {"sales.household_id": "IDENTITY"},
        "spend": {"sales.value": "IDENTITY"},
    }


def test_the_kind_says_what_happened_to_the_value() -> None:
    sql = """
        select
            day,
            coalesce(value, '0') as value,
            sum(value) filter (where shop_id > 1) as total,
            lag(day) over (partition by household_id order by day) as previous
        from w.raw.sales
    """

    assert trace(sql) == {
        "day": {"sales.day": "IDENTITY"},
        "value": {"sales.value": "TRANSFORMATION"},
        "total": {"sales.shop_id": "AGGREGATION", "sales.value": "AGGREGATION"},
        "previous": {"sales.day": "TRANSFORMATION", "sales.household_id": "TRANSFORMATION"},
    }


def test_the_strongest_kind_on_the_way_counts() -> None:
    sql = """
        with totals as (select household_id, sum(value) as total from w.raw.sales group by household_id)
        select totals.total + 1 as total from totals
    """

    assert trace(sql) == {"total": {"sales.value": "AGGREGATION"}}


def test_unions_and_subqueries_join_their_sources() -> None:
    sql = """
        select household_id as id, (select max(region) from w.raw.shops) as region from w.raw.sales
        union all
        select id, region from w.raw.shops
    """

    assert trace(sql) == {
        "id": {"sales.household_id": "IDENTITY", "shops.id": "IDENTITY"},
        "region": {"shops.region": "AGGREGATION"},
    }


def test_columns_that_decide_about_rows_are_indirect() -> None:
    sql = """
        with recent as (select household_id, shop_id from w.raw.sales where day > '2017-01-01')
        select shops.region, count(*) as lines
        from recent inner join w.raw.shops as shops on recent.shop_id = shops.id
        group by shops.region
    """

    lineage = trace_columns(sql, COLUMNS, "w")

    assert lineage.direct["lines"] == {}
    assert lineage.indirect == {
        SourceColumn(SALES, "day"): "FILTER",
        SourceColumn(SALES, "shop_id"): "JOIN",
        SourceColumn(SHOPS, "id"): "JOIN",
        SourceColumn(SHOPS, "region"): "GROUP_BY",
    }


@pytest.mark.parametrize("sql", ["select from where ((", "delete from raw.sales", "", "call refresh()"])
def test_what_is_no_query_has_no_edges_and_no_exception(sql: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        lineage = trace_columns(sql, COLUMNS, "w")

    assert not lineage.direct
    assert not lineage.indirect
