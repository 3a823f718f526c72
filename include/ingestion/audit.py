"""Audits what has landed: rows, history and relations; refuses and quarantines what breaks its rules."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from include.errors import WarehouseError
from include.ingestion.audit_records import (
    clear_release,
    list_files,
    pick_sample,
    read_usual_means,
    to_jsonb,
    write_audit,
    write_profiles,
    write_quarantine,
)
from include.ingestion.facts import measure_facts
from include.ingestion.plan import (
    LoadItem,
    drop_away,
    has_only_bad_files,
    hold_fences,
    item_window,
    split_items,
)
from include.ingestion.release import Release, ReleaseDecision, decide_release, explain_refusal, record_release
from include.quality.page_paths import audit_path
from include.quality.profile import ColumnProfile, profile_frame
from include.quality.report import BatchQuality
from include.quality.score import AuditResult, RuleResult, decide_source
from include.quality.suites import BATCH_DAY, LATENESS, Fact, build_fact_suite, build_row_suite
from include.quality.validate import FrameSuite, prepare_great_expectations, validate_frames
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.sources.files import declare_schema
from include.warehouse.arrow import read_arrow
from include.warehouse.names import TableName
from include.warehouse.session import Session, open_session
from include.warehouse.trace import record_note

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_OWN_COLUMNS: Final = ("day", "batch_day")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """One landed batch, as the rules see it."""

    item: LoadItem
    source: SourceBase
    frame: pd.DataFrame
    facts: Mapping[str, Fact]
    usual_means: Mapping[str, float]

    @property
    def name(self) -> str:
        """The source's name."""
        return self.item["source"]

    @property
    def bad_files(self) -> tuple[RuleResult, ...]:
        """A broken critical rule for every file that landing left out."""
        return tuple(
            RuleResult(
                self.name, "schema", "file_is_readable", None, is_critical=True, weight=1.0, has_passed=False,
                observed=bad["reason"].rstrip("."), expected="a readable file with the declared columns",
            )
            for bad in self.item.get("bad_files", [])
        )  # fmt: skip

    def decide(self, results: Sequence[RuleResult], minimum_score: float) -> AuditResult:
        """Whether the rows that landed may be published; where only bad files came, whether those may."""
        return decide_source(self.name, self.bad_files if has_only_bad_files(self.item) else results, minimum_score)

    def find_failures(self, audit: AuditResult) -> tuple[RuleResult, ...]:
        """Every rule that the batch broke, that of its bad files first."""
        return audit.failures if has_only_bad_files(self.item) else (*self.bad_files, *audit.failures)


def audit_batch(
    uri: str, sources: SourceSettings, items: Sequence[LoadItem], audit_id: str, release: Release | None = None
) -> dict[str, Any]:
    """Check every landed batch and record scores, profiles and refusals; nothing published is touched.

    A source passes when its score reaches ``quality.minimum_score`` and no critical rule is broken. A
    refused source that is not critical, or a late day, is left out of publishing; a critical one stops the run. Files
    that landing left out are refused in the same way; the other days of their source are checked as usual.

    Args:
        release: a person's word for batches that would be refused (:mod:`include.ingestion.release`).

    Returns:
        ``audit_id``, ``scores`` by source, ``refused`` (names), ``warnings`` (broken rules and bad files of
        sources that passed, and of refused ones that stop nothing, in words).

    Raises:
        QualityError: a critical source was refused, or one that was to be released and cannot be; names source,
            rule, observed, expected, remedy.
        WarehouseError: a batch is not (or not wholly) in landing, or the warehouse is away.
    """
    prepare_great_expectations()
    batches = [read_batch(uri, sources, item) for item in items]
    suites = [suite for batch in batches for suite in build_suites(sources, batch)]
    results = validate_frames(suites, sources.quality.sample_rows)
    audits = [batch.decide(results, sources.quality.minimum_score) for batch in batches]
    profiles = {
        batch.name: profile_frame(batch.frame, {name: one.type for name, one in batch.source.columns.items()})
        for batch in batches
        if not has_only_bad_files(batch.item)
    }
    with open_session(uri) as session:
        decisions = {
            batch.name: record_audit(session, sources, batch, audit, profiles.get(batch.name, []), audit_id, release)
            for batch, audit in zip(batches, audits, strict=True)
        }
    _report_quality(batches, audits, profiles)
    refused = [audit for audit in audits if not audit.has_passed and not _is_granted(decisions[audit.source])]
    optional = {batch.name for batch in batches if not batch.source.critical or batch.item.get("is_late")}
    fatal = [audit for audit in refused if audit.source not in optional or decisions[audit.source] is not None]
    if fatal:
        raise explain_refusal(fatal, audit_id, decisions)
    warnings = [
        failure.describe()
        for batch, audit in zip(batches, audits, strict=True)
        for failure in batch.find_failures(audit)
    ]
    for warning in warnings:
        log.warning("%s", warning)
    for audit in refused:
        log.warning("%s was refused. Its page in Airflow: %s", audit.source, audit_path(audit_id, audit.source))
    return {
        "audit_id": audit_id,
        "scores": {audit.source: audit.score for audit in audits},
        "refused": [audit.source for audit in refused],
        "warnings": warnings,
    }


