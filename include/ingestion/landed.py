"""What ``landing.deliveries`` says of the rows in landing, and whether it is still so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from include.errors import WarehouseError
from include.ingestion.plan import LoadItem, item_window
from include.warehouse.names import TableName
from include.warehouse.session import Session


@dataclass(frozen=True)
class LandedDay:
    """One delivery in landing.

    Attributes:
        landed_at: changes with every landing of the day.
        file_hash: of the bytes that were read.
        version: what its source said of its content before it was fetched, and a hash of how it was read.
    """

    day: date
    path: str
    rows: int
    landed_at: datetime
    file_hash: str | None
    version: str | None


def read_landed(session: Session, item: LoadItem) -> tuple[LandedDay, ...]:
    """The deliveries in landing of an item's window, oldest first."""
    rows = session.fetch_all(
        "select batch_day, path, row_count, landed_at, file_hash, version from landing.deliveries "
        "where source = %s and batch_day between %s and %s order by batch_day",
        (item["source"], *item_window(item)),
    )
    return tuple(LandedDay(*row.values()) for row in rows)


def lock_deliveries(session: Session, items: Iterable[LoadItem]) -> None:
    """Until this transaction ends, nobody lands the items' days again or changes their states.

    Everybody locks in the same order, and before he touches the tables of landing.
    """
    for item in sorted(items, key=lambda one: (one["source"], one["from_day"])):
        session.fetch_all(
            "select batch_day from landing.deliveries where source = %s and batch_day between %s and %s "
            "order by batch_day for update",
            (item["source"], *item_window(item)),
        )


def check_same(session: Session, item: LoadItem, landed: Sequence[LandedDay]) -> None:
    """Compare what is in landing with what was read from there before.

    Raises:
        WarehouseError: a day of the item was landed again since, or is gone.
    """
    found = read_landed(session, item)
    if found != tuple(landed):
        days = sorted(one.day for one in {*found} ^ {*landed})
        raise WarehouseError(
            f"landing.{item['source']} holds other rows for {days[0]} than were audited: another run has landed the "
            "day meanwhile. Nothing was published; run the audit task again. If the rows do not land completely, wait "
            "for the other run first."
        )


def check_landed(session: Session, item: LoadItem) -> tuple[LandedDay, ...]:
    """Compare the rows in landing with what was read from files, day by day; the deliveries.

    Raises:
        WarehouseError: the batch did not land, or two landings of it crossed.
    """
    name, window = item["source"], item_window(item)
    landed = read_landed(session, item)
    expected = {one.day: one.rows for one in landed}
    found: dict[Any, int] = {}
    if expected:
        rows = session.fetch_all(
            f"select batch_day, count(*) as row_count from {TableName('landing', name).quoted} "
            "where batch_day between %s and %s group by batch_day",
            window,
        )
        found = {row["batch_day"]: row["row_count"] for row in rows}
    wrong = [day for day in {*expected, *found} if expected.get(day, 0) != found.get(day, 0)]
    if wrong or not expected:
        what = f"other rows than its files hold, first on {min(wrong)}" if wrong else "no files"
        raise WarehouseError(
            f"landing.{name} holds {what}, for {item['from_day']} to {item['to_day']}: the batch did not land "
            "completely, or twice at once. Nothing was published; run the land task again, then this one."
        )
    return landed
