"""Which variant answers a request: sticky, in proportion, and pure."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

_RANGE: Final = 2.0**64


def compute_position(key: str, challenger_version: int) -> float:
    """The place of an entity or request in [0, 1), uniform and the same every time.

    Salted with the challenger's version, so that each canary tries other entities first.
    """
    digest = blake2b(f"{challenger_version}:{key}".encode(), digest_size=8).digest()
    # Rounding may give 1.0 for the topmost 2^10 of 2^64 digests; the shift keeps it below.
    return (int.from_bytes(digest, "big") >> 11 << 11) / _RANGE


def is_for_challenger(key: str, challenger_version: int, weight: float) -> bool:
    """Whether a request goes to the challenger; who goes there at a small weight stays at a larger one."""
    return compute_position(key, challenger_version) < weight
