"""Splits a table without time: the hash of an entity's key says, for ever, whether it is trained or tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from include.registry.contract import SplitRule
from include.settings.training import SplitKind

if TYPE_CHECKING:
    from include.training.cutoffs import Split

TEST_SHARE: Final = 0.2
VALIDATION_SHARE: Final = 0.2
_RANGE: Final = 2**64


def split_entity(key: Sequence[object]) -> Split:
    """The split of an entity, by its key alone.

    It stays the same whatever other rows there are, so that no version is ever tested on what an earlier one was
    trained on, and each class has the same shares of the splits but for chance.
    """
    place = _hash_key(key)
    if place < TEST_SHARE:
        return "test"
    return "validation" if place < TEST_SHARE + VALIDATION_SHARE else "train"


def _hash_key(key: Sequence[object]) -> float:
    """A number in [0, 1) for a key, evenly spread."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / _RANGE


def split_entities(keys: Iterable[Sequence[object]]) -> list[Split]:
    """The split of each of many entities."""
    return [split_entity(key) for key in keys]


def describe_split(kind: SplitKind) -> SplitRule:
    """What a version that is trained now says of its split."""
    return SplitRule(kind, TEST_SHARE if kind == "entity" else None)


def is_held_out(key: Sequence[object], test_share: float) -> bool:
    """Whether a version with this share of tested entities has never learned from an entity, whenever it came."""
    return _hash_key(key) < test_share
