"""Publishes what a build has brought of a feature group once it is validated, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
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
    keep_row_versions,
    keep_validation,
    list_contents,
    read_history,
    read_known_dates,
)
from include.feature_quality.rules import Evidence, FeatureRule, check_group, name_features
from include.features.catalog import FeatureGroup
from include.features.history import has_rows, keep_rows
from include.features.matrix import FeatureMatrix
from include.quality.score import AuditResult, RuleResult, decide_source, sort_results
from include.settings.features import FeatureSettings
from include.warehouse.session import Session, open_session
from include.warehouse.trace import record_note

log = logging.getLogger(__name__)

RULES_TOLD: Final = 12
"""Broken rules that a message lists."""


class GroupRefusedError(FeatureError):
    """What a build has brought of a feature group was not published; the names of the rules that it broke."""

    def __init__(self, message: str, rules: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.rules = tuple(rules)


@dataclass(frozen=True)
class GroupPublication:
    """What was validated of a group, and what was published of it.

    Attributes:
        contents: of all as-of dates that the group has.
        changed: of those that were new, changed or refused before.
        gone: as-of dates that the group has no more.
        newest: the rows of the newest as-of date, where that has changed.
    """

    audit: AuditResult
    contents: tuple[DateContent, ...]
    changed: tuple[DateContent, ...]
    gone: tuple[date, ...]
    profiles: tuple[FeatureProfile, ...]
    online: OnlineChange | None
    drift: GroupDrift | None
    newest: FeatureMatrix | None

    def summarise(self) -> dict[str, Any]:
        """A small summary for XCom."""
        return {
            "score": round(self.audit.score, 4),
            "broken_rules": list_rules(self.audit),
            "changed_dates": len(self.changed),
            "online_written": self.online.written if self.online else None,
            "drifted": list(self.drift.drifted) if self.drift else [],
        }


class _NotPublishedError(Exception):
    """Leaves the part of the transaction that has written the online table, so that it is rolled back."""


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
        _lock(session, group)
        with suppress(_NotPublishedError), session.savepoint():
            found = _validate(session, uri, group, settings)
            if not found.audit.has_passed:
                raise _NotPublishedError
        _keep(session, group, build_key, found)
    if not found.audit.has_passed:
        raise GroupRefusedError(describe_refusal(group, found), list_rules(found.audit))
    if found.online and group.online:
        record_note(group.online, found.online.copy)
    _warn(group, found)
    return found


def hold_back(uri: str, group: FeatureGroup, settings: FeatureSettings, build_key: str) -> list[date]:
    """Note as refused what a build has changed of a group that was not validated: a dbt test has failed, say.

    Nobody trains or scores with these as-of dates until a later build has validated them. A build that has changed
    all of them, because the SQL has changed, leaves none.

    Returns:
        the dates, ascending.

    Raises:
        WarehouseError: the warehouse is away.
    """
    with open_session(uri) as session:
        if session.fetch_value("select to_regclass(%s)", (group.table.quoted,)) is None:
            return []
        _lock(session, group)
        known = read_known_dates(session, group.name)
        changed, _ = find_changed(read_contents(session, group, list_contents(known)), known, group.version)
        unseen = [one for one in changed if (last := known.get(one.as_of_date)) is None or last.content != one]
        keep_dates(session, group, build_key, unseen, is_published=False)
        if unseen and not has_validation(session, group.name, build_key):
            reason = "not validated: a test has failed, or the build did not get as far"
            audit = AuditResult(group.name, 0.0, settings.validation.minimum_score, False, 0, (), reason)
            found = GroupPublication(audit, (), tuple(unseen), (), (), None, None, None)
            keep_validation(session, build_key, group, _describe_validation(found))
    return [one.as_of_date for one in unseen]


def _lock(session: Session, group: FeatureGroup) -> None:
    """Until the transaction ends, nobody else publishes the group."""
    session.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"features.{group.name}",))


def list_rules(audit: AuditResult) -> list[str]:
    """The names of the broken rules, each once."""
    return list(dict.fromkeys(rule.name for rule in audit.failures))


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


def describe_refusal(group: FeatureGroup, found: GroupPublication) -> str:
    """Why a group is not published, which features it is about, and what to do."""
    audit, changed = found.audit, found.changed
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


def _validate(session: Session, uri: str, group: FeatureGroup, settings: FeatureSettings) -> GroupPublication:
    """Write the online table and decide whether that may be committed."""
    known = read_known_dates(session, group.name)
    contents = read_contents(session, group, list_contents(known))
    changed, gone = find_changed(contents, known, group.version)
    dates = [one.as_of_date for one in changed]
    profiles = profile_dates(session, group, dates)
    online = write_online(session, group)
    evidence = Evidence(
        contents=changed,
        profiles=profiles,
        history=read_history(session, group, dates[0], dates[-1], settings.validation.history_dates) if dates else (),
        double_rows=count_double_rows(session, group, dates) if dates else 0,
        differences=count_differences(session, group),
    )
    newest = read_matrix(uri, group, dates[-1]) if changed and changed[-1] == contents[-1] else None
    drift = None if newest is None else measure_group_drift(session, group, newest, dates[-1], settings.drift)
    results = [*check_group(group, evidence, settings.validation), *_judge_drift(group, drift, settings)]
    audit = decide_source(group.name, results, settings.validation.minimum_score)
    return GroupPublication(audit, tuple(contents), tuple(changed), tuple(gone), tuple(profiles), online, drift, newest)


def _keep(session: Session, group: FeatureGroup, build_key: str, found: GroupPublication) -> None:
    """Note what was found; where it is published, as the measure of what comes next."""
    is_published = found.audit.has_passed
    keep_profiles(session, group, build_key, found.changed, found.profiles)
    if found.drift:
        keep_drift(session, group.name, build_key, found.drift)
    if is_published and found.newest is not None:
        keep_references(session, group, found.newest, found.changed[-1].as_of_date)
    if is_published:
        kept = found.changed if has_rows(session, group) else found.contents
        keep_rows(session, group, [*found.gone, *(one.as_of_date for one in kept)])
    forget_dates(session, group.name, found.gone)
    keep_dates(session, group, build_key, found.changed, is_published=is_published)
    keep_row_versions(session, group.name, found.contents)
    if found.changed or not is_published or not has_validation(session, group.name, build_key):
        keep_validation(session, build_key, group, _describe_validation(found))


def _warn(group: FeatureGroup, found: GroupPublication) -> None:
    """Log what is published although it is not as before."""
    if found.drift and found.drift.drifted:
        log.warning(
            "Features of %s as of %s have drifted from those of %s, which were published last: %s.",
            group.name, found.drift.as_of_date, found.drift.reference_date, ", ".join(found.drift.drifted),
        )  # fmt: skip
    for rule in found.audit.failures:
        log.warning("%s is published although it breaks a rule: %s", group.name, rule.describe())


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


def _describe_validation(found: GroupPublication) -> dict[str, Any]:
    audit, changed = found.audit, found.changed
    online = found.online if audit.has_passed else None
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
        "online_rows": online.rows if online else None,
        "online_written": online.written if online else None,
    }
