"""Finds the smallest set of columns that names every row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from include.adopt.columns import ColumnGuess

_MAX_COLUMNS: Final = 3
# Of columns with a time, and of all others.
_MAX_TIMES: Final = 3
_MAX_OTHERS: Final = 12
_FIRST_ROWS: Final = 5_000
_ID_NAME: Final = re.compile(r"(^|_)(id|code|key|uuid|number)$")
_CAMEL_CASE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_id_name(name: str) -> bool:
    """Whether a column is named like an identifier: id, order_id, orderId, country code."""
    return _ID_NAME.search(re.sub(r"\W+", "_", _CAMEL_CASE.sub("_", name)).lower()) is not None


def find_key(columns: Sequence[ColumnGuess], *, is_snapshot: bool) -> tuple[str, ...]:
    """The smallest set of at most three columns without nulls that names every row; empty where there is none.

    Identifiers are preferred, then earlier columns. Fractions name nothing, and a time alone does only in a table
    without identifiers.

    Args:
        is_snapshot: a key may come again in another file.
    """
    ranked = rank_candidates(columns)
    codes = {one.name: _encode(one) for one in ranked}
    files = _number_files(ranked[0]) if is_snapshot and ranked else None
    has_ids = any(is_id_name(one.name) for one in ranked)
    for size in range(1, _MAX_COLUMNS + 1):
        for chosen in combinations(ranked, size):
            if size == 1 and has_ids and _is_time(chosen[0]):
                continue
            names = tuple(one.name for one in chosen)
            if is_unique(codes, names, files):
                return tuple(one.name for one in columns if one.name in names)
    return ()


def rank_candidates(columns: Sequence[ColumnGuess]) -> list[ColumnGuess]:
    """The columns that a key may have: identifiers, then earlier ones, times last."""
    ranked = sorted((one for one in columns if _may_name(one)), key=lambda one: not is_id_name(one.name))
    others = [one for one in ranked if not _is_time(one)]
    return others[:_MAX_OTHERS] + [one for one in ranked if _is_time(one)][:_MAX_TIMES]


def is_unique(codes: Mapping[str, NDArray[np.int64]], names: Sequence[str], files: NDArray[np.int64] | None) -> bool:
    """Whether no two rows have the same codes; how many there are, and the first rows, say no for most."""
    parts = [codes[name] for name in names] + ([files] if files is not None else [])
    if prod(int(part.max(initial=0)) + 1 for part in parts) < len(parts[0]):
        return False
    return _has_no_repeat([part[:_FIRST_ROWS] for part in parts]) and _has_no_repeat(parts)


def _has_no_repeat(parts: Sequence[NDArray[np.int64]]) -> bool:
    import numpy as np

    combined = parts[0]
    for part in parts[1:]:
        combined = combined * (int(part.max(initial=0)) + 1) + part
    return len(np.unique(combined)) == len(combined)


def _may_name(column: ColumnGuess) -> bool:
    return not column.has_nulls and column.type != "float64"


def _is_time(column: ColumnGuess) -> bool:
    return column.type in ("date", "timestamp")


def _encode(column: ColumnGuess) -> NDArray[np.int64]:
    """The values as whole numbers from 0, the same for the same value."""
    import numpy as np
    import pyarrow as pa

    encoded = pa.chunked_array(column.values).combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _number_files(column: ColumnGuess) -> NDArray[np.int64]:
    import numpy as np

    return np.repeat(np.arange(len(column.values)), [len(values) for values in column.values])
