"""Which files a source has delivered, and for which days."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from include.errors import SourceError
from include.settings.source_base import DatedFiles, SourceBase

_DAY = r"(\d{4}-\d{2}-\d{2})"


def delivery_path(source: SourceBase, root: Path, day: date) -> Path:
    """Where the file of one day is, or should be."""
    return root / _path(source).format(day=day.isoformat())


def list_days(from_day: date, to_day: date) -> list[date]:
    """Every day of a window, both ends included."""
    return [from_day + timedelta(days=offset) for offset in range((to_day - from_day).days + 1)]


def find_delivered_days(source: SourceBase, root: Path) -> list[date]:
    """The days for which files exist, oldest first."""
    pattern = _file_pattern(source)
    folder = delivery_path(source, root, date.min).parent
    if not folder.is_dir():
        return []
    matches = (pattern.fullmatch(path.name) for path in folder.iterdir())
    return sorted(day for match in matches if match and (day := _parse_day(match[1])))


def find_snapshots(source: SourceBase, root: Path, from_day: date, to_day: date) -> list[date]:
    """The days of the whole copies that count on a day of the window: those within, and the newest one before."""
    delivered = [day for day in find_delivered_days(source, root) if day <= to_day]
    first = max((day for day in delivered if day <= from_day), default=from_day)
    return [day for day in delivered if day >= first]


def hash_file(path: Path) -> str | None:
    """SHA-256 of a file's bytes in hexadecimal digits; None where it cannot be read, of which reading it says why."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def find_missing_days(source: SourceBase, root: Path, from_day: date, to_day: date) -> list[date]:
    """The days of a window for which a daily source has no file."""
    delivered = set(find_delivered_days(source, root))
    return [day for day in list_days(from_day, to_day) if day not in delivered]


def list_missing_files(sources: Mapping[str, SourceBase], root: Path, from_day: date, to_day: date) -> list[Path]:
    """The files of daily sources that a window of days lacks; a snapshot comes when it comes."""
    return [
        delivery_path(source, root, day)
        for source in sources.values()
        if source.grain == "daily"
        for day in find_missing_days(source, root, from_day, to_day)
    ]


def explain_missing(name: str, source: SourceBase, root: Path, missing: list[date]) -> SourceError:
    """The error for files that should be there and are not, with what is there instead."""
    first = delivery_path(source, root, missing[0])
    days = ", ".join(str(day) for day in missing[:5]) + (" ..." if len(missing) > 5 else "")
    delivered = find_delivered_days(source, root)
    if delivered:
        found = f"Its files are of {delivered[0]} to {delivered[-1]}."
    else:
        found = f"Its folder {first.parent} holds no file named like {Path(_path(source)).name}."
    siblings = [path.name for path in first.parent.iterdir()] if first.parent.is_dir() else []
    near = [other for other in difflib.get_close_matches(first.name, siblings, n=1, cutoff=0.8)]
    hint = f" Nearest name there: {near[0]}." if near and _file_pattern(source).fullmatch(near[0]) is None else ""
    return SourceError(
        f"Source {name!r}: {len(missing)} file(s) missing, for {days}; expected {first}. {found}{hint} "
        "Have the source deliver the file, or choose a window that was delivered, and run again."
    )


def _file_pattern(source: SourceBase) -> re.Pattern[str]:
    before, after = Path(_path(source)).name.split("{day}")
    return re.compile(re.escape(before) + _DAY + re.escape(after))


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _path(source: SourceBase) -> str:
    if not isinstance(source, DatedFiles):
        raise NotImplementedError(type(source).__name__)
    return source.path
