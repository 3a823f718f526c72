"""Whether a run has brought its own days, and not only late ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypedDict

from include.errors import DeliveryMissingError
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener, list_days
from include.warehouse.session import open_session


class MissingDays(TypedDict):
    """Days of one source that are not published, as ISO text."""

    source: str
    days: list[str]


def find_missing(uri: str, settings: SourceSettings, from_day: date, to_day: date) -> list[MissingDays]:
    """The days of a window that are not published by now, by whichever run, of each critical daily source.

    Raises:
        WarehouseError: the warehouse cannot be reached.
    """
    critical = [name for name, one in settings.sources.items() if one.critical and one.grain == "daily"]
    missing = _find_unpublished(uri, critical, list_days(from_day, to_day))
    return [{"source": name, "days": [*map(str, days)]} for name, days in missing.items() if days]


def check_published(uri: str, opener: SourceOpener, missing: MissingDays) -> None:
    """Refuse days that were missing at the end of a run and still are.

    Raises:
        DeliveryMissingError: names the source, the days, and where the first delivery should be.
        WarehouseError: the warehouse cannot be reached.
    """
    name = missing["source"]
    days = _find_unpublished(uri, [name], [*map(date.fromisoformat, missing["days"])])[name]
    if days:
        raise DeliveryMissingError(
            f"Not published, for it was not delivered when the run was planned: source {name!r}, for "
            f"{', '.join(map(str, days))}, expected {opener.open(name).describe(days[0])}. The late days "
            "of the run are published. When it is delivered, clear plan and what follows, or let the next run "
            "without from_day and to_day load it as a late day, and clear this task."
        )


def _find_unpublished(uri: str, names: Sequence[str], days: Sequence[date]) -> dict[str, list[date]]:
    with open_session(uri) as session:
        rows = session.fetch_all(
            "select source, batch_day from raw.partitions where batch_day = any(%s)", (list(days),)
        )
    published = {(row["source"], row["batch_day"]) for row in rows}
    return {name: [day for day in days if (name, day) not in published] for name in names}
