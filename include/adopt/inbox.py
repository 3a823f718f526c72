"""Finds every source of a folder: its own files, and those of the folders in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from include.adopt.file_sets import find_format, find_starts
from include.adopt.keys import is_id_name
from include.adopt.proposal import NewSource, check_doubled, propose_source
from include.adopt.sources_file import render_entry
from include.commands.console import list_some
from include.errors import AdoptError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

TIMES: Final = ("date", "timestamp")
NO_TIME: Final = "none"
ChooseTime: TypeAlias = "Callable[[str, Sequence[str]], str]"
"""Of a source's name and the columns that could say when a row happened, the one that does, or ``NO_TIME``."""


@dataclass(frozen=True)
class InboxSource:
    """One source as it was found, and what is done to its files.

    Attributes:
        event: the column by whose days a single file is split; None where files stay as they are.
        is_undated: one file without a day in its name, which is copied under one.
    """

    new: NewSource
    event: str | None = None
    is_undated: bool = False

    @property
    def name(self) -> str:
        """Of the source."""
        return self.new.name

    def describe(self) -> str:
        """The entry as it will be, but for what only all rows can say, and what a person has to confirm."""
        said = [f"please confirm: {question}" for question in self.list_questions()]
        others = [name for name in self.new.files.left_out if not find_format(name)]
        return "\n".join((self.new.describe_reading(others), "", render_entry(self.name, self.preview()), *said))

    def preview(self) -> dict[str, Any]:
        """The entry as it will be, but for what only all rows can say."""
        content = self.new.declaration.content
        if self.event is not None:
            return describe_days(content, self, content["columns"], has_empty=False)
        return {**content, "path": f"{self.name}/{self.new.files.pattern}"} if self.is_copied else content

    @property
    def is_copied(self) -> bool:
        """Whether its files are copied under names that hold their day as ``path`` needs it."""
        return self.is_undated or bool(self.new.files.renames)

    def list_questions(self) -> list[str]:
        """What is unsure; of a file that is copied or split, not where it lies and what a copy of it means."""
        questions = [*self.new.declaration.questions]
        if self.event is not None:
            questions = [one for one in questions if not one.startswith("the file is a whole copy")]
            questions.append(f"{self.event} says when a row happened, in the time zone of the project.")
        elif self.is_undated and (times := list_times(self.new)):
            questions.append(
                f"no row is named by an id that comes again, so that nothing happens in it; if {times[0]} says when a "
                f"row happened: TIME={self.name}.{times[0]}."
            )
        if self.is_copied:
            questions = [one for one in questions if "is outside of the sources' folder" not in one]
        days = self.new.files.days
        if days and self.is_daily and (days[-1] - days[0]).days + 1 > len(days):
            questions.append(
                "a label needs a delivery of every day of its horizon: deliver a file without rows for a day on which "
                "nothing happened."
            )
        return questions

    @property
    def is_daily(self) -> bool:
        """Whether it has a delivery for each day."""
        return self.event is not None or self.new.declaration.content["grain"] == "daily"


def look_into(
    folder: Path,
    config: Path,
    environment: str,
    times: Mapping[str, str],
    choose: ChooseTime | None = None,
    entity: Collection[str] = (),
) -> list[InboxSource]:
    """The sources of a folder; nothing is written.

    Args:
        times: the column that says when a row happened, by source, where several could; "" for the only one.
        choose: asked where several could and nothing is said.
        entity: columns that are said to name what is predicted for; others are known by their names.

    Raises:
        SourceError: names what is wrong with the files, and what to do; or two sources would have one name.
        AdoptError: it is not known which column says when a row happened.
    """
    found = [_propose(start, config, environment) for start in find_starts(folder)]
    check_doubled([new.name for new in found], folder)
    return [_decide(new, times.get(new.name, times.get("", "")), choose, entity) for new in found]


