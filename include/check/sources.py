"""Sources: files are where they are declared, are named so, and can be read; connections of the others are known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path
from typing import Final

from include.adopt.file_sets import name_pattern
from include.check.finding import Finding, Place, Reporter, show_path
from include.check.places import find_key
from include.commands.console import list_some
from include.errors import SourceError
from include.local.home import DEFAULT_HOME, resolve_home
from include.settings import PROJECT_ROOT
from include.settings.source_base import ConnectedSource
from include.settings.source_kinds import FileSource
from include.settings.sources import SourceSettings
from include.sources.columns import ColumnMismatchError
from include.sources.dated_names import DatedName
from include.sources.deliveries import list_days
from include.sources.files import read_blocks
from include.sources.formats import check_header
from include.sources.text_files import UnreadableFileError

_REPORT: Final = Reporter("sources")
_SIMILAR: Final = 0.8
_FILES_LISTED: Final = 2
_FOLDERS_SEARCHED: Final = 200


def check_sources(
    settings: SourceSettings, config: Path, root: Path, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """Look at every declared source.

    Args:
        config: ``sources.yml``.
        root: the folder of the sources that are files.
        environment: variables of the process.
    """
    days: dict[str, list[date]] = {}
    for name, source in settings.sources.items():
        if isinstance(source, FileSource):
            yield from _REPORT.guard(name, partial(_check_files, name, settings, source, config, root, days))
        elif isinstance(source, ConnectedSource):
            place = find_key(config, f"sources.{name}.connection")
            yield from _REPORT.guard(name, partial(_check_connection, name, source.connection, place, environment))
    yield from _REPORT.guard("snapshots", partial(_check_first_copies, settings, days))


def _check_files(
    name: str, settings: SourceSettings, source: FileSource, config: Path, root: Path, days: dict[str, list[date]]
) -> Iterator[Finding]:
    place = find_key(config, f"sources.{name}.path")
    folder, pattern = (root / source.path).parent, DatedName(Path(source.path).name)
    if not folder.is_dir():
        yield _explain_folder(name, source, root, place)
        return
    names = _list_names(folder)
    strangers = _find_strangers(name, settings, root, names)
    days[name] = found = pattern.find_days(names, date.min, date.max)
    if not found:
        told = f"{show_path(folder)} holds no file named like {pattern.pattern}"
        if strangers:
            yield _REPORT.fault(name, f"{told}, but {list_some(strangers)}", _explain_names(pattern), place)
        else:
            yield _REPORT.note(name, told, "Have the source deliver, or correct path", place)
        return
    if strangers:
        told = f"{len(strangers)} file(s) look like its own and are not named like {pattern.pattern}"
        yield _REPORT.note(name, f"{told}: {list_some(strangers)}", _explain_names(pattern), place)
    paths = [folder / pattern.pattern.replace("{day}", str(day)) for day in found]
    yield from _read_newest(name, settings, source, paths[-1], config)
    yield from _compare_headers(name, source, paths[:-1])
    yield from _count_days(name, source, found)


def _explain_folder(name: str, source: FileSource, root: Path, place: Place) -> Finding:
    """A finding for a folder that is not there."""
    folder = (root / source.path).parent
    told = f"there is no folder {show_path(folder)}, where its files should be"
    elsewhere = _find_elsewhere(source, root)
    if elsewhere:
        remedy = "Correct root or path in sources.yml (ORRERY_SOURCES_DIR wins over root), or move the files"
        return _REPORT.fault(name, f"{told}; files named like it are in {show_path(elsewhere)}", remedy, place)
    is_unused = not root.is_dir() or not any(root.iterdir())
    if is_unused and any(root.is_relative_to(home) for home in (DEFAULT_HOME, resolve_home().path)):
        return _REPORT.note(name, f"{told}: nothing has been delivered to the local folder yet", "", place)
    remedy = "Make the folder and have the source deliver to it, or correct root or path in sources.yml"
    return (_REPORT.fault if source.critical else _REPORT.note)(name, told, remedy, place)


def _find_elsewhere(source: FileSource, root: Path) -> Path | None:
    """A folder near the expected one that holds files of such names."""
    pattern, below = DatedName(Path(source.path).name), Path(source.path).parent
    bases = [root.parent, PROJECT_ROOT, *_list_folders(PROJECT_ROOT), *_list_folders(root.parent)]
    folders = [*(base / below for base in bases), *_list_folders(root), root]
    return next((folder for folder in folders if any(map(pattern.find_day, _list_names(folder)))), None)


def _list_folders(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []
    return found[:_FOLDERS_SEARCHED]


def _list_names(folder: Path) -> list[str]:
    """The names of a folder's files, without hidden ones and those that tools leave."""
    try:
        return sorted(path.name for path in folder.iterdir() if path.name[0] not in "._" and path.is_file())
    except OSError:
        return []


