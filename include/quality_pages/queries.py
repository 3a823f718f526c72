"""Reads what the pages show from schema ``quality``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from include.warehouse.session import Row, Session

PAGE_SIZE: Final = 60
"""Batches of a source on one page."""
TREND_SIZE: Final = 30
"""Batches of each source on the index."""
_TIMEOUT_MS: Final = "15000"
_STATE: Final = (
    "case when audits.passed then 'passed' when releases.audit_id is not null then 'released' "
    "else 'refused' end as state"
)
_SUMMARY: Final = (
    "audits.audit_id, audits.source, audits.from_day, audits.to_day, audits.row_count, audits.rule_count, "
    f"audits.score, audits.audited_at, jsonb_array_length(audits.failures) as failure_count, {_STATE}"
)
_RELEASES: Final = "left join quality.releases using (audit_id, source)"


@dataclass(frozen=True)
class SourceHistory:
    """One page of a source's audits, oldest first, and how many there are in all."""

    audits: list[Row]
    total: int
    page: int

    @property
    def page_count(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.total // PAGE_SIZE))


def prepare_reading(session: Session) -> None:
    """Write nothing, and give up on a query that takes long, so that a page never holds the warehouse."""
    session.execute("set transaction read only")
    session.execute("select set_config('statement_timeout', %s, true)", (_TIMEOUT_MS,))


def read_index(session: Session) -> tuple[list[Row], list[Row]]:
    """The last audits of every source, oldest first, and what is published of each source."""
    audits = session.fetch_all(
        f"select * from (select {_SUMMARY}, row_number() over (partition by audits.source order by audits.audited_at "
        f"desc, audits.audit_id desc) as age from quality.audits {_RELEASES}) as recent where age <= %s "
        "order by source, age desc",
        (TREND_SIZE,),
    )
    published = session.fetch_all(
        "select source, max(batch_day) as last_day, max(published_at) as published_at, sum(row_count)::bigint as "
        "row_count from raw.partitions group by source order by source"
    )
    return audits, published


def read_source(session: Session, source: str, page: int) -> SourceHistory:
    """One page of a source's audits with profiles and rules; the first page has the latest."""
    total = session.fetch_value("select count(*) from quality.audits where source = %s", (source,))
    audits = session.fetch_all(
        f"select {_SUMMARY}, audits.failures, audits.profile, (select jsonb_agg(result) from "
        "jsonb_array_elements(audits.results) as result where result ->> 'dimension' = 'distribution') as bands "
        f"from quality.audits {_RELEASES} where audits.source = %s "
        "order by audits.to_day desc, audits.audited_at desc, audits.audit_id desc limit %s offset %s",
        (source, PAGE_SIZE, (page - 1) * PAGE_SIZE),
    )
    return SourceHistory(audits[::-1], total, page)


def read_run(session: Session, run_id: str) -> list[Row]:
    """The audits of one run, those of late days (``RUN.DAY``) included."""
    return session.fetch_all(
        f"select {_SUMMARY} from quality.audits {_RELEASES} "
        "where audits.audit_id = %s or (starts_with(audits.audit_id, %s) and "
        "substr(audits.audit_id, %s) ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') order by audits.source, audits.from_day",
        (run_id, f"{run_id}.", len(run_id) + 2),
    )


def read_audit(session: Session, source: str, audit_id: str) -> dict[str, Any] | None:
    """One audit with its ``quarantine``, its ``release``, and the audit that ``released_by`` names; None if unknown."""
    audit = session.fetch_one(
        f"select {_SUMMARY}, audits.failures, audits.results, audits.profile, audits.files "
        f"from quality.audits {_RELEASES} where audits.source = %s and audits.audit_id = %s",
        (source, audit_id),
    )
    if audit is None:
        return None
    key = (source, audit_id)
    return {
        **audit,
        "quarantine": session.fetch_one(
            "select row_count, reasons, files, sample_rows, quarantined_at from quality.quarantine "
            "where source = %s and audit_id = %s",
            key,
        ),
        "release": session.fetch_one("select * from quality.releases where source = %s and audit_id = %s", key),
        "released_by": session.fetch_one(
            "select * from quality.releases where source = %s and refused_audit_id = %s "
            "order by released_at desc limit 1",
            key,
        ),
    }
