"""JSON text that a jsonb column of PostgreSQL takes, whatever was measured."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def to_jsonb(content: Any) -> str | None:
    """JSON text of anything that is made of mappings, lists and plain values; None stays None.

    A number that is none (infinite, not a number) becomes null, a character that jsonb cannot hold a question mark.
    What JSON has no form for, as a date, is written as text; a number of numpy as the number that it is.
    """
    return None if content is None else json.dumps(_make_plain(content), allow_nan=False, default=str)


def _make_plain(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {_make_plain(key) if isinstance(key, str) else key: _make_plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_make_plain(value) for value in content]
    if isinstance(content, str):
        return content.replace("\0", "?").encode("utf-8", "replace").decode()
    if hasattr(content, "item") and not isinstance(content, float | int):
        return _make_plain(content.item())
    return None if isinstance(content, float) and not math.isfinite(content) else content