def audit_run(
    uri: str, sources: SourceSettings, items: Sequence[LoadItem], audit_id: str, release: Release | None = None
) -> list[LoadItem]:
    """Audit what a run has landed: its own window, then each late day by itself, so that none spoils another.

    Returns:
        the items and the late ones among them, for publishing.

    Raises:
        QualityError, WarehouseError: see :func:`audit_batch`.
    """
    with open_session(uri) as session:
        # Late days that a newer run has taken: it may have replaced their rows in landing, and publishes them.
        parts = hold_fences(session, drop_away(split_items(items)))
    for name in {*(release.sources if release else ())} - {part["source"] for part in parts}:
        log.warning("%s is not among the sources that this run loads: there is nothing of it to release.", name)
    audits: dict[str, list[LoadItem]] = {}
    for part in parts:
        audits.setdefault(f"{audit_id}.{part['from_day']}" if part.get("is_late") else audit_id, []).append(part)
    for one_id, batch in audits.items():
        audit_batch(uri, sources, batch, one_id, release)
    return parts


def read_batch(uri: str, sources: SourceSettings, item: LoadItem) -> Batch:
    """Read one batch from landing as a frame, and measure its facts; a frame of nothing if only bad files came.

    Raises:
        WarehouseError: landing does not hold exactly what was delivered.
    """
    name, source = item["source"], sources.find_source(item["source"])
    if has_only_bad_files(item):
        return Batch(item, source, to_pandas_frame(declare_schema(source).empty_table()), {}, {})
    with open_session(uri) as session:
        check_landed(session, item)
        columns = session.fetch_all(
            "select column_name from information_schema.columns "
            "where table_schema = 'landing' and table_name = %s order by ordinal_position",
            (name,),
        )
        # Where statistics are behind, joining a large batch row by row would take minutes.
        session.execute("select set_config('enable_nestloop', 'off', true)")
        facts = measure_facts(session, sources, item)
        usual_means = read_usual_means(session, name, sources.quality, item)
    selected = [f'"{row["column_name"]}"' for row in columns if row["column_name"] not in _OWN_COLUMNS]
    if source.event_column is not None:
        selected.append(f"(batch_day - day)::bigint as {LATENESS}")
    if source.grain == "snapshot":
        selected.append(BATCH_DAY)
    from_day, to_day = item_window(item)
    table = read_arrow(
        uri,
        f"select {', '.join(selected)} from {TableName('landing', name).quoted} "
        f"where batch_day between '{from_day}' and '{to_day}'",
    )
    return Batch(item, source, to_pandas_frame(table), facts, usual_means)


