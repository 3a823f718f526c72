"""Settings of a PostgreSQL source: what cannot be read is named when they are loaded."""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import SettingsError
from include.settings.postgres_source import PostgresSource
from include.settings.section import check_section

SOURCE: dict[str, Any] = {
    "kind": "postgres", "connection": "plant_db", "table": "public.readings", "watermark": "stored_at",
    "grain": "daily", "key": ["id"], "event_column": "at",
    "columns": {"id": {"type": "int64"}, "at": {"type": "timestamp"}},
}  # fmt: skip


def load(**changes: Any) -> PostgresSource:
    """A source with changes; a change to None takes a key away."""
    content = {key: value for key, value in {**SOURCE, **changes}.items() if value is not None}
    return check_section(content, PostgresSource, "development", "sources.yml")


def test_a_table_with_a_watermark_that_is_not_declared() -> None:
    source = load()

    assert source.file_options.format == "parquet"
    assert not source.is_live
    assert load(grain="snapshot", watermark=None).is_live


@pytest.mark.parametrize("query", ["select 1 as id", "\n  WITH a as (select 1) select * from a", "select(1)"])
def test_a_query_in_place_of_a_table(query: str) -> None:
    assert load(table=None, query=query).query == query


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"table": None}, "either a table or a query"),
        ({"query": "select 1"}, "either a table or a query"),
        ({"table": "readings"}, "key 'table': expected a table as schema.table"),
        ({"table": "a.b.c"}, "key 'table': expected a table as schema.table"),
        ({"table": "public."}, "key 'table': expected a table as schema.table"),
        ({"table": f"public.{'x' * 64}"}, "key 'table': expected a table as schema.table"),
        ({"table": None, "query": "select 1; drop table x"}, "one query that starts with select or with and holds no"),
        ({"table": None, "query": "delete from x"}, "one query that starts with select or with"),
        ({"table": None, "query": "selected"}, "one query that starts with select or with"),
        ({"watermark": None}, "a watermark for a daily source"),
        ({"watermark": ""}, "key 'watermark'"),
        ({"connection": "my db"}, "key 'connection'"),
        ({"allow_empty": "if_declared"}, "allow_empty: true or false"),
        ({"tabel": "x.y"}, "unknown key 'tabel'; did you mean 'table'?"),
    ],
)
def test_what_cannot_be_read(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(**changes)

    assert problem in str(caught.value)
