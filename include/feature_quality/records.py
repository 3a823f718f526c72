"""Reads and writes what the validation keeps in ``quality.feature_*``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from include.feature_quality.profile import DateContent, FeatureProfile
from include.features.catalog import FeatureGroup
from include.warehouse.jsonb import to_jsonb
from include.warehouse.session import Session


@dataclass(frozen=True)
class KnownDate:
    """What the validation has last seen of an as-of date."""

    content: DateContent
    version: int
    is_published: bool


def read_known_dates(session: Session, group: str) -> dict[date, KnownDate]:
    """Every as-of date that was validated, by date."""
    rows = session.fetch_all(
        "select as_of_date, row_count, content_hash, row_versions, version, state from quality.feature_dates "
        "where group_name = %s",
        (group,),
    )
    return {
        row["as_of_date"]: KnownDate(
            DateContent(row["as_of_date"], row["row_count"], row["content_hash"], row["row_versions"]),
            row["version"],
            row["state"] == "published",
        )
        for row in rows
    }


def read_history(session: Session, group: FeatureGroup, first: date, last: date, count: int) -> list[FeatureProfile]:
    """Profiles of what was published of as-of dates in the group's present version, ascending by date.

    Args:
        first, last: the as-of dates that are validated; the history reaches from ``count`` dates before the first one
            to before the last one.
    """
    rows = session.fetch_all(
        "with published as (select as_of_date, published_hash as content_hash from quality.feature_dates "
        "where group_name = %s and published_version = %s and as_of_date < %s), "
        "earlier as (select as_of_date from published where as_of_date < %s order by as_of_date desc limit %s) "
        "select profiles.* from quality.feature_profiles as profiles join published using (as_of_date, content_hash) "
        "where profiles.group_name = %s and as_of_date >= coalesce((select min(as_of_date) from earlier), %s) "
        "order by as_of_date",
        (group.name, group.version, last, first, count, group.name, first),
    )
    names = FeatureProfile.__dataclass_fields__
    return [FeatureProfile(**{name: row[name] for name in names}) for row in rows]


def keep_profiles(
    session: Session,
    group: FeatureGroup,
    build_key: str,
    contents: Sequence[DateContent],
    profiles: Iterable[FeatureProfile],
) -> None:
    """Keep the profiles of the contents; those of the same content are replaced."""
    hashes = {one.as_of_date: one.content_hash for one in contents}
    session.execute_many(
        "insert into quality.feature_profiles (group_name, as_of_date, content_hash, build_key, version, feature, "
        "kind, row_count, null_count, distinct_count, minimum, maximum, mean, standard_deviation, quantiles, "
        "top_values) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb) "
        "on conflict (group_name, as_of_date, content_hash, feature) do update set "
        "version = excluded.version, build_key = excluded.build_key, "
        "kind = excluded.kind, row_count = excluded.row_count, null_count = excluded.null_count, "
        "distinct_count = excluded.distinct_count, minimum = excluded.minimum, maximum = excluded.maximum, "
        "mean = excluded.mean, standard_deviation = excluded.standard_deviation, quantiles = excluded.quantiles, "
        "top_values = excluded.top_values, profiled_at = now()",
        [
            (
                group.name, one.as_of_date, hashes[one.as_of_date], build_key, group.version, one.feature, one.kind,
                one.row_count, one.null_count, one.distinct_count, one.minimum, one.maximum, one.mean,
                one.standard_deviation, to_jsonb(dict(one.quantiles)), to_jsonb(dict(one.top_values)),
            )
            for one in profiles
        ],
    )  # fmt: skip


def keep_dates(
    session: Session, group: FeatureGroup, build_key: str, contents: Sequence[DateContent], *, is_published: bool
) -> None:
    """Note what was seen of as-of dates, and whether it is published; what was published before stays noted."""
    published = "published_hash = excluded.content_hash, published_version = excluded.version, "
    session.execute_many(
        "insert into quality.feature_dates (group_name, as_of_date, version, row_count, content_hash, build_key, "
        "state, published_hash, published_version, changed_at) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp()) "
        "on conflict (group_name, as_of_date) do update set version = excluded.version, "
        "row_count = excluded.row_count, content_hash = excluded.content_hash, build_key = excluded.build_key, "
        f"{published if is_published else ''}state = excluded.state, changed_at = excluded.changed_at",
        [
            (group.name, one.as_of_date, group.version, one.row_count, one.content_hash, build_key)
            + (("published", one.content_hash, group.version) if is_published else ("refused", None, None))
            for one in contents
        ],
    )


def keep_row_versions(session: Session, group: str, contents: Sequence[DateContent]) -> None:
    """Note which versions of the rows have the contents that are noted, so that they need not be read again."""
    session.execute(
        "update quality.feature_dates as noted set row_versions = seen.row_versions "
        "from unnest(%s::date[], %s::text[], %s::text[]) as seen (as_of_date, content_hash, row_versions) "
        "where noted.group_name = %s and noted.as_of_date = seen.as_of_date "
        "and noted.content_hash = seen.content_hash and noted.row_versions is distinct from seen.row_versions",
        (
            [one.as_of_date for one in contents], [one.content_hash for one in contents],
            [one.row_versions for one in contents], group,
        ),
    )  # fmt: skip


def list_contents(known: Mapping[date, KnownDate]) -> dict[date, DateContent]:
    """The contents that were seen last, by date."""
    return {day: one.content for day, one in known.items()}


def forget_dates(session: Session, group: str, dates: Sequence[date]) -> None:
    """Drop the notes of as-of dates that the group's table has no more; their profiles stay."""
    session.execute(
        "delete from quality.feature_dates where group_name = %s and as_of_date = any(%s)", (group, list(dates))
    )


def keep_validation(session: Session, build_key: str, group: FeatureGroup, found: dict[str, Any]) -> None:
    """Keep the result of a validation; that of the same build is replaced.

    Args:
        found: by column of ``quality.feature_validations``; ``rules`` as JSON types.
    """
    columns = {**found, "rules": to_jsonb(found["rules"])}
    names = ", ".join(columns)
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns)
    session.execute(
        f"insert into quality.feature_validations (group_name, build_key, version, {names}) "
        f"values (%s, %s, %s, {', '.join(['%s'] * len(columns))}) on conflict (group_name, build_key) do update set "
        f"version = excluded.version, {updates}, validated_at = now()",
        (group.name, build_key, group.version, *columns.values()),
    )


def has_validation(session: Session, group: str, build_key: str) -> bool:
    """Whether a build was validated already."""
    return bool(
        session.fetch_value(
            "select exists (select from quality.feature_validations where group_name = %s and build_key = %s)",
            (group, build_key),
        )
    )