def to_pandas_frame(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as pandas: moments as naive UTC datetime64[us], dates as datetime64[ms].

    Great Expectations cannot name a pandas type that has a time zone.
    """
    import pyarrow as pa

    naive = [
        pa.field(field.name, pa.timestamp(field.type.unit)) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    frame: pd.DataFrame = table.cast(pa.schema(naive)).to_pandas(date_as_object=False, split_blocks=True)
    return frame


def check_landed(session: Session, item: LoadItem) -> None:
    """Compare the rows in landing with what was read from files, day by day.

    Raises:
        WarehouseError: the batch did not land, or two landings of it crossed.
    """
    name, window = item["source"], item_window(item)
    noted = session.fetch_all(
        "select batch_day, row_count from landing.deliveries where source = %s and batch_day between %s and %s",
        (name, *window),
    )
    expected = {row["batch_day"]: row["row_count"] for row in noted}
    found: dict[Any, int] = {}
    if expected:
        rows = session.fetch_all(
            f"select batch_day, count(*) as row_count from {TableName('landing', name).quoted} "
            "where batch_day between %s and %s group by batch_day",
            window,
        )
        found = {row["batch_day"]: row["row_count"] for row in rows}
    wrong = [day for day in {*expected, *found} if expected.get(day, 0) != found.get(day, 0)]
    if wrong or not expected:
        what = f"other rows than its files hold, first on {min(wrong)}" if wrong else "no files"
        raise WarehouseError(
            f"landing.{name} holds {what}, for {item['from_day']} to {item['to_day']}: the batch did not land "
            "completely, or twice at once. Nothing was published; run the land task again, then this one."
        )


def build_suites(sources: SourceSettings, batch: Batch) -> list[FrameSuite]:
    """The suites of one batch: on its rows, and on its facts as a frame of one row; none if nothing landed."""
    import pandas as pd

    if has_only_bad_files(batch.item):
        return []
    quality = sources.quality
    facts = pd.DataFrame([{name: fact.value for name, fact in batch.facts.items()}])
    notes = {name: fact.note for name, fact in batch.facts.items()}
    row_rules = build_row_suite(batch.source, quality, batch.usual_means, len(batch.frame))
    return [
        FrameSuite(batch.name, "rows", batch.frame, row_rules),
        FrameSuite(batch.name, "facts", facts, build_fact_suite(batch.source, quality, batch.facts), notes),
    ]


def record_audit(
    session: Session,
    sources: SourceSettings,
    batch: Batch,
    audit: AuditResult,
    profile: Sequence[ColumnProfile],
    audit_id: str,
    release: Release | None = None,
) -> ReleaseDecision | None:
    """Write the audit; profile a batch that may be published, quarantine one that may not, and every bad file.

    Returns:
        what became of the release of the batch, if one was asked for and needed.
    """
    has_landed = not has_only_bad_files(batch.item)
    files = list_files(session, batch.item) if has_landed else []
    write_audit(session, audit_id, batch.item, len(batch.frame), audit, batch.bad_files, profile, files)
    failures = batch.find_failures(audit)
    decision = decide_release(session, batch.source, batch.item, audit, audit.failures, audit_id, release)
    clear_release(session, audit_id, batch.name)
    is_publishable = audit.has_passed or _is_granted(decision)
    if decision is not None and decision.is_granted:
        record_release(
            session, audit_id, batch.item, decision, to_jsonb([one.to_json() for one in audit.failures]) or "[]"
        )
        log.warning("%s was refused and is released by %s.", batch.name, decision.release.person)
    if is_publishable:
        write_profiles(session, audit_id, batch.item, profile)
        if batch.bad_files:
            write_quarantine(session, audit_id, batch.item, 0, batch.bad_files, [], [])
    else:
        sample = pick_sample(batch.frame, audit.failures, sources.quality.sample_rows)
        write_quarantine(session, audit_id, batch.item, len(batch.frame), failures, files, sample)
    if has_landed:
        session.execute(
            "update landing.deliveries set state = %s where source = %s and batch_day between %s and %s",
            ("audited" if is_publishable else "refused", batch.name, *item_window(batch.item)),
        )
    return decision


def _is_granted(decision: ReleaseDecision | None) -> bool:
    return decision is not None and decision.is_granted


def _report_quality(
    batches: Sequence[Batch], audits: Sequence[AuditResult], profiles: Mapping[str, Sequence[ColumnProfile]]
) -> None:
    """Tell the lineage of this piece of work what was found in each landed batch."""
    for batch, audit in zip(batches, audits, strict=True):
        if batch.name in profiles:
            window, table = item_window(batch.item), TableName("landing", batch.name)
            record_note(table, BatchQuality.from_audit(*window, len(batch.frame), audit.results, profiles[batch.name]))
