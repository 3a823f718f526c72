"""What an audit found in one batch, as a reader of lineage needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from include.quality.profile import ColumnProfile
from include.quality.score import RuleResult, sort_results


@dataclass(frozen=True)
class BatchQuality:
    """Rules, broken ones first, and profile of a batch of days, both as ``quality.audits`` holds them.

    Attributes:
        is_written: whether a committed transaction wrote all of these rows; a snapshot writes what has changed alone.
    """

    from_day: date
    to_day: date
    row_count: int
    results: tuple[Mapping[str, Any], ...]
    columns: tuple[Mapping[str, Any], ...]
    is_written: bool = False

    @classmethod
    def from_audit(
        cls,
        from_day: date,
        to_day: date,
        row_count: int,
        results: Iterable[RuleResult],
        profile: Iterable[ColumnProfile],
    ) -> BatchQuality:
        """Of an audit that has just ended."""
        rules = tuple(result.to_json() for result in sort_results(results))
        return cls(from_day, to_day, row_count, rules, tuple(asdict(column) for column in profile))

    @classmethod
    def from_record(
        cls, record: Mapping[str, Any], published_names: Mapping[str, str], *, is_written: bool
    ) -> BatchQuality:
        """Of a row of ``quality.audits`` whose batch was published; columns by their published names."""

        def rename(name: str | None) -> str | None:
            return published_names.get(name, name) if name else name

        results = record["results"] if record["results"] is not None else record["failures"]
        return cls(
            record["from_day"],
            record["to_day"],
            record["row_count"],
            tuple({**one, "column": rename(one["column"])} for one in results),
            tuple({**one, "column_name": rename(one["column_name"])} for one in record["profile"] or ()),
            is_written=is_written,
        )
