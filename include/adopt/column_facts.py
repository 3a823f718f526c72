"""Corrects what a sample said of the columns by what all of the rows say."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_VALUES: Final = 20


@dataclass
class ColumnFacts:
    """The columns as ``sources.yml`` has them, widened by every row that is looked at."""

    columns: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, columns: dict[str, dict[str, Any]]) -> ColumnFacts:
        """Begin with what a sample said."""
        return cls(deepcopy(columns))

    def look_at(self, block: pa.Table) -> None:
        """Take note of rows: nulls, values below 0, further values of a text that seemed to have few."""
        import pyarrow.compute as pc

        for name, column in self.columns.items():
            values = block.column(name)
            if values.null_count:
                column["nullable"] = True
            if "min" in column and (low := pc.min(values).as_py()) is not None and low < column["min"]:
                del column["min"]
            if "allowed" in column:
                known = {*column["allowed"], *(value for value in pc.unique(values).to_pylist() if value is not None)}
                column["allowed"] = sorted(known)
                if len(known) > _MAX_VALUES:
                    del column["allowed"]

    def describe(self) -> dict[str, dict[str, Any]]:
        """The columns as they are now."""
        return deepcopy(self.columns)
