"""The columns of the staging view of a source, under names that SQL takes without quotes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from include.adopt.sql_names import is_plain, make_plain
from include.errors import SettingsError
from include.settings.source_base import SourceBase
from include.settings.source_columns import ColumnSettings
from include.warehouse.names import quote_column

# A sum of larger numbers could leave double precision.
_LARGEST: Final = "1e150"
ADDED: Final = ("day", "batch_day")
"""The columns that ingestion adds."""


@dataclass(frozen=True)
class StagedColumn:
    """A column of the staging view.

    Attributes:
        origin: its name as delivered, by which ``sources.yml`` has it.
        published: its name in ``raw.<source>``.
    """

    name: str
    origin: str
    published: str
    settings: ColumnSettings

    @property
    def sql(self) -> str:
        """How it is selected from the published table."""
        column = self.published if is_plain(self.published) else quote_column(self.published)
        if self.is_bounded:
            when = f"when {column} between -{_LARGEST} and {_LARGEST}"
            return f"case\n            {when}\n                then {column}\n        end as {self.name}"
        return self.name if column == self.name else f"{column} as {self.name}"

    @property
    def is_bounded(self) -> bool:
        """Whether it may hold what is no number (NaN) or one that cannot be added up."""
        return self.settings.type == "float64" and self.settings.sql_type == "double precision"

    @property
    def description(self) -> str:
        """What ``sources.yml`` says of it."""
        return self.settings.description or f"{self.origin}, as delivered."


def stage_columns(source: SourceBase) -> tuple[StagedColumn, ...]:
    """The columns of the staging view, but those that ingestion adds; of one name, the later ones get a number."""
    found: dict[str, StagedColumn] = {}
    for published, origin in source.published_columns.items():
        if published in ADDED:
            continue
        plain = published if is_plain(published) else make_plain(published) or f"column_{len(found) + 1}"
        taken = {*found, *ADDED}
        names = (plain, *(f"{plain}_{number}" for number in range(2, len(taken) + 3)))
        staged = next(one for one in names if one not in taken)
        found[staged] = StagedColumn(staged, origin, published, source.columns[origin])
    return tuple(found.values())


def find_column(name: str, staged: Sequence[StagedColumn], text: str, where: str) -> StagedColumn:
    """The column of a name, as delivered, as published or as in the staging view.

    Args:
        where: what names it.

    Raises:
        SettingsError: there is none; gives the nearest name.
    """
    known: Mapping[str, StagedColumn] = {
        alias: column for column in staged for alias in (column.name, column.published, column.origin)
    }
    if text in known:
        return known[text]
    near = difflib.get_close_matches(text, known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(column.name for column in staged)}."
    raise SettingsError(f"{where} names {text!r}, which is no column of the source {name!r} in sources.yml. {hint}")
