"""What SQL alone tells of columns, and where it tells nothing."""

from __future__ import annotations

import pytest

from include.check.queries import Query

TABLES = {("raw", "a"): {"x": "bigint", "y": "text", "Z z": "text"}, ("raw", "b"): {"x": "bigint", "w": "date"}}


def absent(sql: str) -> list[str]:
    return [one.column for one in Query(sql, TABLES).find_absent()]


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("select * from raw.a", {"x": "bigint", "y": "text", "Z z": "text"}),
        ("select y, x as id, 1 + x as more from raw.a", {"y": "text", "id": "bigint", "more": None}),
        ("with c as (select * from raw.a), d as (select y, x from c) select d.* from d", {"y": "text", "x": "bigint"}),
        ("select distinct on (x) * from (select x from raw.b) as t order by x", {"x": "bigint"}),
        ("select x from raw.a union all select w from raw.b", {"x": "bigint"}),
        ("select a.y, b.w from raw.a as a join raw.b as b on a.x = b.x", {"y": "text", "w": "date"}),
        ("select x::text, (y is null) as is_absent, count(*) as n from raw.a group by 1, 2",
         {"x": "text", "is_absent": "boolean", "n": "bigint"}),
        ("select max(w) as newest, coalesce(min(x), 0) as least from raw.b", {"newest": "date", "least": "bigint"}),
        ('select "Z z" as z from raw.a', {"z": "text"}),
        ("select (x)::text, y::varchar from raw.a", {"x": "text", "y": "varchar"}),
        ("with recursive r as (select x from raw.a union all select x + 1 from r) select * from r", {"x": "bigint"}),
    ],
)  # fmt: skip
def test_the_columns_that_a_query_returns(sql: str, columns: dict[str, str | None]) -> None:
    assert Query(sql, TABLES).find_columns() == columns


@pytest.mark.parametrize(
    "sql",
    [
        "select * from elsewhere.t",
        "select *, 1 as one from raw.a cross join elsewhere.t",
        "select count(*) from raw.a",
        "select lower('y')::text from raw.a",
        "select * from raw.a, unnest(array[1]) as u",
        "select * from raw.a as t (p, q, r)",
        "select * from (select x, y from raw.a) as t (p, q)",
        "with t (p) as (select x from raw.b) select * from t",
    ],
)
def test_columns_that_cannot_be_told(sql: str) -> None:
    assert Query(sql, TABLES).find_columns() is None


@pytest.mark.parametrize("sql", ["values (1)", "select from where", "create table t (x int)"])
def test_what_is_no_query_is_refused(sql: str) -> None:
    with pytest.raises(Exception, match=r"."):
        Query(sql, TABLES)


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select missing from raw.a", ["missing"]),
        ("select a.w from raw.a", ["w"]),
        ("select a.w from raw.a as a join raw.b as b on a.x = b.x", ["w"]),
        ("with c as (select * from raw.a) select c.w, c.x from c", ["w"]),
        ("with c as (select y from raw.a) select x from c", ["x"]),
        ("select x from raw.a where gone > 1 order by away", ["away", "gone"]),
        ("select a.x from raw.a as a join raw.b as b on a.x = b.gone", ["gone"]),
        ("select x from raw.a union all select gone from raw.b", ["gone"]),
        ("select x from raw.a where exists (select from raw.b where b.w = a.gone)", ["gone"]),
        ("select sum(x) filter (where gone) over (partition by lost) as s from raw.a", ["gone", "lost"]),
        ("select x from raw.a where x in (select gone from raw.b)", ["gone"]),
    ],
)
def test_columns_that_are_read_and_not_there(sql: str, names: list[str]) -> None:
    assert absent(sql) == names


@pytest.mark.parametrize(
    "sql",
    [
        "select x as id from raw.a group by id order by id",
        "select x from raw.a where exists (select from raw.b where w is not null and y = 'k')",
        "select gone from elsewhere.t",
        "select localtimestamp, gone",
        "select r.gone from rows from (f(1), g(2)) as r",
        "select gone from json_to_recordset('[]') as t (gone int)",
        "select j.gone from (raw.a as a join raw.b as b on a.x = b.x) as j",
        "select gone from raw.a cross join elsewhere.t",
        "select gone from raw.a, generate_series(1, 2) as gone",
        "select day from raw.a cross join lateral generate_series(a.x, a.x + 1) as series (day)",
        "select p from raw.a as t (p, q, r)",
        "select ctid, a::text as whole, current_date as today from raw.a",
        "select k from (values (1)) as v (k)",
        "select j.k from raw.a cross join lateral (select a.x as k) as j",
        "select x from raw.a join raw.b using (x)",
        "select extract(isodow from w) as d, date_trunc('week', w) as k, w + interval '1 day' as n from raw.b",
        "select row_number() over win as n from raw.a window win as (partition by x)",
        "select t.x from (select x from raw.a where y = 'a') as t",
        "with recursive r as (select x, 1 as d from raw.a union all select x, d + 1 from r) select d from r",
    ],
)
def test_what_is_right_or_uncertain_is_not_named(sql: str) -> None:
    assert absent(sql) == []


def test_the_table_is_named_through_queries_that_pass_it_on() -> None:
    found = Query("with c as (select * from raw.a) select gone from c", TABLES).find_absent()

    assert [(one.table, one.known) for one in found] == [(("raw", "a"), ("x", "y", "Z z"))]
