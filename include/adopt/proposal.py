"""From a folder or a file to the entry that the settings take, and the text that a person reads of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from include.adopt.declare import Declaration, declare_source
from include.adopt.file_sets import FileSet, find_files
from include.adopt.sample import MAX_ROWS, Sample, read_sample
from include.adopt.sources_file import add_entry, check_entry, extend, render_entry
from include.adopt.sql_names import spell
from include.errors import SettingsError, SourceError
from include.settings.section import load_section, read_yaml
from include.settings.source_base import SourceBase
from include.settings.source_kinds import FileSource
from include.settings.source_names import check_source_name
from include.settings.sources import SourceSettings, sources_root
from include.sources.files import read_blocks

# Stands in for the sources of a project that has none yet, so that the rest of its settings can be read.
_PLACEHOLDER: Final[dict[str, Any]] = {
    "kind": "files", "path": "{day}.csv", "format": "csv", "grain": "snapshot", "key": ["id"],
    "columns": {"id": {"type": "int64"}},
}  # fmt: skip


@dataclass(frozen=True)
class NewSource:
    """The files, what was read of them, how they are declared, and the declaration as the settings take it."""

    name: str
    files: FileSet
    sample: Sample
    declaration: Declaration
    source: FileSource

    def describe(self) -> str:
        """What was read, the entry, and what is open, as text."""
        questions = [f"please confirm: {question}" for question in self.declaration.questions]
        entry = render_entry(self.name, self.declaration.content)
        return "\n".join((self.describe_reading(), "", entry, *questions, *self._describe_renames()))

    def check_names(self) -> None:
        """Refuse files that cannot be read by the entry.

        Raises:
            SourceError: they have to be renamed.
        """
        if self.files.renames:
            raise SourceError("Nothing is written, for no day would be found; rename the files as said, and run again.")

    def write(self, config: Path, environment: str) -> None:
        """Add the entry to sources.yml.

        Raises:
            SourceError: see :meth:`check_names`.
            SettingsError: see :func:`include.adopt.sources_file.add_entry`.
        """
        self.check_names()
        add_entry(config, self.name, self.declaration.content, environment)

    def describe_reading(self, left_out: Sequence[str] | None = None) -> str:
        """Which files were read, and how much of them.

        Args:
            left_out: names of files of the folder that are of no source; all others of it when absent.
        """
        files, left_out = self.files, self.files.left_out if left_out is None else left_out
        days = f" ({files.days[0]} to {files.days[-1]})" if files.days else ""
        others = f" Left out: {len(left_out)} other file(s) of the folder." if left_out else ""
        rows = f"{self.sample.row_count:,} row(s), at most {MAX_ROWS:,} of a file"
        return f"Read {self._name_files()}{days}: {rows}.{others}"

    def _name_files(self) -> str:
        """One file by its name, several by what their names share."""
        if len(self.files.files) == 1:
            return str(self.files.files[0].path)
        read, there = len(self.sample.files), len(self.files.files)
        return f"{read} of {there} file(s) {self.files.folder / self.files.pattern}"

    def _describe_renames(self) -> list[str]:
        renames = self.files.renames
        if not renames:
            return []
        more = f", and {len(renames) - 1} other file(s) alike" if len(renames) > 1 else ""
        return [f"please rename: {renames[0][0]} to {renames[0][1]}{more}; a name holds its day as 2026-01-31."]


def propose_source(start: Path, name: str | None, config: Path, environment: str) -> NewSource:
    """Look at the files and declare them; nothing is written.

    Args:
        start: a folder, or one of the files.
        name: of the source; made of the files' names when absent.
        config: the file ``sources.yml``.

    Raises:
        SourceError: names what is wrong with the files, and what to do.
        SettingsError: the settings refuse the name or the entry.
    """
    settings = read_settings(config, environment)
    files = find_files(start)
    name = name or derive_name(files)
    check_name(name)
    extend(read_yaml(config), name, {})
    sample = read_sample(files)
    declaration = declare_source(files, sample, settings.time_zone, sources_root(settings))
    source = check_entry(config, name, declaration.content, environment).sources[name]
    for one in sample.files:
        if set(one.rows.column_names) == set(source.columns):
            check_readable(name, source, one.file.path, settings.time_zone)
    return NewSource(name, files, sample, declaration, cast("FileSource", source))


def read_settings(config: Path, environment: str) -> SourceSettings:
    """The settings of the sources as they are, also where there is no source yet."""
    if read_yaml(config).get("sources"):
        return load_section(config, SourceSettings, environment)
    return check_entry(config, "placeholder", _PLACEHOLDER, environment)


def derive_name(files: FileSet) -> str:
    """A source's name: what the files' names have besides the day, else the folder's name.

    Raises:
        SourceError: neither gives one.
    """
    for text in (files.pattern.split(".")[0].replace("{day}", " "), files.folder.resolve().name):
        name = re.sub(r"[\W_]+", "_", spell(text)).strip("_").lower()
        if not name:
            continue
        try:
            return check_source_name(name)
        except ValueError:
            break
    raise SourceError(
        f"No source's name can be made of {files.folder / files.pattern}; rename the files, or give make new-source "
        "one with NAME."
    )


def check_name(name: str) -> None:
    """Refuse what the settings do not take as a source's name.

    Raises:
        SettingsError: says what they take.
    """
    try:
        check_source_name(name)
    except ValueError as error:
        raise SettingsError(f"{name!r} cannot name a source: expected {error}; give another NAME.") from None


def check_doubled(names: Sequence[str], folder: Path) -> None:
    """Refuse a folder of which two sources would have one name.

    Raises:
        SourceError: names them.
    """
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise SourceError(f"{folder} holds several sources called {', '.join(doubled)}. Rename their files or folders.")


def check_readable(name: str, source: SourceBase, path: Path, time_zone: str) -> None:
    """Read the sample of one file once more, as ingestion will.

    Raises:
        SourceError: it would be refused; says why.
    """
    rows = 0
    for block in read_blocks(name, source, path, time_zone):
        rows += block.num_rows
        if rows >= MAX_ROWS:
            break
