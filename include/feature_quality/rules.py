"""Which rules hold for what a build has brought of a feature group: pure, numbers in, results out.

Limits are those of the feature's meta; where it gives none, they are learned from the as-of dates that were published
before, and a history that is too short says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Final, TypeVar

from include.feature_quality.history import History, widen
from include.feature_quality.profile import DateContent, FeatureProfile
from include.features.catalog import FeatureDetail, FeatureGroup
from include.quality.score import RuleResult
from include.settings.features import ValidationSettings

DatedT = TypeVar("DatedT", DateContent, FeatureProfile)

FEATURE_REMEDIES: Final = {
    "uniqueness": "correct the joins of the dbt model so that it has one row for each event time and keys",
    "volume": "look whether its inputs are complete; if the change is meant, raise `version` in the group's meta",
    "completeness": "look for what its inputs lack; if the change is meant, set max_null_share in the feature's meta "
    "or raise `version` in the group's",
    "range": "look for a wrong unit or join; if the change is meant, correct minimum and maximum in the feature's meta "
    "or raise `version` in the group's",
    "parity": "correct the online model so that it has the newest row of each entity",
    "drift": "look at the feature's page; if the change is real, raise `version` in the group's meta",
}


class FeatureRule(RuleResult):
    """One rule on one feature group; ``column`` is the feature."""

    @property
    def remedy(self) -> str:
        """What to do when the rule is broken."""
        return FEATURE_REMEDIES[self.dimension]

    def describe(self) -> str:
        """The broken rule in one sentence."""
        kind = " (critical)" if self.is_critical else ""
        return f"{self.name}{kind}: {self.observed}; expected {self.expected}. To do: {self.remedy}."


@dataclass(frozen=True)
class Evidence:
    """What is known of a build of a group.

    Attributes:
        contents: of the as-of dates that are new or changed.
        profiles: of every feature at these dates.
        history: profiles of dates that are published, ascending.
        double_rows: rows of these dates that are there once more.
        differences: entities whose online row is not their newest offline row; None without an online table.
    """

    contents: Sequence[DateContent]
    profiles: Sequence[FeatureProfile]
    history: Sequence[FeatureProfile]
    double_rows: int
    differences: int | None


@dataclass(frozen=True)
class _Finding:
    """A value at a date, and the bounds that it broke; None where it holds."""

    as_of_date: date
    text: str


def check_group(group: FeatureGroup, found: Evidence, settings: ValidationSettings) -> list[RuleResult]:
    """Every rule of the group, once each: over all of its dates, and of each feature."""
    history = History(found.history, settings)
    by_feature: dict[str, list[FeatureProfile]] = {feature.name: [] for feature in group.features}
    for profile in found.profiles:
        by_feature[profile.feature].append(profile)
    results: list[RuleResult] = []
    if found.contents:
        results += [_check_double(group, found), _check_rows(group, found, history, settings)]
    for name, profiles in by_feature.items():
        detail = group.details.get(name, FeatureDetail())
        if profiles:
            results += [
                _check_nulls(group, name, profiles, detail, history, settings),
                _check_lost(group, name, profiles, history),
            ]
        if profiles and profiles[0].kind != "categorical":
            results.append(_check_range(group, name, profiles, detail, history, settings))
    if found.differences is not None:
        observed = f"{found.differences:,} entities differ" if found.differences else "no entity differs"
        results.append(
            _result(group, "parity", None, found.differences == 0, observed, "the newest row of each entity online",
                    is_critical=True)
        )  # fmt: skip
    return results


def _check_double(group: FeatureGroup, found: Evidence) -> RuleResult:
    keys = ", ".join((group.event_time, *group.entity.key_names))
    observed = f"{found.double_rows:,} double rows"
    return _result(
        group, "uniqueness", None, found.double_rows == 0, observed, f"one row for each {keys}", is_critical=True
    )


def _check_rows(group: FeatureGroup, found: Evidence, history: History, settings: ValidationSettings) -> RuleResult:
    def judge(content: DateContent) -> str | None:
        earlier = history.rows_before(content.as_of_date)
        if not earlier:
            return None
        usual = median(earlier)
        low, high = usual * settings.min_row_ratio, usual * settings.max_row_ratio
        if low <= content.row_count <= high:
            return None
        return f"{content.row_count:,} rows, expected {low:,.0f} to {high:,.0f}"

    bands = f"{settings.min_row_ratio:g} to {settings.max_row_ratio:g} times the median of the dates before"
    broken = _collect(found.contents, judge)
    return _result(group, "volume", None, not broken, _describe(broken, len(found.contents)), bands, is_critical=True)


def _check_nulls(
    group: FeatureGroup,
    name: str,
    profiles: Sequence[FeatureProfile],
    detail: FeatureDetail,
    history: History,
    settings: ValidationSettings,
) -> RuleResult:
    def judge(profile: FeatureProfile) -> str | None:
        limit = detail.max_null_share
        if limit is None:
            earlier = history.before(name, profile.as_of_date)
            if not earlier:
                return None
            limit = max(one.null_share for one in earlier) + settings.null_share_tolerance
        return f"{profile.null_share:.1%} missing, at most {limit:.1%}" if profile.null_share > limit else None

    broken = _collect(profiles, judge)
    expected = (
        f"at most {detail.max_null_share:.1%} missing" if detail.max_null_share is not None
        else f"at most {settings.null_share_tolerance:.1%} more missing than before"
    )  # fmt: skip
    return _result(group, "completeness", name, not broken, _describe(broken, len(profiles)), expected)


def _check_lost(group: FeatureGroup, name: str, profiles: Sequence[FeatureProfile], history: History) -> RuleResult:
    """A feature that had values and has none at all has lost its input, however many other features are fine."""

    def judge(profile: FeatureProfile) -> str | None:
        if profile.null_count < profile.row_count or not profile.row_count:
            return None
        earlier = history.before(name, profile.as_of_date)
        had_values = bool(earlier) and all(one.null_count < one.row_count for one in earlier)
        return "no value" if had_values else None

    broken = _collect(profiles, judge)
    return _result(
        group, "completeness", name, not broken, _describe(broken, len(profiles)), "any value, as before",
        is_critical=True, rule="has values", weight=0.0,
    )  # fmt: skip


def _check_range(
    group: FeatureGroup,
    name: str,
    profiles: Sequence[FeatureProfile],
    detail: FeatureDetail,
    history: History,
    settings: ValidationSettings,
) -> RuleResult:
    is_declared = detail.minimum is not None or detail.maximum is not None

    def judge(profile: FeatureProfile) -> str | None:
        if is_declared:
            return _judge_bounds(profile, detail)
        means = [one.mean for one in history.before(name, profile.as_of_date) if one.mean is not None]
        if not means or profile.mean is None:
            return None
        low, high = widen(min(means), max(means), settings.mean_tolerance)
        return None if low <= profile.mean <= high else f"mean {profile.mean:.4g}, expected {low:.4g} to {high:.4g}"

    broken = _collect(profiles, judge)
    expected = _describe_bounds(detail) if is_declared else "a mean as before, within mean_tolerance"
    return _result(group, "range", name, not broken, _describe(broken, len(profiles)), expected)


def _judge_bounds(profile: FeatureProfile, detail: FeatureDetail) -> str | None:
    if detail.minimum is not None and profile.minimum is not None and profile.minimum < detail.minimum:
        return f"minimum {profile.minimum:g}"
    if detail.maximum is not None and profile.maximum is not None and profile.maximum > detail.maximum:
        return f"maximum {profile.maximum:g}"
    return None


def _describe_bounds(detail: FeatureDetail) -> str:
    parts = [f"from {detail.minimum:g}"] if detail.minimum is not None else []
    parts += [f"up to {detail.maximum:g}"] if detail.maximum is not None else []
    return f"values {' '.join(parts)}"


def _collect(items: Sequence[DatedT], judge: Callable[[DatedT], str | None]) -> list[_Finding]:
    return [_Finding(item.as_of_date, text) for item in items if (text := judge(item))]


def _describe(broken: Sequence[_Finding], count: int) -> str:
    if not broken:
        return f"{count} as-of dates without fault" if count != 1 else "nothing wrong"
    last = broken[-1]
    more = f"; {len(broken) - 1} more as-of dates" if len(broken) > 1 else ""
    return f"{last.text} as of {last.as_of_date}{more}"


def _result(
    group: FeatureGroup,
    dimension: str,
    column: str | None,
    has_passed: bool,
    observed: str,
    expected: str,
    *,
    is_critical: bool = False,
    rule: str = "",
    weight: float = 1.0,
) -> FeatureRule:
    return FeatureRule(
        group.name, dimension, rule or dimension, column, is_critical, weight, has_passed, observed, expected
    )


def name_features(failures: Sequence[RuleResult]) -> list[str]:
    """The features that broken rules are about, in their order, each once."""
    named: Mapping[str, None] = dict.fromkeys(one.column for one in failures if one.column)
    return list(named)
