"""Which days of deliveries there are to load."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from include.errors import SourceError
from include.settings.source_kinds import FileSource
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener


def find_days(settings: SourceSettings, root: Path, from_day: date | None, to_day: date | None) -> tuple[date, date]:
    """The days that are asked for; an end that is not asked for is that of the files in the sources' folder.

    Args:
        root: the folder of the sources that are files.

    Raises:
        SourceError: the days end before they begin, or an end is not given and no source has files that say it.
    """
    first, last = from_day, to_day
    if first is None or last is None:
        opener = SourceOpener(settings, root)
        names = [name for name, source in settings.sources.items() if isinstance(source, FileSource)]
        days = [day for name in names for day in opener.open(name).find_days(first or date.min, last or date.max)]
        if not days:
            raise SourceError(
                f"No source has a file in {root}{_describe(first, last)}, so that nobody knows which days to load. "
                "Put the files there (root and path in include/config/sources.yml), or name the days: "
                "make run FROM_DAY=2026-01-01 TO_DAY=2026-01-31."
            )
        first, last = first or min(days), last or max(days)
    if last < first:
        raise SourceError(f"The days end before they begin: FROM_DAY {first} is after TO_DAY {last}.")
    return first, last


def _describe(first: date | None, last: date | None) -> str:
    if first is not None:
        return f" from {first} on"
    return f" up to {last}" if last is not None else ""
