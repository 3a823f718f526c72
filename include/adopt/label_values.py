"""The values that a label's column has, as they are delivered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from include.errors import SettingsError
from include.settings.source_kinds import FileSource
from include.settings.sources import SourceSettings, sources_root
from include.sources.file_deliveries import FileDeliveries
from include.sources.files import read_blocks

_POSITIVE: Final = ("true", "yes", "y", "t", "1", "positive", "left", "default", "bad")
_NEGATIVE: Final = ("false", "no", "n", "f", "0", "negative", "good")
_MAX_ROWS: Final = 1_000_000


@dataclass(frozen=True)
class LabelValues:
    """How often each value occurs in what was read; what is not known is left out."""

    counts: dict[Any, int]

    @property
    def distinct(self) -> list[Any]:
        """The values, the most frequent first."""
        return [value for value, _ in Counter(self.counts).most_common()]

    def find_positive(self) -> str:
        """The one of two texts that means yes: by its word, else the rarer one."""
        one, other = map(str, self.distinct)
        for value, rest in ((one, other), (other, one)):
            if value.casefold() in _POSITIVE or rest.casefold() in _NEGATIVE:
                return value
        return other

    def find_other(self, value: str) -> str:
        """The other one of two texts."""
        return next(str(other) for other in self.distinct if str(other) != value)


def find_newest_file(name: str, settings: SourceSettings) -> Path:
    """The newest delivery of a source.

    Raises:
        SettingsError: the source is no file, or there is none yet.
    """
    source = settings.find_source(name)
    if not isinstance(source, FileSource):
        raise SettingsError(f"The source {name!r} is no file, so that the classes of its label are not known here.")
    deliveries = FileDeliveries(name, source, sources_root(settings))
    days = deliveries.find_days(date.min, date.max)
    if not days:
        place = deliveries.path(date.min).parent
        raise SettingsError(f"{place} holds no file of the source {name!r} ({source.path}). Put one there.")
    return deliveries.path(days[-1])


def read_label_values(name: str, column: str, settings: SourceSettings, path: Path) -> LabelValues:
    """Count the values of a column in a file of a source.

    Args:
        column: as delivered.

    Raises:
        SourceError: the file cannot be read as declared.
    """
    counts: Counter[Any] = Counter()
    rows = 0
    for block in read_blocks(name, settings.find_source(name), path, settings.time_zone):
        for item in block.column(column).value_counts().to_pylist():
            if item["values"] is not None:
                counts[item["values"]] += item["counts"]
        rows += block.num_rows
        if rows >= _MAX_ROWS:
            break
    return LabelValues(dict(counts))
