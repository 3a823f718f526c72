"""Which day it is: the one place that asks the clock."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from include.errors import SettingsError

TODAY_VARIABLE: Final = "ORRERY_TODAY"


def read_today(time_zone: str, at: datetime | None = None) -> date:
    """The calendar day in a time zone; ``ORRERY_TODAY`` (2026-03-09) overrides it, for tests and rehearsals.

    Args:
        time_zone: of the IANA database, such as ``sources.time_zone``.
        at: a moment with a zone, such as the start of a run; now when absent.

    Raises:
        SettingsError: ``ORRERY_TODAY`` is no day.
    """
    given = os.environ.get(TODAY_VARIABLE)
    if not given:
        return (at or datetime.now(UTC)).astimezone(ZoneInfo(time_zone)).date()
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise SettingsError(
            f"{TODAY_VARIABLE} is {given!r}; expected a day such as 2026-03-09. Correct it, or unset it to use "
            "the clock."
        ) from error
