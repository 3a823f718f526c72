"""Checks one landed batch against its rules, and profiles it; of large ones, memory holds one chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from include.ingestion.audit_records import pick_sample
from include.ingestion.batch import Batch
from include.ingestion.landed_rows import LandedRows
from include.quality.chunks import validate_chunks
from include.quality.profile import ColumnProfile, profile_frame
from include.quality.score import AuditResult, RuleResult
from include.quality.statistics import ColumnStatistics
from include.quality.suites import build_fact_suite, build_row_suite
from include.quality.validate import FrameSuite, Validator, validate_frames
from include.settings.sources import SourceSettings

if TYPE_CHECKING:
    import pandas as pd

# Of a column with more different values in a large batch, PostgreSQL is asked.
_MOST_VALUES: Final = 1 << 17


@dataclass(frozen=True)
class BatchCheck:
    """What was found in a batch.

    Attributes:
        profile: None where only bad files came.
        sample: rows of a batch that is refused, see :func:`include.ingestion.audit_records.pick_sample`.
    """

    batch: Batch
    audit: AuditResult
    profile: list[ColumnProfile] | None = None
    sample: list[dict[str, Any]] = field(default_factory=list)


def check_batch(sources: SourceSettings, batch: Batch, validator: Validator) -> BatchCheck:
    """Validate the rows and facts of a batch, decide on it, and profile its columns."""
    quality = sources.quality
    if batch.rows is None:
        return BatchCheck(batch, batch.decide([], quality.minimum_score))
    rules = build_row_suite(batch.source, quality, batch.usual_means, batch.row_count)
    check = _check_frame if batch.rows.is_one_chunk or not batch.row_count else _check_chunks
    results, rows, profile = check(batch, batch.rows, rules, quality.sample_rows, validator)
    results = [*results, *_check_facts(sources, batch, validator)]
    audit = batch.decide(results, quality.minimum_score)
    sample = [] if audit.has_passed else pick_sample(rows, audit.failures, quality.sample_rows)
    return BatchCheck(batch, audit, profile, sample)


def _check_frame(
    batch: Batch, rows: LandedRows, rules: list[Any], sample_rows: int, validator: Validator
) -> tuple[list[RuleResult], pd.DataFrame, list[ColumnProfile]]:
    frame = rows.read_all()
    results = validate_frames([FrameSuite(batch.name, "rows", frame, rules)], sample_rows, validator)
    return results, frame, profile_frame(frame, {name: one.type for name, one in batch.source.columns.items()})


def _check_chunks(
    batch: Batch, rows: LandedRows, rules: list[Any], sample_rows: int, validator: Validator
) -> tuple[list[RuleResult], pd.DataFrame, list[ColumnProfile]]:
    columns = batch.source.columns
    statistics = {
        name: ColumnStatistics(name, one.type, _MOST_VALUES) for name, one in columns.items() if name in rows.columns
    }
    results, sample = validate_chunks(batch.name, rows, rules, statistics, sample_rows, validator)
    unique = _find_unique(results)
    profile = [one.finish(lambda name: rows.ask(name, is_unique=name == unique)) for one in statistics.values()]
    return results, sample, profile


def _find_unique(results: Sequence[RuleResult]) -> str | None:
    """The column whose values were found to be all different."""
    return next((one.column for one in results if one.dimension == "uniqueness" and one.has_passed), None)


def _check_facts(sources: SourceSettings, batch: Batch, validator: Validator) -> Sequence[RuleResult]:
    """On the facts, as a frame of one row."""
    import pandas as pd

    frame = pd.DataFrame([{name: fact.value for name, fact in batch.facts.items()}])
    notes = {name: fact.note for name, fact in batch.facts.items()}
    rules = build_fact_suite(batch.source, sources.quality, batch.facts)
    return validate_frames([FrameSuite(batch.name, "facts", frame, rules, notes)], validator=validator)
