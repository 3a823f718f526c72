"""Audits what has landed: rows, history and relations; refuses and quarantines what breaks its rules."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from include.ingestion.audit_records import (
    clear_profiles,
    clear_release,
    list_files,
    write_audit,
    write_profiles,
    write_quarantine,
)
from include.ingestion.batch import read_batch
from include.ingestion.check import BatchCheck, check_batch
from include.ingestion.landed import check_same, lock_deliveries
from include.ingestion.plan import LoadItem, drop_away, has_only_bad_files, hold_fences, item_window, split_items
from include.ingestion.release import Release, ReleaseDecision, decide_release, explain_refusal, record_release
from include.quality.page_paths import audit_path
from include.quality.report import BatchQuality
from include.quality.validate import Validator
from include.settings.sources import SourceSettings
from include.warehouse.jsonb import to_jsonb
from include.warehouse.names import TableName
from include.warehouse.session import Session, open_session
from include.warehouse.trace import record_note

log = logging.getLogger(__name__)


def audit_batch(
    uri: str,
    sources: SourceSettings,
    items: Sequence[LoadItem],
    audit_id: str,
    release: Release | None = None,
    others: Sequence[LoadItem] | None = None,
) -> dict[str, Any]:
    """Check every landed batch and record scores, profiles and refusals; nothing published is touched.

    A source passes when its score reaches ``quality.minimum_score`` and no critical rule is broken. A
    refused source that is not critical, or a late day, is left out of publishing; a critical one stops the run. Files
    that landing left out are refused in the same way; the other days of their source are checked as usual.

    Args:
        release: a person's word for batches that would be refused (:mod:`include.ingestion.release`).
        others: what is published with these items if nothing of it is refused, themselves included; rows may refer to
            it. None: the items.

    Returns:
        ``audit_id``, ``scores`` by source, ``refused`` (names), ``taken`` (names of late ones that a newer
        run loads), ``warnings`` (broken rules and bad files of sources that passed, and of refused ones that stop
        nothing, in words).

    Raises:
        QualityError: a critical source was refused, or one that was to be released and cannot be; names source,
            rule, observed, expected, remedy.
        StaleWriterError: a newer run has taken a batch that is not late.
        WarehouseError: a batch is not (or not wholly) in landing, was landed again while it was audited, or the
            warehouse is away.
    """
    validator = Validator()
    # One after another: memory holds the rows of one source at most.
    checks = [
        check_batch(sources, read_batch(uri, sources, item, items if others is None else others), validator)
        for item in items
    ]
    with open_session(uri) as session:
        held = hold_fences(session, items)
        kept = [check for check in checks if check.batch.item in held]
        lock_deliveries(session, held)
        decisions = {check.batch.name: record_audit(session, check, audit_id, release) for check in kept}
    _report_quality(kept)
    audits = [check.audit for check in kept]
    refused = [audit for audit in audits if not audit.has_passed and not _is_granted(decisions[audit.source])]
    optional = {check.batch.name for check in checks if check.batch.stops_nothing}
    fatal = [audit for audit in refused if audit.source not in optional or decisions[audit.source] is not None]
    if fatal:
        raise explain_refusal(fatal, audit_id, decisions)
    warnings = [failure.describe() for check in kept for failure in check.batch.find_failures(check.audit)]
    for warning in warnings:
        log.warning("%s", warning)
    for audit in refused:
        log.warning("%s was refused. Its page in Airflow: %s", audit.source, audit_path(audit_id, audit.source))
    return {
        "audit_id": audit_id,
        "scores": {audit.source: audit.score for audit in audits},
        "refused": [audit.source for audit in refused],
        "taken": [check.batch.name for check in checks if check.batch.item not in held],
        "warnings": warnings,
    }


def audit_run(
    uri: str, sources: SourceSettings, items: Sequence[LoadItem], audit_id: str, release: Release | None = None
) -> list[LoadItem]:
    """Audit what a run has landed: its own window, then each late day by itself, so that none spoils another.

    Rows may refer to whatever the run is about to publish. What refers to a source of which something turns out to be
    refused is audited again without that: a refused row vouches for nothing.

    Returns:
        the items and the late ones among them, for publishing, with what was refused marked; without those that a newer
        run has taken.

    Raises:
        QualityError, StaleWriterError, WarehouseError: see :func:`audit_batch`.
    """
    with open_session(uri) as session:
        # Late days that a newer run has taken: it may have replaced their rows in landing, and publishes them.
        parts = hold_fences(session, drop_away(split_items(items)))
    for name in {*(release.sources if release else ())} - {part["source"] for part in parts}:
        log.warning("%s is not among the sources that this run loads: there is nothing of it to release.", name)
    audits: dict[str, list[LoadItem]] = {}
    for part in parts:
        audits.setdefault(f"{audit_id}.{part['from_day']}" if part.get("is_late") else audit_id, []).append(part)
    refused: list[LoadItem] = []
    taken: list[LoadItem] = []
    left_out: list[LoadItem] = []
    seen: dict[str, int] = {}
    todo = list(audits)
    while todo:
        for one_id in todo:
            seen[one_id] = len(left_out)
            batch = [part for part in audits[one_id] if part not in left_out]
            others = [part for part in parts if part not in left_out]
            report = audit_batch(uri, sources, batch, one_id, release, others)
            refused += [part for part in batch if part["source"] in report["refused"]]
            taken += [part for part in batch if part["source"] in report["taken"]]
            left_out = [*left_out, *(part for part in batch if part in refused or part in taken)]
        todo = [
            one_id
            for one_id, batch in audits.items()
            if refers_to(sources, [part for part in batch if part not in left_out], left_out[seen[one_id] :])
        ]
    return [{**part, "is_refused": True} if part in refused else part for part in parts if part not in taken]


def refers_to(sources: SourceSettings, items: Sequence[LoadItem], others: Sequence[LoadItem]) -> bool:
    """Whether a source of some items has relations to a source of others."""
    targets = {relation.source for item in items for relation in sources.find_source(item["source"]).relations}
    return any(other["source"] in targets for other in others)


def record_audit(
    session: Session, check: BatchCheck, audit_id: str, release: Release | None = None
) -> ReleaseDecision | None:
    """Write the audit; profile a batch that may be published, quarantine one that may not, and every bad file.

    The caller holds the locks of its deliveries: what is said of them is about the rows that were read.

    Returns:
        what became of the release of the batch, if one was asked for and needed.

    Raises:
        WarehouseError: other rows are in landing by now.
    """
    batch, audit, profile = check.batch, check.audit, check.profile or []
    has_landed = not has_only_bad_files(batch.item)
    if has_landed:
        check_same(session, batch.item, batch.landed)
    files = list_files(session, batch.item) if has_landed else []
    write_audit(session, audit_id, batch.item, batch.row_count, audit, batch.bad_files, profile, files)
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
            write_quarantine(session, audit_id, batch.item, 0, batch.bad_files, [], [], batch.seen)
    else:
        clear_profiles(session, audit_id, batch.name)
        write_quarantine(session, audit_id, batch.item, batch.row_count, failures, files, check.sample, batch.seen)
    if has_landed:
        session.execute(
            "update landing.deliveries set state = %s where source = %s and batch_day between %s and %s",
            ("audited" if is_publishable else "refused", batch.name, *item_window(batch.item)),
        )
    return decision


def _is_granted(decision: ReleaseDecision | None) -> bool:
    return decision is not None and decision.is_granted


def _report_quality(checks: Sequence[BatchCheck]) -> None:
    """Tell the lineage of this piece of work what was found in each landed batch."""
    for check in checks:
        if check.profile is not None:
            batch, audit = check.batch, check.audit
            window, table = item_window(batch.item), TableName("landing", batch.name)
            record_note(table, BatchQuality.from_audit(*window, batch.row_count, audit.results, check.profile))
