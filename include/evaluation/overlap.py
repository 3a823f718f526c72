"""What the splits of a training set have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from include.evaluation.candidate import Candidate
from include.features.read import AS_OF
from include.training.cutoffs import SPLITS, Split
from include.training.splits import SPLIT

_PAIRS: Final[tuple[tuple[Split, Split], ...]] = (("train", "validation"), ("validation", "test"))


@dataclass(frozen=True)
class OverlapEvidence:
    """What is in two splits.

    Attributes:
        kind: of the split, 'time' or 'entity'.
        entities: of validation and test that are in an earlier split, too; where time splits, at the same as-of date.
        held_out: entities of validation and test in all.
        gaps: days from the newest row of a split to the oldest of the next one (by the name of the next one); empty
            where entities are split.
        needed_days: until the label of a row is known; at least 1.
    """

    kind: str
    entities: int
    held_out: int
    gaps: dict[str, int]
    needed_days: int


def measure_overlap(candidate: Candidate) -> OverlapEvidence:
    """Look at keys, as-of dates and splits of the training set."""
    spec, rows, kind = candidate.spec, candidate.rows, candidate.model.training.split
    splits: list[str] = rows.column(SPLIT).to_pylist()
    days: list[date] = rows.column(AS_OF).to_pylist()
    keys: Sequence[tuple[object, ...]] = list(
        zip(*(rows.column(name).to_pylist() for name in spec.entity.key_names), strict=True)
    )
    named = keys if kind == "entity" else [(*key, day) for key, day in zip(keys, days, strict=True)]
    members = {name: {key for key, split in zip(named, splits, strict=True) if split == name} for name in SPLITS}
    train, validation, test = (members[name] for name in SPLITS)
    shared = (validation & train) | (test & (train | validation))
    return OverlapEvidence(
        kind, len(shared), len(validation | test), {} if kind == "entity" else measure_gaps(splits, days),
        max(spec.horizon_days, 1),
    )  # fmt: skip


def measure_gaps(splits: Sequence[str], days: Sequence[date]) -> dict[str, int]:
    """Days between each split and the next one."""
    held = {name: [day for day, split in zip(days, splits, strict=True) if split == name] for name in SPLITS}
    return {later: (min(held[later]) - max(held[earlier])).days for earlier, later in _PAIRS}