def _find_strangers(name: str, settings: SourceSettings, root: Path, names: list[str]) -> list[str]:
    """The files that are named nearly as those of a source, and are none of any source."""
    folder = (root / _path(settings, name)).parent
    here = [one for one in settings.sources if _path(settings, one) and (root / _path(settings, one)).parent == folder]
    patterns = [DatedName(Path(_path(settings, one)).name) for one in here]
    wanted = Path(_path(settings, name)).name
    return [
        one
        for one in names
        if not any(pattern.find_day(one) for pattern in patterns) and _is_similar(name_pattern(one)[0], wanted)
    ]


def _path(settings: SourceSettings, name: str) -> str:
    source = settings.sources[name]
    return source.path if isinstance(source, FileSource) else ""


def _is_similar(shape: str, wanted: str) -> bool:
    is_same_stem = shape.partition(".")[0] == wanted.partition(".")[0]
    return is_same_stem or SequenceMatcher(None, shape, wanted).ratio() >= _SIMILAR


def _explain_names(pattern: DatedName) -> str:
    example = pattern.pattern.replace("{day}", "2026-01-31")
    return f"Rename them, such as {example}, or correct path; a day is written 2026-01-31"


def _read_newest(
    name: str, settings: SourceSettings, source: FileSource, path: Path, config: Path
) -> Iterator[Finding]:
    """Read the first rows of a file as ingestion would."""
    try:
        for block in read_blocks(name, source, path, settings.time_zone, show_path(path)):
            if block.num_rows:
                break
    except SourceError as error:
        column = re.search(r"column (?:'([^']+)'|\(s\) '([^']+)')", str(error))
        key = f"sources.{name}.columns.{column[1] or column[2]}" if column else f"sources.{name}"
        yield _REPORT.fault(name, str(error), "", find_key(config, key))
    else:
        yield _REPORT.fine(name, f"{show_path(path)}, the newest file, can be read as declared")


def _compare_headers(name: str, source: FileSource, paths: Sequence[Path]) -> Iterator[Finding]:
    """Read what older files say of their columns, which may be loaded already."""
    import pyarrow as pa

    told: list[str] = []
    for path in paths:
        try:
            check_header(source, path)
        except (ColumnMismatchError, UnreadableFileError, UnicodeError, pa.ArrowException, OSError) as error:
            told.append(f"{path.name}: {str(error).strip()}")
    if told:
        what = f"{len(told)} of {len(paths)} older file(s) would be refused: {list_some(told, _FILES_LISTED)}"
        yield _REPORT.note(name, what, "Have them delivered with the declared columns, unless they are loaded already")


def _count_days(name: str, source: FileSource, days: list[date]) -> Iterator[Finding]:
    told = f"{len(days)} file(s), of {days[0]} to {days[-1]}"
    missing = [day for day in list_days(days[0], days[-1]) if day not in set(days)] if source.grain == "daily" else []
    if not missing:
        yield _REPORT.fine(name, told)
        return
    what = "a run stops at such a day" if source.critical else "a run goes on without such a day"
    yield _REPORT.note(
        name, f"{told}; {len(missing)} day(s) between have none: {list_some(map(str, missing))}; {what}",
        "Have the days delivered",
    )  # fmt: skip


def _check_connection(name: str, connection: str, place: Place, environment: Mapping[str, str]) -> Iterator[Finding]:
    variable = f"AIRFLOW_CONN_{connection.upper()}"
    value = environment.get(variable, "").strip()
    if not value:
        yield _REPORT.note(name, f"not looked at: there is no {variable} here for its connection {connection}")
    elif not _is_connection(value):
        remedy = "Give it as a URI, kind://login:password@host:port, or as JSON on one line"
        yield _REPORT.fault(name, f"{variable} is neither a URI nor a JSON object", remedy, place)
    else:
        yield _REPORT.fine(name, f"its connection is known ({variable}); the source itself is not looked at")


def _is_connection(value: str) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except ValueError:
        return "://" in value


def _check_first_copies(settings: SourceSettings, days: Mapping[str, list[date]]) -> Iterator[Finding]:
    """Before the first copy of a snapshot nothing is known of it."""
    daily = [found[0] for name, found in days.items() if found and settings.sources[name].grain == "daily"]
    for name, found in days.items():
        if found and daily and settings.sources[name].grain == "snapshot" and found[0] > min(daily):
            told = f"its first copy is of {found[0]}, the first daily file of {min(daily)}: before it nothing is known"
            yield _REPORT.note(name, told, f"Date the first copy {min(daily)} or earlier")