def _propose(start: Path, config: Path, environment: str) -> NewSource:
    """A source of the folder; what is wrong with one of several names it.

    Raises:
        SourceError: it cannot be declared, or some of its files would be refused.
    """
    try:
        new = propose_source(start, None, config, environment)
    except SourceError as error:
        if str(start.parent) in str(error):
            raise
        raise SourceError(f"{start}: {error}") from error
    if differing := new.declaration.differing:
        raise SourceError(
            f"The files of {new.name} disagree: beside the newest one, {differing}. Have all of them delivered with "
            "the same columns, or take the others out of the folder."
        )
    if new.declaration.early:
        raise SourceError(f"The files of {new.name} would be refused: {new.declaration.early}")
    return new


def list_times(new: NewSource) -> list[str]:
    """The columns that could say when a row happened."""
    columns = new.declaration.content["columns"]
    return [name for name, column in columns.items() if column["type"] in TIMES and not column.get("nullable")]


def explain_empty_times(new: NewSource) -> list[str]:
    """Of columns that would say when a row happened, were they there in every row: where they are not."""
    columns = new.declaration.content["columns"]
    names = [name for name, column in columns.items() if column["type"] in TIMES and column.get("nullable")]
    return [_explain_empty(new, name) for name in names]


def _explain_empty(new: NewSource, name: str) -> str:
    """How often a column is empty in what was read, and the first row of it."""
    for one in new.sample.files:
        if name in one.rows.column_names and (count := one.rows.column(name).null_count):
            first = one.rows.column(name).is_null().index(True).as_py() + 1
            return (
                f"column {name} is empty in {count:,} of {one.rows.num_rows:,} rows that were read of {one.name}, "
                f"first in row {first:,} after the header; fill it, or take these rows out."
            )
    return f"column {name} is empty in some rows; fill it, or take these rows out."


def _explain_time(new: NewSource, name: str) -> str:
    """Why a column that is named does not do, where something is known of it."""
    known = [*new.declaration.unread_dates, *explain_empty_times(new)]
    return "".join(f" {reason[0].upper()}{reason[1:]}" for reason in known if f"column {name} " in reason)


def has_repeated_id(new: NewSource, entity: Collection[str] = ()) -> bool:
    """Whether a row names something that other rows name, too, as events do."""
    key = new.declaration.content["key"]
    rows = new.sample.files[-1].rows
    ids = [name for name in rows.column_names if (is_id_name(name) or name in entity) and [name] != key]
    return any(len(rows.column(name).unique()) < rows.num_rows for name in ids)


def _decide(new: NewSource, wanted: str, choose: ChooseTime | None, entity: Collection[str]) -> InboxSource:
    if len(new.files.files) > 1 or new.files.days:
        return InboxSource(new)
    candidates = list_times(new)
    if choose is not None and not wanted and len(candidates) > 1 and has_repeated_id(new, entity):
        wanted = choose(new.name, candidates)
    if wanted == NO_TIME:
        return InboxSource(new, is_undated=True)
    if wanted:
        if wanted not in candidates:
            raise AdoptError(
                f"{new.name}: {wanted!r} cannot say when a row happened; it can be: {list_some(candidates) or 'none'} "
                f"(a date or timestamp that is always there).{_explain_time(new, wanted)}"
            )
        return InboxSource(new, event=wanted, is_undated=True)
    if not candidates or not has_repeated_id(new, entity):
        return InboxSource(new, is_undated=True)
    key = new.declaration.content["key"]
    if len(candidates) > 1:
        raise AdoptError(
            f"{new.name}: which of {list_some(candidates)} says when a row happened? Say it: TIME={new.name}."
            f"{candidates[0]}, or, where each row of {', '.join(key)} is there once and nothing happens, "
            f"TIME={new.name}.none."
        )
    return InboxSource(new, event=candidates[0], is_undated=True)


def describe_days(
    content: dict[str, Any], source: InboxSource, columns: dict[str, Any], *, has_empty: bool
) -> dict[str, Any]:
    """The entry of a source whose file was split by its days."""
    kept = {name: value for name, value in content.items() if name in ("kind", "key")}
    return {
        "kind": kept["kind"], "path": f"{source.name}/{{day}}.parquet", "format": "parquet", "grain": "daily",
        "key": kept["key"], "critical": True, **({"allow_empty": "if_declared"} if has_empty else {}),
        "event_column": source.event, "columns": columns,
    }  # fmt: skip
