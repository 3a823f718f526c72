"""Where the rows of a source of events are, by day: as declared, or as they were found before anything is placed."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.adopt.day_files import check_days, list_days
from include.adopt.event_rows import EventReader
from include.adopt.label_counts import DAY
from include.commands.console import Pace
from include.settings.source_kinds import FileSource
from include.sources.file_deliveries import FileDeliveries

if TYPE_CHECKING:
    from include.adopt.inbox import InboxSource

Tell = Callable[[str], None]
_FAR_DAYS: Final = 14


@dataclass(frozen=True)
class EventFiles:
    """The files of the events.

    Attributes:
        source: how they are read.
        time_zone: whose days are meant.
        paths: by day, ascending; a single file is that of all days from its first event to its last.
        questions: for a person to confirm.
    """

    source: FileSource
    time_zone: str
    paths: Mapping[date, Path]
    questions: tuple[str, ...] = ()

    @property
    def days(self) -> Sequence[date]:
        """The days that have a file, ascending."""
        return list(self.paths)

    def list_paths(self, spans: Sequence[tuple[date, date]]) -> list[Path]:
        """The files of the days of any span, each one once."""
        chosen = (path for day, path in self.paths.items() if any(first <= day <= last for first, last in spans))
        return list(dict.fromkeys(chosen))


def find_declared_files(name: str, source: FileSource, root: Path, time_zone: str) -> EventFiles:
    """Those of a source that is declared.

    Args:
        root: the sources' folder.
    """
    deliveries = FileDeliveries(name, source, root)
    days = deliveries.find_days(date.min, date.max)
    return EventFiles(source, time_zone, {day: deliveries.path(day) for day in days})


def find_new_files(found: InboxSource, time_zone: str, tell: Tell) -> EventFiles:
    """Those of a source that was found, where they lie now; all rows of a single file are looked at.

    Args:
        tell: takes lines about what is done, where it takes long.

    Raises:
        SourceError: the single file cannot be read, or its days are too many to be real.
    """
    import pyarrow.compute as pc

    source = found.new.source
    if found.event is None:
        return EventFiles(source, time_zone, {file.day: file.path for file in found.new.files.files if file.day})
    settings: dict[str, Any] = {"grain": "daily", "event_column": found.event}
    source, path = source.model_copy(update=settings), found.new.files.files[0].path
    pace, rows = Pace(tell), Counter[date]()
    for block in EventReader(found.name, source, time_zone, ()).read(path, date.min, date.max):
        for one in pc.value_counts(block.column(DAY).combine_chunks()).to_pylist():
            rows[one["values"]] += one["counts"]
        pace.say(f"  {found.name}: the days of {rows.total():,} rows looked at in {path.name}")
    if not rows:
        return EventFiles(source, time_zone, {})
    check_days(min(rows), max(rows), found.event, path)
    days = dict.fromkeys(list_days(min(rows), max(rows)), path)
    return EventFiles(source, time_zone, days, tuple(ask_about_strays(found.event, rows)))


def ask_about_strays(event: str, rows: Mapping[date, int]) -> list[str]:
    """Whether the few rows that lie far before or after all others are right: all days between have no events.

    Args:
        rows: how many there are on each day that has some.
    """
    days, questions = sorted(rows), list[str]()
    few = max(1, sum(rows.values()) // 1000)
    for ordered, where in ((days, "before"), (days[::-1], "after")):
        found = 0
        for day, inner in itertools.pairwise(ordered):
            found += rows[day]
            if found > few:
                break
            if abs((inner - day).days) >= _FAR_DAYS:
                questions.append(
                    f"{event} of {found:,} row(s) is {abs((inner - day).days)} days {where} that of all others ({day}; "
                    f"the others {'begin' if where == 'before' else 'end'} on {inner}): if it is wrong, take these "
                    "rows out first, as the days between would count as days without events."
                )
    return questions[:2]
