"""Finds the line of a key in a YAML file, and of a word in any file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from include.check.finding import Place, show_path


def find_key(path: Path, key: str, *, under: Iterable[str] = ()) -> Place:
    """The place of a dotted key, or of its nearest parent that is there.

    Args:
        under: mappings of the file that win where the key stands in them, too, such as ``environments.staging``.
    """
    wanted = [part for part in key.split(".") if part]
    found = _walk(path, wanted)
    for prefix in under:
        start = prefix.split(".")
        depth, line = _walk(path, [*start, *wanted])
        if depth - len(start) >= max(found[0], 1):
            found = depth - len(start), line
    return Place(show_path(path), key, found[1])


def find_word(path: Path, word: str) -> int | None:
    """The first line that holds a word; None where none does or the file cannot be read."""
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((number for number, line in enumerate(lines, start=1) if pattern.search(line)), None)


def _walk(path: Path, keys: Sequence[str]) -> tuple[int, int | None]:
    """How many of the keys were found on the way, and the line of the last one."""
    try:
        node: Any = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, yaml.YAMLError, ValueError):
        return 0, None
    depth, line = 0, None
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            pair = next(((name, value) for name, value in node.value if name.value == key), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
            node = node.value[int(key)]
            line = node.start_mark.line + 1
        else:
            break
        depth += 1
    return depth, line
