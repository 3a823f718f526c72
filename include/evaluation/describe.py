"""Evidence as JSON that a record can hold: figures rounded, long lists and texts cut."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, Final

MOST_ITEMS: Final = 100
MOST_LETTERS: Final = 300
_DIGITS: Final = 6


def describe_evidence(evidence: Any) -> Any:
    """What a gate has measured, in JSON types.

    Of a list, a tuple or a mapping the first ``MOST_ITEMS`` are kept, of a text the first ``MOST_LETTERS``. Numbers
    have six digits that count, and what is no number (infinite, not a number) is None.

    Args:
        evidence: a dataclass, a mapping, a list or tuple, a text, a number (NumPy's too) or None.
    """
    return _describe(asdict(evidence) if is_dataclass(evidence) and not isinstance(evidence, type) else evidence)


def _describe(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key)[:MOST_LETTERS]: _describe(one) for key, one in list(value.items())[:MOST_ITEMS]}
    if isinstance(value, list | tuple):
        return [describe_evidence(one) for one in value[:MOST_ITEMS]]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return _describe(value.item()) if hasattr(value, "item") else str(value)[:MOST_LETTERS]
