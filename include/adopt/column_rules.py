"""What is declared of each column: type, nulls, values, and the name it is published under."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from include.settings.source_columns import NUMBERS
from include.settings.source_names import VALID_FROM, VALID_TO

if TYPE_CHECKING:
    from include.adopt.columns import ColumnGuess

_MAX_VALUES: Final = 20
_MIN_ROWS: Final = 200
_MAX_LENGTH: Final = 60


def describe_columns(
    columns: Sequence[ColumnGuess], key: Sequence[str], grain: Literal["daily", "snapshot"]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The columns as ``sources.yml`` has them, and what is unsure of their rules."""
    described = {one.name: _describe(one, one.name in key) for one in columns}
    questions = []
    listed = [name for name, one in described.items() if "allowed" in one]
    if listed:
        questions.append(f"{', '.join(listed)}: allowed lists the values that occur in what was read, and may be all.")
    floored = [name for name, one in described.items() if "min" in one]
    if floored:
        questions.append(f"{', '.join(floored)}: never below 0, as in what was read (min: 0).")
    if grain == "snapshot":
        for name in (VALID_FROM, VALID_TO):
            if name in described:
                described[name]["publish_as"] = f"delivered_{name}"
                questions.append(f"{name} is published as delivered_{name}, for ingestion adds a column of that name.")
    return described, questions


def _describe(column: ColumnGuess, is_key: bool) -> dict[str, Any]:
    described: dict[str, Any] = {"type": column.type}
    if column.publish_type:
        described["publish_type"] = column.publish_type
    if column.has_nulls:
        described["nullable"] = True
    if column.type in NUMBERS and _is_never_negative(column):
        described["min"] = 0
    if column.type == "string" and not is_key and not column.questions and (values := _list_values(column)):
        described["allowed"] = values
    return described


def _is_never_negative(column: ColumnGuess) -> bool:
    import pyarrow.compute as pc

    lows = [pc.min(values).as_py() for values in column.values]
    known = [low for low in lows if low is not None]
    return bool(known) and min(known) >= 0


def _list_values(column: ColumnGuess) -> list[str]:
    """The values of a text with few of them; none where there are many, or too few rows to tell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pa.chunked_array(column.values).drop_null()
    if len(values) < _MIN_ROWS:
        return []
    found = sorted(pc.unique(values).to_pylist())
    is_short = len(found) <= _MAX_VALUES and all(len(value) <= _MAX_LENGTH for value in found)
    return found if is_short else []
