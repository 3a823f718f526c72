"""Lets a refused batch through when a person has looked at it: for which sources, which rules, and on whose word.

The days are loaded and audited again as always. What the audit of the named sources refuses is then released if an
earlier audit has refused the same days for the same rules, and if none of them guards what makes a batch publishable.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from include.errors import QualityError, SettingsError
from include.ingestion.plan import LoadItem, item_window
from include.quality.page_paths import audit_path, run_path
from include.quality.score import AuditResult, RuleResult
from include.quality.suites import LATENESS
from include.settings.source_base import SourceBase
from include.warehouse.session import Session

_SHORTEST_REASON: Final = 10


@dataclass(frozen=True)
class Release:
    """A person's word that refused batches of some sources are to be published."""

    sources: tuple[str, ...]
    person: str
    reason: str


@dataclass(frozen=True)
class ReleaseDecision:
    """Whether a refused batch is let through: by which release, after which refusal, or why not."""

    release: Release
    refused_audit_id: str = ""
    denial: str = ""

    @property
    def is_granted(self) -> bool:
        """Whether the batch may be published."""
        return not self.denial


def parse_release(
    known: Collection[str], accepted: Sequence[str] | None, reason: str | None, from_day: str | None, person: str | None
) -> Release | None:
    """The release that a run's parameters ask for, or None.

    Args:
        known: names of all sources.
        accepted: ``accept_refused``, the sources to release.
        from_day: a release is about days that somebody has looked at, never about a run's own.
        person: Airflow's user who triggered the run.

    Raises:
        SettingsError: a source is not known, no days or no reason are given, or the person is not known.
    """
    if not accepted:
        return None
    unknown = sorted({*accepted} - {*known})
    if unknown:
        problem = f"names {', '.join(unknown)}, and sources are: {', '.join(sorted(known))}"
    elif not from_day:
        problem = "needs the days of the refused batch: from_day and to_day"
    elif len((reason or "").strip()) < _SHORTEST_REASON:
        problem = "needs a reason that tells a reviewer why the rule, and not the data, was wrong"
    elif not person:
        problem = "needs a person: trigger the run as a user of Airflow, in its UI or by its API"
    else:
        return Release(tuple(dict.fromkeys(accepted)), str(person), str(reason).strip())
    raise SettingsError(f"accept_refused {problem}. Nothing was loaded; trigger the run again.")


def is_releasable(source: SourceBase, rule: RuleResult | Mapping[str, Any]) -> bool:
    """Whether a person may overrule a broken rule.

    Never where the batch could not be published as what it claims to be: readable files, column names and types,
    bounds of the published type (all ``schema``); doubled keys and rows of another delivery (``uniqueness``); nulls in
    a key or the event's time; and events outside of ``allowed_lateness_days``, because repeated rows are looked for,
    and features computed again, within those days alone.
    """
    dimension, column = (
        (rule.dimension, rule.column) if isinstance(rule, RuleResult) else (rule["dimension"], rule["column"])
    )
    if dimension in ("schema", "uniqueness") or column == LATENESS:
        return False
    return not (dimension == "completeness" and (column in source.key or column == source.event_column))


def decide_release(
    session: Session,
    source: SourceBase,
    item: LoadItem,
    audit: AuditResult,
    broken: Sequence[RuleResult],
    audit_id: str,
    release: Release | None,
) -> ReleaseDecision | None:
    """What a release says about an audited batch; None when the batch passed, or its source is not named."""
    if release is None or audit.has_passed or item["source"] not in release.sources:
        return None
    seen = read_refusal(session, item, audit_id)
    denial = explain_denial(source, broken, None if seen is None else seen["reasons"])
    return ReleaseDecision(release, "" if seen is None else seen["audit_id"], denial)


def read_refusal(session: Session, item: LoadItem, audit_id: str) -> dict[str, Any] | None:
    """The last refusal of a batch of the same days by another audit."""
    return session.fetch_one(
        "select audit_id, reasons from quality.quarantine where source = %s and audit_id <> %s "
        "and item ->> 'from_day' = %s and item ->> 'to_day' = %s order by quarantined_at desc limit 1",
        (item["source"], audit_id, item["from_day"], item["to_day"]),
    )


def explain_denial(source: SourceBase, broken: Sequence[RuleResult], seen: Sequence[Mapping[str, Any]] | None) -> str:
    """Why a batch that breaks ``broken`` is not released; empty when it is.

    Args:
        seen: the rules that the last refusal of the same days names; None when there was none.
    """
    fixed = [rule.name for rule in broken if not is_releasable(source, rule)]
    if fixed:
        return f"no release is possible of a batch that breaks {', '.join(fixed)}: it cannot be published so"
    if seen is None:
        return "no audit has refused these days before: give the from_day and to_day of the refused batch"
    known = {(rule["dimension"], rule["rule"], rule["column"]) for rule in seen}
    new = [rule.name for rule in broken if (rule.dimension, rule.rule, rule.column) not in known]
    return f"it breaks {', '.join(new)} now, which the last refusal of these days does not name" if new else ""


def record_release(session: Session, audit_id: str, item: LoadItem, decision: ReleaseDecision, rules: str) -> None:
    """Note who let a batch through, why, and which rules it breaks (``rules``, JSON)."""
    session.execute(
        "insert into quality.releases (audit_id, source, from_day, to_day, refused_audit_id, person, reason, "
        "broken_rules) values (%s, %s, %s, %s, %s, %s, %s, %s::jsonb) "
        "on conflict (audit_id, source) do update set from_day = excluded.from_day, to_day = excluded.to_day, "
        "refused_audit_id = excluded.refused_audit_id, person = excluded.person, reason = excluded.reason, "
        "broken_rules = excluded.broken_rules, released_at = now()",
        (
            audit_id, item["source"], *item_window(item), decision.refused_audit_id, decision.release.person,
            decision.release.reason, rules,
        ),
    )  # fmt: skip


def explain_refusal(
    refused: Sequence[AuditResult], audit_id: str, decisions: Mapping[str, ReleaseDecision | None] | None = None
) -> QualityError:
    """The error that names every broken rule of the refused sources, and why a release that was asked for failed."""
    lines = []
    for audit in refused:
        lines.append(f"{audit.source} was refused: {audit.reason} (score {audit.score:.3f}).")
        lines += [f"  - {failure.describe()}" for failure in audit.failures]
        decision = (decisions or {}).get(audit.source)
        if decision is not None:
            lines.append(f"  It was not released: {decision.denial}.")
    page = audit_path(audit_id, refused[0].source) if len(refused) == 1 else run_path(audit_id)
    return QualityError(
        f"Audit {audit_id!r} refused {', '.join(audit.source for audit in refused)}; nothing was published, "
        "what was published before stays served. The batch is described in quality.quarantine. "
        f"Its page in Airflow: {page}\n" + "\n".join(lines)
    )
