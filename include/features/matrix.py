"""Features as a model takes them: the one way from tables and requests to arrays.

Training, batch scoring, the model server and monitoring all go through here, so that a value means the same
in each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from include.errors import SourceError
from include.features.catalog import Feature

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Floats = npt.NDArray[np.float32]
    Texts = npt.NDArray[np.object_]

MISSING_TEXT: Final = ""
"""What stands for a missing category."""


@dataclass(frozen=True)
class FeatureMatrix:
    """Rows of features, split by what a model takes.

    Attributes:
        numeric: float32 [n, k], numbers and booleans (0 and 1), NaN where missing.
        categorical: object [n, m] of str, '' where missing.
        numeric_names: of the columns of ``numeric``.
        categorical_names: of the columns of ``categorical``.
    """

    numeric: Floats
    categorical: Texts
    numeric_names: tuple[str, ...]
    categorical_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.numeric)

    @property
    def names(self) -> tuple[str, ...]:
        """All features, numeric ones first."""
        return (*self.numeric_names, *self.categorical_names)

    def take(self, rows: Any) -> FeatureMatrix:
        """The rows that a mask or an index array picks."""
        return FeatureMatrix(self.numeric[rows], self.categorical[rows], self.numeric_names, self.categorical_names)

    def select(self, names: Sequence[str]) -> FeatureMatrix:
        """The features of these names, in this order (numeric ones first); itself when nothing changes.

        Raises:
            SourceError: a feature is not there.
        """
        if tuple(names) == self.names:
            return self
        gone = [name for name in names if name not in self.names]
        if gone:
            raise SourceError(f"The features {', '.join(gone)} are not there. Build them, or train without them.")
        numeric = tuple(name for name in names if name in self.numeric_names)
        categorical = tuple(name for name in names if name in self.categorical_names)
        return FeatureMatrix(
            self.numeric[:, [self.numeric_names.index(name) for name in numeric]],
            self.categorical[:, [self.categorical_names.index(name) for name in categorical]],
            numeric,
            categorical,
        )

    def column(self, name: str) -> Floats | Texts:
        """The values of one feature, [n]."""
        if name in self.numeric_names:
            return self.numeric[:, self.numeric_names.index(name)]
        return self.categorical[:, self.categorical_names.index(name)]


_DIGITS: Final = 38
_EXACT: Final = 2**53
_EXACT_POWER: Final = 22
"""Integers up to the one, and powers of ten up to the other, are float64 numbers without rounding."""


def split_names(features: Sequence[Feature]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the numeric and boolean features, and of the categorical ones, each in their order."""
    categorical = tuple(item.name for item in features if item.kind == "categorical")
    return tuple(item.name for item in features if item.kind != "categorical"), categorical


def from_table(table: pa.Table, features: Sequence[Feature]) -> FeatureMatrix:
    """The features of each row of an Arrow table.

    Raises:
        SourceError: the table lacks a feature, or holds it in a type that is none of its kind.
    """
    import numpy as np

    gone = [item.name for item in features if item.name not in table.column_names]
    if gone:
        raise SourceError(
            f"The features {', '.join(gone)} are gone from their tables. Restore them in dbt/models, or train and "
            "promote a model without them."
        )
    numeric_names, categorical_names = split_names(features)
    numeric = np.empty((table.num_rows, len(numeric_names)), dtype=np.float32)
    for index, name in enumerate(numeric_names):
        numeric[:, index] = _to_floats(name, table.column(name))
    categorical = np.empty((table.num_rows, len(categorical_names)), dtype=object)
    for index, name in enumerate(categorical_names):
        categorical[:, index] = _to_texts(name, table.column(name))
    return FeatureMatrix(numeric, categorical, numeric_names, categorical_names)


def from_rows(rows: Sequence[Mapping[str, Any]], features: Sequence[Feature]) -> FeatureMatrix:
    """The features of each mapping of values by name; None is missing.

    Raises:
        KeyError: a row lacks a feature.
    """
    import numpy as np

    numeric_names, categorical_names = split_names(features)
    numeric = np.array([[row[name] for name in numeric_names] for row in rows], dtype=np.float32)
    categorical = np.empty((len(rows), len(categorical_names)), dtype=object)
    for index, name in enumerate(categorical_names):
        categorical[:, index] = [MISSING_TEXT if row[name] is None else row[name] for row in rows]
    return FeatureMatrix(numeric.reshape(len(rows), -1), categorical, numeric_names, categorical_names)


def _to_floats(name: str, column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    import pyarrow as pa

    if not (pa.types.is_null(column.type) or _is_number(column.type)):
        raise SourceError(
            f"Feature {name!r} should be a number or a boolean, found {column.type}. Cast it in dbt/models."
        )
    values: npt.NDArray[np.float64] = to_float64(column).to_numpy(zero_copy_only=False)
    return values


def to_float64(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers and booleans as float64; of exact decimals the nearest, as Python, PostgreSQL and numpy have it.

    Arrow's own cast multiplies by a power of ten, which is off by the last digit for every eighth price.
    """
    import pyarrow as pa

    if not pa.types.is_decimal(column.type):
        return column.cast(pa.float64(), safe=False)  # a bigint may have more digits
    chunks = [_round_decimals(chunk) for chunk in column.cast(pa.decimal128(_DIGITS, column.type.scale)).chunks]
    return pa.chunked_array(chunks, pa.float64())


def _round_decimals(chunk: pa.Array) -> pa.Array:
    """A division of two numbers that float64 holds exactly gives the nearest to their quotient (IEEE 754)."""
    import numpy as np
    import pyarrow as pa

    scale, missing = chunk.type.scale, chunk.is_null().to_numpy(zero_copy_only=False)
    halves = np.frombuffer(chunk.buffers()[1], dtype=np.int64).reshape(-1, 2)[chunk.offset : chunk.offset + len(chunk)]
    low, high = np.where(missing[:, None], 0, halves).T
    is_exact = (low >= -_EXACT) & (low <= _EXACT) & (high == low >> 63) & (scale <= _EXACT_POWER)
    values = low / 10.0 ** min(scale, _EXACT_POWER)
    for position in np.flatnonzero(~is_exact & ~missing):
        values[position] = float(chunk[int(position)].as_py())
    return pa.array(values, pa.float64(), mask=missing)


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    checks = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    return any(check(kind) for check in checks)


def _to_texts(name: str, column: pa.ChunkedArray) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_null(column.type) or pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise SourceError(f"Feature {name!r} should be text, found {column.type}. Cast it in dbt/models.")
    return pc.fill_null(column.cast(pa.string()), MISSING_TEXT).to_numpy(zero_copy_only=False)
