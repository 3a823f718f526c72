"""Puts lists and long expressions of SQL on one line, or on several where one would be too long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MAX_LINE: Final = 110
"""As in ``.sqlfluff``."""


def name_expression(expression: str, name: str, indent: int = 8) -> str:
    """An expression of a select with its name; the name on a line of its own where it is long."""
    line = f"{expression} as {name}"
    return line if indent + len(line) < MAX_LINE else f"{expression}\n{' ' * (indent + 4)}as {name}"


def write_clause(names: Sequence[str], word: str, indent: int = 4) -> str:
    """``group by`` and the like with names, one a line where they are many."""
    line = f"{word} {', '.join(names)}"
    if indent + len(line) < MAX_LINE:
        return line
    start = "\n" + " " * (indent + 4)
    return word + start + f",{start}".join(names)


def write_list(items: Sequence[str], before: int, indent: int) -> str:
    """Items with commas, for between brackets.

    Args:
        before: how many characters the line has besides.
        indent: that of the line.
    """
    line = ", ".join(items)
    if before + len(line) < MAX_LINE:
        return line
    start = "\n" + " " * (indent + 4)
    return start + f",{start}".join(items) + "\n" + " " * indent


def write_built(model: str, columns: Sequence[str]) -> str:
    """The arguments of the macro ``mark_built``."""
    state, analyzed = f"ref('{model}')", f"'{', '.join(columns)}'"
    line = f"{state}, {analyzed}"
    return line if len(line) < MAX_LINE - 40 else f"\n            {state},\n            {analyzed}\n        "
