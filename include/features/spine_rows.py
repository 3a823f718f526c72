"""The rows of a spine, checked and typed as the warehouse joins them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from include.errors import SourceError
from include.features.catalog import Entity, Feature, Key, KeyType
from include.features.read import AS_OF

if TYPE_CHECKING:
    import pyarrow as pa

SPINE: Final = "spine"
"""The temporary table of a spine: ``position``, ``as_of``, and the keys as ``k0``, ``k1`` …, in the entity's order."""
SPINE_TIME: Final = "as_of"

_UUID: Final = r"^[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{12}$"
_WANTED: Final[dict[KeyType, str]] = {
    "integer": "integers", "text": "text", "uuid": "UUIDs or their text", "date": "dates",
}  # fmt: skip


def read_spine(spine: pa.Table, entity: Entity, features: Sequence[Feature]) -> tuple[pa.Table, dict[str, str]]:
    """The temporary table of a spine, and the SQL types of those of its columns that travel as text.

    Raises:
        SourceError: names the column that is missing, doubled, null, of another type or called as a feature.
    """
    import numpy as np
    import pyarrow as pa

    _check_names(spine, entity, features)
    columns = {"position": pa.array(np.arange(spine.num_rows)), SPINE_TIME: _read_time(spine.column(AS_OF))}
    for place, key in enumerate(entity.keys):
        columns[f"k{place}"] = _read_key(spine.column(key.name), key)
    uuids = {f"k{place}": "uuid" for place, key in enumerate(entity.keys) if key.type == "uuid"}
    return pa.table(columns), uuids


def _check_names(spine: pa.Table, entity: Entity, features: Sequence[Feature]) -> None:
    names = spine.column_names
    for name in (*entity.key_names, AS_OF):
        if name not in names:
            raise SourceError(
                f"The spine has no column {name!r}: it has {', '.join(names) or 'none'}. "
                f"Give it {AS_OF} and the keys of {entity.name}: {', '.join(entity.key_names)}."
            )
        if names.count(name) > 1:
            raise SourceError(f"The spine has two columns {name!r}. Rename or drop one.")
        _check_nulls(spine.column(name), name)
    doubled = [feature.name for feature in features if feature.name in names]
    if doubled:
        raise SourceError(f"The spine has a column {doubled[0]!r}, as the feature is called. Rename or drop it.")


def _check_nulls(column: pa.ChunkedArray, name: str) -> None:
    import pyarrow.compute as pc

    if column.null_count:
        first = pc.index(column.is_null(), True).as_py()
        raise SourceError(
            f"The spine's column {name!r} is null in {column.null_count} of {len(column)} rows, first in row {first} "
            "(counted from 0). Fill them in, or leave the rows out."
        )


def _read_time(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """As-of dates as ``date32``; a timestamp is its day, since event times are days."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return column.cast(pa.date32(), safe=False)
    if pa.types.is_timestamp(kind):
        raise SourceError(
            f"The spine's column {AS_OF!r} is of type {kind}, and its days depend on a time zone. Cast it to the zone "
            "of your days, and drop the zone (pyarrow.compute.local_timestamp)."
        )
    if not pa.types.is_date(kind):
        raise SourceError(f"The spine's column {AS_OF!r} is of type {kind}; it is dates. Cast it.")
    return column.cast(pa.date32())


def _read_key(column: pa.ChunkedArray, key: Key) -> pa.ChunkedArray:
    """A key's values as bigint, text, ``date32``, or the text of UUIDs."""
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    try:
        if key.type == "integer" and pa.types.is_integer(kind):
            return column.cast(pa.int64())
        if key.type == "date" and pa.types.is_date(kind):
            return column.cast(pa.date32())
        if key.type == "text" and is_text:
            return column.cast(pa.string())
        if key.type == "uuid" and is_text:
            return _check_uuids(column.cast(pa.string()), key.name)
        if key.type == "uuid" and getattr(kind, "extension_name", "") == "arrow.uuid":
            return pa.chunked_array([[value.hex for value in column.to_pylist()]], pa.string())
    except pa.ArrowInvalid as error:
        raise SourceError(f"The spine's column {key.name!r} does not fit the key: {error}. Correct it.") from error
    raise SourceError(f"The spine's column {key.name!r} is of type {kind}; the key is {_WANTED[key.type]}. Cast it.")


def _check_uuids(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    wrong = column.filter(pc.invert(pc.match_substring_regex(column, _UUID)))
    if len(wrong):
        raise SourceError(f"The spine's column {name!r} holds {wrong[0].as_py()!r}, which is no UUID. Correct it.")
    return column
