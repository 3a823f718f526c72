"""The time zone of the project: whose days are meant."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from include.errors import SettingsError

_LINE: Final = re.compile(r"^time_zone:.*$", re.MULTILINE)


def check_zone(name: str) -> str:
    """A zone by its name.

    Raises:
        ArgumentTypeError: there is none; names a near one.
    """
    if name not in available_timezones():
        near = sorted(zone for zone in available_timezones() if name.casefold() in zone.casefold())
        hint = f"did you mean {near[0]!r}?" if near else "expected a name such as Europe/Berlin"
        raise argparse.ArgumentTypeError(f"there is no time zone {name!r}; {hint}")
    return ZoneInfo(name).key


def replace_zone(text: str, name: str) -> str:
    """The text of ``sources.yml`` with another time zone.

    Raises:
        SettingsError: it has no line for it.
    """
    if not _LINE.search(text):
        raise SettingsError("sources.yml has no line 'time_zone:'; add one at the margin, and run again.")
    return _LINE.sub(f"time_zone: {name}", text, count=1)


def set_time_zone(path: Path, name: str) -> None:
    """Write the zone into the file, in one step."""
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(replace_zone(path.read_text(encoding="utf-8"), name), encoding="utf-8")
    draft.replace(path)
