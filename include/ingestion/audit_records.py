"""What audits leave behind in schema ``quality``: scores, profiles, and refused batches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from include.ingestion.plan import LoadItem, has_only_bad_files, item_window
from include.quality.profile import ColumnProfile
from include.quality.score import AuditResult, RuleResult, sort_results
from include.settings.sources import QualitySettings
from include.warehouse.jsonb import to_jsonb
from include.warehouse.session import Row, Session

if TYPE_CHECKING:
    import pandas as pd


def read_usual_means(session: Session, name: str, quality: QualitySettings, item: LoadItem) -> dict[str, float]:
    """Means of the numeric columns over earlier batches, weighted by rows; none while history is short."""
    from_day, _ = item_window(item)
    rows = session.fetch_all(
        "with earlier as (select *, dense_rank() over (order by to_day desc, from_day desc) as age "
        # NaN and infinity are no means, and a sum of floats could overflow.
        "from quality.profiles where source = %s and to_day < %s and abs(mean) < 'infinity') "
        "select column_name, sum(mean::numeric * (row_count - null_count)) / sum(row_count - null_count) as mean "
        "from earlier where age <= %s group by column_name having sum(to_day - from_day + 1) >= %s",
        (name, from_day, quality.history_deliveries, quality.min_history_deliveries),
    )
    return {row["column_name"]: float(row["mean"]) for row in rows}


def write_audit(
    session: Session,
    audit_id: str,
    item: LoadItem,
    row_count: int,
    audit: AuditResult,
    bad_files: Sequence[RuleResult],
    profile: Sequence[ColumnProfile],
    landed_files: Sequence[Row],
) -> None:
    """Record the result of one audit; an audit that is run again replaces its own record.

    ``results`` holds every rule with those of the bad files, broken ones first; ``failures`` what the audit decided on.
    """
    results = sort_results(audit.results if has_only_bad_files(item) else (*bad_files, *audit.results))
    session.execute(
        "insert into quality.audits (audit_id, source, from_day, to_day, row_count, rule_count, score, passed, "
        "failures, results, profile, files) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb, %s::jsonb) "
        "on conflict (audit_id, source) do update set from_day = excluded.from_day, "
        "to_day = excluded.to_day, row_count = excluded.row_count, "
        "rule_count = excluded.rule_count, score = excluded.score, passed = excluded.passed, "
        "failures = excluded.failures, results = excluded.results, profile = excluded.profile, "
        "files = excluded.files, audited_at = now()",
        (
            audit_id, item["source"], *item_window(item), row_count, audit.rule_count, audit.score,
            audit.has_passed, to_jsonb([failure.to_json() for failure in audit.failures]),
            to_jsonb([result.to_json() for result in results]), to_jsonb([asdict(column) for column in profile]),
            to_jsonb([*landed_files, *list_bad_files(item)]),
        ),
    )  # fmt: skip


def clear_release(session: Session, audit_id: str, name: str) -> None:
    """Forget that this audit released a source, for it is run again."""
    session.execute("delete from quality.releases where audit_id = %s and source = %s", (audit_id, name))


def clear_profiles(session: Session, audit_id: str, name: str) -> None:
    """Forget what this audit noted as usual for a source, for it is run again and refuses it."""
    session.execute("delete from quality.profiles where audit_id = %s and source = %s", (audit_id, name))


def write_profiles(session: Session, audit_id: str, item: LoadItem, profiles: Sequence[ColumnProfile]) -> None:
    """Replace the profile of a source and window."""
    key = (item["source"], *item_window(item))
    session.execute("delete from quality.profiles where source = %s and from_day = %s and to_day = %s", key)
    session.execute_many(
        "insert into quality.profiles (source, from_day, to_day, audit_id, column_name, row_count, null_count, "
        "distinct_count, minimum, maximum, mean, standard_deviation, quantiles, top_values, histogram) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb)",
        [
            (
                *key, audit_id, one.column_name, one.row_count, one.null_count, one.distinct_count,
                one.minimum, one.maximum, one.mean, one.standard_deviation,
                to_jsonb(one.quantiles), to_jsonb(one.top_values), to_jsonb(one.histogram),
            )
            for one in profiles
        ],
    )  # fmt: skip


def list_files(session: Session, item: LoadItem) -> list[Row]:
    """The files of a batch that landed, with their rows."""
    return session.fetch_all(
        "select path, row_count from landing.deliveries where source = %s and batch_day between %s and %s "
        "order by batch_day",
        (item["source"], *item_window(item)),
    )


def list_bad_files(item: LoadItem) -> list[Row]:
    """The files that landing left out, without a row count."""
    return [{"path": bad["path"], "row_count": None} for bad in item.get("bad_files", [])]


def pick_sample(frame: pd.DataFrame, failures: Sequence[RuleResult], count: int) -> list[dict[str, Any]]:
    """Up to ``count`` rows in JSON types (``row``), each with the names of the rules that it breaks (``broken_rules``).

    The frame's index is the position of its rows in the batch; it has the first ones, and those that failures name.

    Rows that break rules come first, those of critical rules before others and of each rule some; then the first
    rows of the batch. A rule that more than ``count`` rows break is named for the first of them.
    """
    ordered = sorted(failures, key=lambda failure: not failure.is_critical)
    broken = [row for rows in zip_longest(*(failure.rows for failure in ordered)) for row in rows if row is not None]
    positions = list(dict.fromkeys([*broken, *(place for place in range(count) if place in frame.index)]))[:count]
    rows = json.loads(frame.loc[positions].to_json(orient="records", date_format="iso", double_precision=15))
    return [
        {"row": row, "broken_rules": [failure.name for failure in ordered if position in failure.rows]}
        for position, row in zip(positions, rows, strict=True)
    ]


def write_quarantine(
    session: Session,
    audit_id: str,
    item: LoadItem,
    row_count: int,
    reasons: Sequence[RuleResult],
    landed_files: Sequence[Row],
    sample: Sequence[Mapping[str, Any]],
    seen: Mapping[str, Any] | None = None,
) -> None:
    """Describe what was refused of a batch: reasons, item, files (bad ones have no count), a sample of rows.

    The days are those of the bad files when nothing else was refused.

    Args:
        seen: by day, what tells whether it has changed since; of days that were not refused nothing is kept.
    """
    bad_files = item.get("bad_files", [])
    days = sorted(date.fromisoformat(bad["day"]) for bad in bad_files)
    window = (days[0], days[-1]) if days and not landed_files else item_window(item)
    if seen is not None and not landed_files:
        seen = {str(day): seen[str(day)] for day in days}
    files = [*landed_files, *list_bad_files(item)]
    session.execute(
        "insert into quality.quarantine (audit_id, source, from_day, to_day, row_count, reasons, item, files, "
        "sample_rows, seen) values (%s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb, %s::jsonb, %s::jsonb) "
        "on conflict (audit_id, source) do update set from_day = excluded.from_day, "
        "to_day = excluded.to_day, row_count = excluded.row_count, reasons = excluded.reasons, "
        "item = excluded.item, files = excluded.files, sample_rows = excluded.sample_rows, seen = excluded.seen, "
        "quarantined_at = now()",
        (
            audit_id, item["source"], *window, row_count,
            to_jsonb([reason.to_json() for reason in reasons]),
            to_jsonb(item), to_jsonb(files), to_jsonb(sample), to_jsonb(seen),
        ),
    )  # fmt: skip
