"""From a sample to the entry of ``sources.yml``, with the questions that the sample leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from include.adopt.column_rules import describe_columns
from include.adopt.columns import ColumnGuess, Reading, guess_column
from include.adopt.csv_style import find_decimal
from include.adopt.events import Grain, are_copies, choose_grain
from include.adopt.file_sets import FileSet
from include.adopt.keys import find_key
from include.adopt.sample import FileSample, Sample
from include.commands.console import list_some
from include.errors import SourceError
from include.settings.file_formats import CsvSettings, find_codec

# Files that share fewer of their columns are of different sources.
_SHARED: Final = 0.5
_MOST_FILES: Final = 3


@dataclass(frozen=True)
class Declaration:
    """An entry of ``sources.yml``, and what the sample leaves open.

    Attributes:
        questions: sentences for a person to confirm.
        differing: the files that have other columns than the newest one, with what these are.
        unread_dates: those of them about dates in a form that is not read.
        early: the one of them about rows after their file's day, for which ingestion refuses the file.
    """

    content: dict[str, Any]
    questions: tuple[str, ...]
    differing: str | None = None
    unread_dates: tuple[str, ...] = ()
    early: str | None = None


def declare_source(files: FileSet, sample: Sample, time_zone: str, root: Path) -> Declaration:
    """How the files are declared.

    Args:
        time_zone: of the sources.
        root: the folder that paths are relative to.

    Raises:
        SourceError: there are no rows, the files are of different sources, a column has no type, or no columns name
            every row; says what to do.
    """
    kept, differing = compare_columns(files, sample)
    style, style_questions = _finish_style(kept, sample)
    reading = Reading(time_zone, style.decimal, is_csv=files.format == "csv", has_booleans=files.format != "csv")
    names = kept[-1].rows.column_names
    columns = [guess_column(name, [one.rows.column(name).combine_chunks() for one in kept], reading) for name in names]
    grain = choose_grain(columns, [one.file.day for one in kept], files.days, time_zone)
    key, key_questions = _choose_key(columns, grain, sample)
    described, column_questions = describe_columns(columns, key, grain.grain)
    path, path_questions = _place(files, root)
    has_empty = any(not one.rows.num_rows for one in sample.files)
    content = {
        "kind": "files",
        "path": path,
        "format": files.format,
        **_describe_packing(files, sample),
        **({"csv": changed} if (changed := style.model_dump(exclude_defaults=True)) else {}),
        "grain": grain.grain,
        "key": list(key),
        **({"critical": False} if not grain.is_complete else {}),
        **({"allow_empty": True} if has_empty else {}),
        **_describe_event(grain),
        "columns": described,
    }
    empty = ["a file without rows is no mistake (allow_empty: true)."] if has_empty else []
    all_questions = (
        *path_questions, *sample.questions, *style_questions, *_ask_about(differing), *empty,
        *grain.questions, *key_questions,
        *(question for column in columns for question in column.questions), *column_questions,
    )  # fmt: skip
    dates = tuple(column.unread_dates for column in columns if column.unread_dates)
    return Declaration(content, all_questions, differing, dates, grain.early)


def compare_columns(files: FileSet, sample: Sample) -> tuple[list[FileSample], str | None]:
    """The files with rows and the columns of the newest file, and those that have others.

    Raises:
        SourceError: there are no rows, or the files share too little.
    """
    named = [one for one in sample.files if one.rows.num_columns]
    names = set(named[-1].rows.column_names) if named else set()
    others = [one for one in named if set(one.rows.column_names) != names]
    headers = [(one.name, set(one.rows.column_names)) for one in others]
    headers += [(name, columns) for name, columns in sample.headers if names and columns != names]
    for name, columns in headers:
        if len(names & columns) < _SHARED * max(len(names), len(columns)):
            raise SourceError(
                f"{name} and {named[-1].name} in {files.folder} have different columns; give a folder whose files "
                "are of one source, or one of them as FROM."
            )
    kept = [one for one in named if one.rows.num_rows and one not in others]
    if not kept:
        raise SourceError(
            f"No file of {files.folder} has rows and the columns of the newest one, so that nothing is known of the "
            "types; give files with rows."
        )
    differing = [_explain_difference(name, columns, names) for name, columns in headers]
    return kept, list_some(differing, _MOST_FILES) or None


def _ask_about(differing: str | None) -> list[str]:
    if not differing:
        return []
    return [f"the columns are those of the newest file; {differing}, and is refused until it is delivered with these."]


def _explain_difference(file: str, own: set[str], names: set[str]) -> str:
    lacks = f"lacks {list_some(sorted(names - own))}" if names - own else ""
    adds = f"has also {list_some(sorted(own - names))}" if own - names else ""
    return f"{file} {' and '.join(filter(None, (lacks, adds)))}"


def _finish_style(kept: Sequence[FileSample], sample: Sample) -> tuple[CsvSettings, tuple[str, ...]]:
    if sample.style is None:
        return CsvSettings(), ()
    import pyarrow as pa
    import pyarrow.compute as pc

    names = kept[-1].rows.column_names
    rows = pa.concat_tables([one.rows.select(names) for one in kept])
    return find_decimal([pc.unique(rows.column(name)) for name in names], sample.style)


def _choose_key(columns: Sequence[ColumnGuess], grain: Grain, sample: Sample) -> tuple[tuple[str, ...], list[str]]:
    key = find_key(columns, is_snapshot=grain.grain == "snapshot")
    if not key:
        raise SourceError(
            "No set of up to three columns without nulls names every row of what was read; have one delivered that "
            "does, such as a number of the line, or take out rows that come twice."
        )
    questions = [
        f"key [{', '.join(key)}] names every one of the {sample.row_count:,} row(s) that were read; it must do so "
        "in all of them."
    ]
    if grain.event:
        within = find_key([one for one in columns if one.type not in ("date", "timestamp")], is_snapshot=True)
        if within and are_copies([one for one in columns if one.name in within]):
            questions.append(
                f"every file is a day of rows (grain daily); as each has nearly the same {', '.join(within)}, it may "
                "be a whole copy, which is grain snapshot."
            )
    return key, questions


def _describe_event(grain: Grain) -> dict[str, Any]:
    if not grain.event:
        return {}
    late = {"allowed_lateness_days": grain.event.lateness_days} if grain.event.lateness_days else {}
    return {"event_column": grain.event.column, **late}


def _describe_packing(files: FileSet, sample: Sample) -> dict[str, str]:
    """The packing of files whose names do not say it."""
    codecs = {one.codec for one in sample.files}
    codec = next(iter(codecs)) if len(codecs) == 1 else None
    return {"compression": codec} if codec and not find_codec(files.pattern, None) else {}


def _place(files: FileSet, root: Path) -> tuple[str, list[str]]:
    """The path below the folder of the sources; outside of it, the whole path."""
    folder, root = files.folder.resolve(), root.resolve()
    if folder.is_relative_to(root):
        return (folder.relative_to(root) / files.pattern).as_posix(), []
    question = (
        f"{folder} is outside of the sources' folder {root}, so that the whole path is declared; workers must see the "
        "files there."
    )
    return (folder / files.pattern).as_posix(), [question]
