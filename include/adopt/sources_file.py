"""Puts the entry of a new source into the text of ``sources.yml``, of which every other byte stays."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import yaml

from include.adopt.yaml_blocks import find_block_end, find_indent, is_block
from include.errors import SettingsError
from include.settings.section import parse_section, read_yaml
from include.settings.sources import SourceSettings

_WIDTH: Final = 116


def render_entry(name: str, content: dict[str, Any], indent: int = 2) -> str:
    """The entry as YAML, as it stands below ``sources:``."""
    text = yaml.safe_dump({name: content}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=_WIDTH)
    return "".join(" " * indent + line for line in text.splitlines(keepends=True))


def insert_entry(text: str, name: str, content: dict[str, Any]) -> str:
    """The text of ``sources.yml`` with the entry after the last one of ``sources``.

    Raises:
        SettingsError: the text has no block ``sources:`` to add to.
    """
    position, indent = _find_place(text)
    line_end = "\r\n" if "\r\n" in text else "\n"
    entry = render_entry(name, content, indent).replace("\n", line_end)
    before, after = text[:position], text[position:]
    if not before.endswith("\n"):
        before += line_end
    if before.rstrip().endswith("sources:"):
        return before + entry + after
    return before + line_end + entry + after


def add_entry(path: Path, name: str, content: dict[str, Any], environment: str) -> None:
    """Write the entry into the file, in one step, once the project's own settings take the result.

    Raises:
        SettingsError: a source of that name is there, or the result would be refused; the file is then as it was.
    """
    path = path.resolve()
    wanted = extend(read_yaml(path), name, content)
    text = insert_entry(_read_text(path), name, content)
    handle, written = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        after = read_yaml(Path(written))
        if after != wanted:
            raise SettingsError(f"The entry has no place in {path} that leaves the rest as it is; add it by hand.")
        parse_section(after, SourceSettings, environment, str(path))
        shutil.copymode(path, written)
        Path(written).replace(path)
    finally:
        Path(written).unlink(missing_ok=True)


def check_entry(path: Path, name: str, content: dict[str, Any], environment: str) -> SourceSettings:
    """The settings with the entry.

    Raises:
        SettingsError: a source of that name is there, or the settings refuse the entry.
    """
    return parse_section(extend(read_yaml(path), name, content), SourceSettings, environment, str(path))


def extend(sources: dict[str, Any], name: str, content: dict[str, Any]) -> dict[str, Any]:
    """The content of the file with one more source.

    Raises:
        SettingsError: there is one of that name.
    """
    known = sources.get("sources") or {}
    if name in known:
        raise SettingsError(
            f"A source {name!r} is declared in sources.yml already; change it there, or give another NAME."
        )
    return {**sources, "sources": {**known, name: content}}


def _find_place(text: str) -> tuple[int, int]:
    """Where the next entry begins, and how far it is indented."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next(((key, value) for key, value in pairs if key.value == "sources"), None)
    if found is None:
        raise SettingsError("sources.yml has no key 'sources'; add a line 'sources:' at its end, and run again.")
    key, value = found
    if isinstance(value, yaml.MappingNode) and is_block(value):
        return find_block_end(text, value.end_mark.index), find_indent(value)
    if isinstance(value, yaml.ScalarNode) and not value.value:
        return _end_line(text, key.end_mark.index), 2
    raise SettingsError(
        "sources.yml has its sources on one line; write 'sources:' and each of them below, and run again."
    )


def _end_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end + 1


def _read_text(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()
