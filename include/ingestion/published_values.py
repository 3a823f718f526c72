"""What of a landed row is published, in SQL: under its name in ``raw.<source>``, in its type there."""

from __future__ import annotations

from include.settings.source_base import SourceBase
from include.warehouse.names import quote_column


def list_published_values(source: SourceBase) -> dict[str, str]:
    """The columns of ``raw.<source>``, quoted, with the value of each out of the landing table.

    A snapshot source's are without :attr:`include.settings.source_base.SourceBase.validity_columns`.
    """
    types = source.published_types
    values = {}
    for column, origin in source.published_columns.items():
        landed, kind = quote_column(origin), types[column]
        if origin in source.columns and source.columns[origin].type == "float64" and kind.startswith("numeric"):
            # By way of its shortest text, which takes less than half as long, and rounds what the number says: the
            # direct way rounds to 15 digits first.
            landed = f"{landed}::text"
        values[quote_column(column)] = f"{landed}::{kind}"
    return values
