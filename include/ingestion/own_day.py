"""Whether a run has brought its own days, and not only late ones."""

from __future__ import annotations

from datetime import date

from include.errors import DeliveryMissingError
from include.sources.deliveries import SourceOpener, list_days
from include.warehouse.session import open_session


def check_own_days(uri: str, opener: SourceOpener, from_day: date, to_day: date) -> None:
    """Refuse a window of which a day of a critical daily source is not published by now, by whichever run.

    Raises:
        DeliveryMissingError: names the source, the days, and where the first delivery should be.
        WarehouseError: the warehouse cannot be reached.
    """
    with open_session(uri) as session:
        rows = session.fetch_all(
            "select source, batch_day from raw.partitions where batch_day between %s and %s", (from_day, to_day)
        )
    published = {(row["source"], row["batch_day"]) for row in rows}
    messages = []
    for name, source in opener.settings.sources.items():
        days = [day for day in list_days(from_day, to_day) if (name, day) not in published]
        if days and source.critical and source.grain == "daily":
            place = opener.open(name).describe(days[0])
            messages.append(f"source {name!r}, for {', '.join(map(str, days))}, expected {place}")
    if messages:
        raise DeliveryMissingError(
            f"Not published, for it was not delivered when the run was planned: {'; '.join(messages)}. The late days "
            "of the run are published. When it is delivered, clear plan and what follows, or let the next run "
            "without from_day and to_day load it as a late day, and clear this task."
        )
