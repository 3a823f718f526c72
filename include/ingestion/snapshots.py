"""Publishes snapshots: ``raw.<source>`` keeps each row with the as-of dates at which it counts.

Which snapshot counts when is decided in one place, the view ``raw.snapshot_periods``; here its rows are entered
for that period. A row that stays the same from one snapshot to the next is stored once.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from include.ingestion.published_values import list_published_values
from include.ingestion.version import hash_table
from include.settings.source_base import SourceBase
from include.settings.source_names import VALID_FROM, VALID_TO
from include.warehouse.names import TableName, quote_column
from include.warehouse.session import Session

ENDLESS: Final = date.max
"""``valid_to`` of the rows of the current snapshot."""
_INCOMING: Final = "incoming_snapshot"


def publish_snapshot(session: Session, name: str, source: SourceBase, day: date, today: date) -> tuple[int, str]:
    """Enter the landed snapshot of a day into the history; one that is the same as published changes nothing.

    Args:
        today: the day at which a correction of a published snapshot becomes known.

    Returns:
        the number of its rows, and the hash of their content.
    """
    _copy_landed(session, name, source, day)
    content = hash_table(session, _INCOMING)
    known_day = _note_version(session, name, day, today, content)
    if known_day is not None:
        period = session.fetch_one(
            "select valid_from, valid_to from raw.snapshot_periods "
            "where source = %s and batch_day = %s and known_day = %s",
            (name, day, known_day),
        )
        if period is not None:
            enter_rows(session, TableName("raw", name), source, period["valid_from"], period["valid_to"])
    session.execute(f"drop table {_INCOMING}")
    return content


def _copy_landed(session: Session, name: str, source: SourceBase, day: date) -> None:
    """The landed rows as they are published, in a table of this transaction's own."""
    columns = ", ".join(f"{value} as {column}" for column, value in list_published_values(source).items())
    session.execute(
        f"create temporary table {_INCOMING} on commit drop as "
        f"select {columns} from {TableName('landing', name).quoted} where batch_day = '{day}'"
    )
    session.execute(f"analyze {_INCOMING}")


def _note_version(session: Session, name: str, day: date, today: date, content: tuple[int, str]) -> date | None:
    """Note a version of a snapshot; the day at which it became known, None where it is the published one."""
    newest = session.fetch_one(
        "select known_day, content_hash from raw.snapshots where source = %s and batch_day = %s "
        "order by known_day desc limit 1",
        (name, day),
    )
    if newest is not None and newest["content_hash"] == content[1]:
        return None
    known_day = day if newest is None else max(newest["known_day"], today)
    session.execute(
        "insert into raw.snapshots (source, batch_day, known_day, row_count, content_hash) values (%s, %s, %s, %s, %s) "
        "on conflict (source, batch_day, known_day) do update set row_count = excluded.row_count, "
        "content_hash = excluded.content_hash, published_at = now()",
        (name, day, known_day, *content),
    )
    return known_day


def enter_rows(session: Session, table: TableName, source: SourceBase, valid_from: date, valid_to: date) -> None:
    """Make the incoming rows those that count from ``valid_from`` to before ``valid_to``.

    Rows that count before or after as well keep that part of their time. Equal rows whose times touch become one,
    so that the table does not depend on the order in which snapshots were published.
    """
    names = [quote_column(name) for name in source.published_columns]
    columns, incoming = ", ".join(names), ", ".join(f"new.{name}" for name in names)
    first, end = f"date '{valid_from}'", f"date '{valid_to}'"
    same = _compare(source, names)
    insert = f"insert into {table.quoted} ({columns}, {VALID_FROM}, {VALID_TO})"
    # What the snapshot lacks counts no more in the period.
    session.execute(
        f"with cut as (delete from {table.quoted} as old where old.{VALID_FROM} < {end} and old.{VALID_TO} > {first} "
        f"and not exists (select 1 from {_INCOMING} as new where {same}) returning old.*) {insert} "
        f"select {columns}, {VALID_FROM}, {first} from cut where {VALID_FROM} < {first} "
        f"union all select {columns}, {end}, {VALID_TO} from cut where {VALID_TO} > {end}"
    )
    # What it has counts in all of the period, which joins the times in which the same row counts just before and after.
    covers = f"old.{VALID_FROM} <= {first} and old.{VALID_TO} >= {end}"
    session.execute(
        f"with touched as (delete from {table.quoted} as old using {_INCOMING} as new where {same} "
        f"and old.{VALID_FROM} <= {end} and old.{VALID_TO} >= {first} and not ({covers}) returning old.*) {insert} "
        f"select {incoming}, least({first}, min(old.{VALID_FROM})), greatest({end}, max(old.{VALID_TO})) "
        f"from {_INCOMING} as new left join touched as old on {same} "
        f"where not exists (select 1 from {table.quoted} as old where {same} and {covers}) group by {incoming}"
    )


def _compare(source: SourceBase, names: list[str]) -> str:
    """Whether rows ``old`` and ``new`` are equal; by the key first, which is never null and can be looked up."""
    key = [quote_column(source.publish_name(column)) for column in source.key]
    keys = " and ".join(f"old.{name} = new.{name}" for name in key)
    old, new = (", ".join(f"{side}.{name}" for name in names) for side in ("old", "new"))
    return f"{keys} and ({old}) is not distinct from ({new})"
