"""Finds the files of one source in a folder: the pattern of their names, their days, their format."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from include.commands.console import list_some
from include.errors import SourceError
from include.settings.file_formats import FileFormat

_FORMATS: Final[Mapping[str, FileFormat]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}
_PACKED: Final = (".gz", ".zst")
# 31-01-2026, 31012026, 1-31-26
_OTHER_DAY: Final = re.compile(r"(?<!\d)(\d{1,2}[-_.]\d{1,2}[-_.](\d{4}|\d{2})|\d{8})(?!\d)")
_ALIKE: Final = 3
# 2026-01-31, 20260131, 2026_01_31, 2026.01.31; only the first is a day to `path`.
_DAY: Final = re.compile(r"(?<!\d)(\d{4})([-_.]?)(\d{2})\2(\d{2})(?!\d)")


@dataclass(frozen=True)
class DatedFile:
    """One file; ``day`` is what its name holds, in any form, or None."""

    path: Path
    day: date | None


@dataclass(frozen=True)
class FileSet:
    """The files of one source.

    Attributes:
        pattern: what their names are, or are to be, with ``{day}`` for the day.
        files: oldest first; of a file without a day there is no other.
        left_out: names of other files in the folder.
    """

    folder: Path
    pattern: str
    format: FileFormat
    files: tuple[DatedFile, ...]
    left_out: tuple[str, ...] = ()

    @property
    def days(self) -> tuple[date, ...]:
        """The days of the files, oldest first."""
        return tuple(file.day for file in self.files if file.day)

    @property
    def renames(self) -> list[tuple[str, str]]:
        """The files whose names hold no day as ``path`` needs it: the name, and what it is to be."""
        pairs = ((file.path.name, self._name(file)) for file in self.files)
        return [(name, wanted) for name, wanted in pairs if name != wanted]

    def _name(self, file: DatedFile) -> str:
        day = file.day or date.fromtimestamp(file.path.stat().st_mtime)
        return self.pattern.replace("{day}", day.isoformat())


def find_files(start: Path) -> FileSet:
    """The files of one source: those of a folder, or those named like one file but for the day.

    Raises:
        SourceError: there is no such folder or file, it holds no file of a known format, or files of several sources.
    """
    folder = start.parent if start.is_file() else start
    names = _list_names(start, folder)
    known = [name for name in names if find_format(name)]
    if start.is_file() and start.name not in known:
        raise SourceError(f"{start} is no file of a known format; its name must end in {_list_endings()}.")
    if not known:
        raise SourceError(_explain_nothing(folder, names))
    groups = _group(known)
    chosen = groups[_group_of(start.name) if start.is_file() else _choose(folder, groups)]
    pattern = name_pattern(chosen[0])[0]
    files = [DatedFile(folder / name, name_pattern(name)[1]) for name in chosen]
    _refuse_doubled_days(files)
    return FileSet(
        folder, pattern, find_format(chosen[0]) or "csv", tuple(sorted(files, key=lambda one: one.day or date.min)),
        tuple(name for name in names if name not in chosen),
    )  # fmt: skip


def find_starts(folder: Path) -> list[Path]:
    """A file of each source in a folder and in the folders in it, one level down.

    Raises:
        SourceError: there is no such folder, it cannot be read, or holds no file of a known format.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder} is no folder; give one that holds files of your sources.")
    starts: list[Path] = []
    try:
        below = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._")
    except OSError as error:
        raise SourceError(f"{folder} cannot be read ({error.strerror}); correct its permissions.") from error
    for place in (folder, *below):
        known = [name for name in _list_names(place, place) if find_format(name)]
        groups = _group(known)
        _check_shapes(place, [names[0] for names in groups.values()])
        starts += [place / names[0] for names in groups.values()]
    if not starts:
        raise SourceError(_explain_nothing(folder, _list_names(folder, folder)))
    return starts


def _check_shapes(place: Path, names: Sequence[str]) -> None:
    """Refuse files whose names hold days in a form that is not read: each would be a source of its own.

    Raises:
        SourceError: names two of them, and how a name holds its day.
    """
    shapes = defaultdict[str, list[str]](list)
    for name in names:
        if _OTHER_DAY.search(name):
            shapes[re.sub(r"\d", "0", name)].append(name)
    for alike in shapes.values():
        if len(alike) >= _ALIKE:
            raise SourceError(
                f"{place} holds {len(alike)} files such as {alike[0]} and {alike[1]}, which differ in digits alone. If "
                "these are days, rename the files: a name holds its day with the year first, as 2026-01-31."
            )


def find_format(name: str) -> FileFormat | None:
    """The format that a file's name says."""
    return _FORMATS.get(_split_endings(name)[1].lower())


def name_pattern(name: str) -> tuple[str, date | None]:
    """The name with ``{day}`` for its day, and the day; at the end of the stem where the name holds none."""
    for match in _DAY.finditer(name):
        try:
            day = date(int(match[1]), int(match[3]), int(match[4]))
        except ValueError:
            continue
        return f"{name[: match.start()]}{{day}}{name[match.end() :]}", day
    stem, ending, packed = _split_endings(name)
    return f"{stem}-{{day}}{ending}{packed}", None


def _split_endings(name: str) -> tuple[str, str, str]:
    packed = next((ending for ending in _PACKED if name.lower().endswith(ending)), "")
    rest = Path(name[: len(name) - len(packed)])
    return rest.stem, rest.suffix, name[len(name) - len(packed) :]


def _list_names(start: Path, folder: Path) -> list[str]:
    """The names of the folder's files, without hidden ones and those that tools leave (``_SUCCESS``)."""
    if not start.exists():
        raise SourceError(f"{start} does not exist; give a folder or a file that does.")
    try:
        return sorted(path.name for path in folder.iterdir() if path.is_file() and path.name[0] not in "._")
    except OSError as error:
        raise SourceError(f"{folder} cannot be read ({error.strerror}); correct its permissions.") from error


def _explain_nothing(folder: Path, names: list[str]) -> str:
    folders = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._")
    if names:
        return f"{folder} holds no file of a known format ({_list_endings()}), but {list_some(names)}."
    if folders:
        return f"{folder} holds no files, but the folders {list_some(folders)}; give one of them."
    return f"{folder} is empty; put files of the source there, or give another folder."


def _group(names: Iterable[str]) -> dict[str, list[str]]:
    groups = defaultdict(list)
    for name in names:
        groups[_group_of(name)].append(name)
    return groups


def _group_of(name: str) -> str:
    """What the files of one source share: the pattern; a file without a day stands alone."""
    pattern, day = name_pattern(name)
    return pattern if day else name


def _choose(folder: Path, groups: Mapping[str, list[str]]) -> str:
    """The group of the only source in a folder; files without a day are left out beside those with one."""
    dated = [group for group in groups if "{day}" in group]
    chosen = dated or list(groups)
    if len(chosen) > 1:
        raise SourceError(
            f"{folder} holds files of {len(chosen)} sources, or files without a day in their names: "
            f"{list_some([groups[group][0] for group in chosen])}; give one of these files as FROM."
        )
    return chosen[0]


def _refuse_doubled_days(files: list[DatedFile]) -> None:
    known: dict[date, Path] = {}
    for file in files:
        if file.day in known:
            raise SourceError(
                f"{known[file.day]} and {file.path.name} are both of {file.day}; keep one of them in the folder."
            )
        if file.day:
            known[file.day] = file.path


def _list_endings() -> str:
    return f"{', '.join(_FORMATS)}; all but .parquet also with {' or '.join(_PACKED)}"
