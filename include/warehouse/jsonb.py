"""JSON text that a jsonb column of PostgreSQL takes, whatever was measured."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def to_jsonb(content: Any) -> str | None:
    """JSON text of anything that is made of mappings, lists and plain values; None stays None.

    A number that is none (infinite, not a number) becomes null, the character that jsonb cannot hold a question mark.

    What JSON has no form for, as a date, is written as text.
    """
    if content is None:
        return None
    return json.dumps(_make_finite(content), allow_nan=False, default=str).replace("\\u0000", "?")


def _make_finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _make_finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_make_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
