"""Publishes what a build has brought of a feature group once it is validated, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from include.errors import FeatureError
from include.feature_quality.drift import GroupDrift, keep_drift, keep_references, measure_group_drift, read_matrix
from include.feature_quality.online import OnlineChange, count_differences, write_online
from include.feature_quality.profile import (
    DateContent,
    FeatureProfile,
    count_double_rows,
    profile_dates,
    read_contents,
)
from include.feature_quality.records import (
    KnownDate,
    forget_dates,
    has_validation,
    keep_dates,
    keep_profiles,
    keep_validation,
    read_history,
    read_known_dates,
)
from include.feature_quality.rules import Evidence, FeatureRule, check_group, name_features
from include.features.catalog import FeatureGroup
from include.features.history import has_rows, keep_rows
from include.quality.score import AuditResult, RuleResult, decide_source, sort_results
from include.settings.features import FeatureSettings
from include.warehouse.session import Session, open_session

log = logging.getLogger(__name__)

RULES_TOLD: Final = 12
"""Broken rules that a message lists."""


class GroupRefusedError(FeatureError):
    """What a build has brought of a feature group was not published; the names of the rules that it broke."""

    def __init__(self, message: str, rules: Sequence[str]) -> None:
        super().__init__(message)
        self.rules = tuple(rules)


@dataclass(frozen=True)
class GroupPublication:
    """What was validated of a group, and what was published of it."""

    audit: AuditResult
    changed: tuple[DateContent, ...]
    online: OnlineChange | None
    drift: GroupDrift | None

    def summarise(self) -> dict[str, Any]:
        """A small summary for XCom."""
        return {
            "score": round(self.audit.score, 4),
            "broken_rules": [rule.name for rule in self.audit.failures],
            "changed_dates": len(self.changed),
            "online_written": self.online.written if self.online else None,
            "drifted": list(self.drift.drifted) if self.drift else [],
        }


def publish_group(uri: str, group: FeatureGroup, settings: FeatureSettings, build_key: str) -> GroupPublication:
    """Validate what has changed since the last validation, write the online table, and note the dates as published.

    A rerun of the same build validates the same dates anew where they were refused, and nothing twice. The profiles
    of refused dates are kept too.

    Args:
        build_key: the run that has built the group.

    Raises:
        GroupRefusedError: the score is too low, a critical rule is broken, or features have drifted and that stops;
            names rules and features. The online table is as it was.
        FeatureError: the online model has not one row for each entity.
        WarehouseError: the warehouse is away.
    """
    with open_session(uri) as session:
        session.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"features.{group.name}",))
        contents = read_contents(session, group)
        changed, gone = find_changed(contents, read_known_dates(session, group.name), group.version)
        profiles = profile_dates(session, group, [one.as_of_date for one in changed])
        keep_profiles(session, group, build_key, changed, profiles)
        session.execute("savepoint online")
        online = write_online(session, group)
        results = check_group(group, _gather(session, group, changed, profiles, settings), settings.validation)
        is_newest = bool(changed) and changed[-1] == contents[-1]
        drift = _measure_drift(session, uri, group, changed[-1].as_of_date, settings) if is_newest else None
        results += _judge_drift(group, drift, settings)
        audit = decide_source(group.name, results, settings.validation.minimum_score)
        if not audit.has_passed:
            session.execute("rollback to savepoint online")
        else:
            kept = changed if has_rows(session, group) else contents
            keep_rows(session, group, [*gone, *(one.as_of_date for one in kept)])
        if drift:
            keep_drift(session, group.name, build_key, drift)
        forget_dates(session, group.name, gone)
        keep_dates(session, group, build_key, changed, is_published=audit.has_passed)
        if changed or not audit.has_passed or not has_validation(session, group.name, build_key):
            keep_validation(session, build_key, group, _describe_validation(audit, changed, online))
    if not audit.has_passed:
        raise GroupRefusedError(describe_refusal(group, audit, changed), [rule.name for rule in audit.failures])
    if drift and drift.drifted:
        log.warning(
            "Features of %s as of %s have drifted from those of %s, which were published last: %s.",
            group.name, drift.as_of_date, drift.reference_date, ", ".join(drift.drifted),
        )  # fmt: skip
    for rule in audit.failures:
        log.warning("%s is published although it breaks a rule: %s", group.name, rule.describe())
    return GroupPublication(audit, tuple(changed), online, drift)


def find_changed(
    contents: Sequence[DateContent], known: dict[date, KnownDate], version: int
) -> tuple[list[DateContent], list[date]]:
    """As-of dates whose rows are to be validated, and those that are gone, both ascending.

    To be validated is what is new, has other rows or another version of the group than when it was published, or
    was refused.
    """
    changed = [
        content
        for content in contents
        if (last := known.get(content.as_of_date)) is None
        or not last.is_published
        or (last.version, last.content) != (version, content)
    ]
    return changed, sorted(set(known) - {content.as_of_date for content in contents})


def describe_refusal(group: FeatureGroup, audit: AuditResult, changed: Sequence[DateContent]) -> str:
    """Why a group is not published, which features it is about, and what to do."""
    features = name_features(audit.failures)
    about = f" Features: {', '.join(features)}." if features else ""
    dates = f" As of {changed[0].as_of_date} to {changed[-1].as_of_date}." if changed else ""
    rules = [f"  - {rule.describe()}" for rule in sort_results(audit.failures)]
    if len(rules) > RULES_TOLD:
        rules[RULES_TOLD:] = [f"  - {len(rules) - RULES_TOLD} more rules, in quality.feature_validations"]
    broken = "\n".join(rules)
    return (
        f"The feature group {group.name} is not published: {audit.reason}.{dates}{about} "
        f"{group.online or 'Its asset'} is as it was, and nothing that waits for the group starts.\n"
        f"{broken}\nThen clear this task."
    )


def _gather(
    session: Session,
    group: FeatureGroup,
    changed: Sequence[DateContent],
    profiles: Sequence[FeatureProfile],
    settings: FeatureSettings,
) -> Evidence:
    dates = [one.as_of_date for one in changed]
    return Evidence(
        contents=changed,
        profiles=profiles,
        history=read_history(session, group, dates[0], dates[-1], settings.validation.history_dates) if dates else (),
        double_rows=count_double_rows(session, group, dates) if dates else 0,
        differences=count_differences(session, group),
    )


def _measure_drift(
    session: Session, uri: str, group: FeatureGroup, newest: date, settings: FeatureSettings
) -> GroupDrift | None:
    """The drift of the newest as-of date, whose histograms take the place of those of the one published before."""
    matrix = read_matrix(uri, group, newest)
    drift = measure_group_drift(session, group, matrix, newest, settings.drift)
    keep_references(session, group, matrix, newest)
    return drift


def _judge_drift(group: FeatureGroup, drift: GroupDrift | None, settings: FeatureSettings) -> list[RuleResult]:
    """A critical rule for each drifted feature where drift stops; nothing where it warns."""
    if drift is None or settings.drift.action != "stop":
        return []
    return [
        FeatureRule(
            group.name, "drift", "drift", one.column, True, 1.0, False,
            f"PSI {one.psi:.3g} against {drift.reference_date}", f"a PSI below {settings.drift.psi_threshold:g}",
        )
        for one in drift.features
        if one.is_drifted
    ]  # fmt: skip


def _describe_validation(
    audit: AuditResult, changed: Sequence[DateContent], online: OnlineChange | None
) -> dict[str, Any]:
    has_written = audit.has_passed and online is not None
    return {
        "score": audit.score,
        "minimum_score": audit.threshold,
        "passed": audit.has_passed,
        "reason": audit.reason,
        "rules": [rule.to_json() for rule in sort_results(audit.results)],
        "date_count": len(changed),
        "first_as_of": changed[0].as_of_date if changed else None,
        "newest_as_of": changed[-1].as_of_date if changed else None,
        "row_count": sum(one.row_count for one in changed),
        "online_rows": online.rows if online and has_written else None,
        "online_written": online.written if online and has_written else None,
    }
