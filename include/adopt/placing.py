"""Puts the files of sources where the project looks for them, and declares the sources."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.adopt.day_files import split_by_day
from include.adopt.inbox import InboxSource, describe_days
from include.adopt.sources_file import add_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class PlacedSource:
    """A source whose files are where the project looks for them, and its entry."""

    name: str
    content: dict[str, Any]


def place_files(
    sources: Sequence[InboxSource], root: Path, known: Mapping[str, Any], time_zone: str, say: Callable[[str], None]
) -> list[PlacedSource]:
    """Put the files into the sources' folder; nothing else is changed.

    Args:
        known: the entries of sources that are declared already, whose files stay as they are.

    Raises:
        SourceError: see :func:`include.adopt.day_files.split_by_day`.
    """
    placed: list[PlacedSource] = []
    begins: list[date] = []
    # Events first: a table beside them has to be known from their first day on.
    for source in sorted(sources, key=lambda one: (one.event is None, not one.is_daily)):
        folder = root / source.name
        if source.name in known:
            if source.is_daily:
                begins += find_event_days(source, root)[:1]
            own = (root / known[source.name].get("path", source.name)).parent
            say(f"✔ {source.name} is declared already; its files are not taken again: new ones belong to {own}")
            continue
        content = source.new.declaration.content
        if source.event is not None:
            made = split_by_day(source.new, source.event, time_zone, folder, say)
            begins.append(made.first)
            content = describe_days(content, source, made.columns, has_empty=made.empty_days > 0)
            say(f"✔ {source.name}: {made.row_count:,} rows of {made.first} to {made.last}, a file for each day")
        else:
            if source.is_daily:
                begins += find_event_days(source, root)[:1]
            if source.is_copied:
                content = copy_dated(source, root, min(begins, default=date.today()))
                say(f"✔ {source.name}: copied to {folder}")
        placed.append(PlacedSource(source.name, content))
    return placed


def declare_placed(
    placed: Sequence[PlacedSource], events: str | None, config: Path, environment: str, say: Callable[[str], None]
) -> None:
    """Add the entries to sources.yml.

    Args:
        events: the source without which a run must not go on; the others may be missing.

    Raises:
        SettingsError: the settings refuse one.
    """
    for left in config.parent.glob(f".{config.name}.*"):
        left.unlink()  # of a process that was killed while it declared one
    for source in placed:
        add_entry(config, source.name, set_critical(source, events), environment)
        say(f"✔ {source.name} is declared in {config}")


def set_critical(source: PlacedSource, events: str | None) -> dict[str, Any]:
    """The entry, in which a source that the model is not made of may be missing on a day."""
    if source.name == events:
        return source.content
    head = {name: source.content[name] for name in source.content if name not in ("critical", "columns")}
    return {**head, "critical": False, "columns": source.content["columns"]}


def find_event_days(source: InboxSource, root: Path | None) -> Sequence[date]:
    """The days of a daily source's files, oldest first: as delivered, or as a single file was split into them."""
    split = (root / source.name).glob("????-??-??.parquet") if root else ()
    return source.new.files.days or sorted(date.fromisoformat(path.stem) for path in split)


def copy_dated(source: InboxSource, root: Path, day: date) -> dict[str, Any]:
    """Copy the files of a source under names with their days, the only one under ``day``; the entry."""
    pattern = source.new.files.pattern
    for file in source.new.files.files:
        target = root / source.name / pattern.replace("{day}", (file.day or day).isoformat())
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.path, target)
    return {**source.new.declaration.content, "path": f"{source.name}/{pattern}"}
