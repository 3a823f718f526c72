"""Questions to the values of one column, which is text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def matches_all(texts: pa.Array, pattern: str) -> bool:
    """Whether every value that is not null matches."""
    import pyarrow.compute as pc

    return bool(pc.all(pc.match_substring_regex(texts, pattern), min_count=0).as_py())


def matches_any(texts: pa.Array, pattern: str) -> bool:
    """Whether a value matches."""
    import pyarrow.compute as pc

    return bool(pc.any(pc.match_substring_regex(texts, pattern), min_count=0).as_py())


def find_first(texts: pa.Array, pattern: str, *, matching: bool = True) -> str | None:
    """The first value that matches, or that does not."""
    import pyarrow.compute as pc

    position = pc.index(pc.match_substring_regex(texts, pattern), matching).as_py()
    return None if position < 0 else str(texts[position].as_py())


def count_matching(texts: pa.Array, pattern: str) -> int:
    """How many values match."""
    import pyarrow.compute as pc

    return int(pc.sum(pc.match_substring_regex(texts, pattern), min_count=0).as_py())
