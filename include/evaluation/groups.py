"""Test rows by the values of a column: groups of entities, and segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any, Final

from include.evaluation.candidate import Candidate
from include.features.matrix import MISSING_TEXT
from include.features.read import AS_OF

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Texts = npt.NDArray[np.object_]

MOST_VALUES: Final = 50
"""A column with more values than that is not one of groups."""


@dataclass(frozen=True)
class Grouping:
    """The test rows by the values of one column.

    Attributes:
        members: of each value, which rows have it, [n]; none where there are too many values.
        unknown_rows: rows without a value, which are in no group.
        values: how many there are.
    """

    column: str
    members: dict[str, npt.NDArray[np.bool_]]
    unknown_rows: int
    values: int


def group_rows(candidate: Candidate, column: str) -> Grouping:
    """The test rows by a column of the training set, or else by a declared attribute of the feature groups."""
    import numpy as np

    texts = np.array([name_value(value) for value in read_values(candidate, column)], dtype=object)
    found = sorted({text for text in texts if text != MISSING_TEXT})
    unknown = int((texts == MISSING_TEXT).sum())
    if len(found) > MOST_VALUES:
        return Grouping(column, {}, unknown, len(found))
    return Grouping(column, {value: texts == value for value in found}, unknown, len(found))


def read_values(candidate: Candidate, column: str) -> Sequence[Any]:
    """The values of a column, one for each test row."""
    rows, keys = candidate.test_rows, (AS_OF, *candidate.spec.entity.key_names)
    if column in rows.column_names:
        values: list[Any] = rows.column(column).to_pylist()
        return values
    table = candidate.source.read_attributes(candidate.spec, rows)
    columns = (table.column(name).to_pylist() for name in (*keys, column))
    known = {tuple(map(str, key)): value for *key, value in zip(*columns, strict=True)}
    wanted = zip(*(rows.column(name).to_pylist() for name in keys), strict=True)
    return [known.get(tuple(map(str, key))) for key in wanted]


def name_value(value: Any) -> str:
    """A value as people read it: 3, not 3.0; yes and no; nothing where it is missing."""
    if isinstance(value, float):
        return MISSING_TEXT if isnan(value) else f"{value:g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return MISSING_TEXT if value is None else str(value)
