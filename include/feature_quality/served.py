"""Compares the features that the model server has used with the feature tables, and names what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from include.errors import FeatureError
from include.feature_quality.profile import read_contents
from include.feature_quality.records import list_contents, read_known_dates
from include.features.catalog import SQL_TYPES, Feature, FeatureGroup
from include.features.read import AS_OF, select_features
from include.features.spec import ModelSpec
from include.warehouse.jsonb import to_jsonb
from include.warehouse.names import quote_column
from include.warehouse.session import Row, Session, open_session

REQUESTS_MAX: Final = 20_000
"""Requests of one check, the newest ones; those of the same entity, date and features count once."""
FIRST_WINDOW: Final = timedelta(days=7)
"""How far back the first check looks."""
CANDIDATES: Final = 10
"""Newest rows of a further group that a request may have been served from: it may be newer than the first group's."""
DIFFERENCES_TOLD: Final = 20


@dataclass(frozen=True)
class Difference:
    """A value that was served, and the one of the feature table; ``offline`` is None also where there is no row."""

    feature: str
    keys: Mapping[str, Any]
    as_of_date: str
    served: Any
    offline: Any
    request_id: str
    at: str

    def describe(self) -> str:
        """The difference in one sentence."""
        entity = ", ".join(f"{name}={value}" for name, value in self.keys.items())
        return (
            f"{self.feature} of {entity} as of {self.as_of_date}: served {self.served!r}, offline {self.offline!r} "
            f"(request {self.request_id} at {self.at})"
        )


@dataclass(frozen=True)
class ServedCheck:
    """What a check has found; ``compared`` requests, ``recomputed`` and ``inconsistent`` ones of them."""

    from_at: datetime
    until_at: datetime
    requests: int
    compared: int
    recomputed: int
    inconsistent: int
    differences: tuple[Difference, ...]

    def summarise(self) -> dict[str, Any]:
        """A small summary for XCom."""
        return {name: getattr(self, name) for name in ("requests", "compared", "recomputed", "inconsistent")}


def check_served(uri: str, spec: ModelSpec, run_key: str, now: datetime | None = None) -> ServedCheck:
    """Compare the requests by key since the last check, and keep what was found.

    Requests that brought their features, errors, staging checks, and what reaches the log after its time was checked
    are left out. Features of other versions of the
    model that the groups have no more are passed over. A row that was computed anew after the request, refused, or not
    published yet may differ.

    Args:
        run_key: names the run; a repeat looks at the same requests.
        now: requests before this moment are compared; the clock's time when absent.

    Raises:
        FeatureError: values differ; names feature, entity and both values. It is kept before.
    """
    until = now or datetime.now(UTC)
    with open_session(uri) as session:
        since = _find_start(session, spec.name, run_key, until)
        rows = _read_pairs(session, spec, since, until)
        found = [(row, find_differences(row, spec)) for row in rows]
        differing = [(row, differences) for row, differences in found if differences]
        unpublished = find_unpublished(session, spec.groups) if differing else []
        wrong = [
            differences
            for row, differences in differing
            if not row["is_recomputed"] and not _may_be_older(row, spec, unpublished)
        ]
        check = ServedCheck(
            since, until, sum(row["requests"] for row in rows), len(rows), len(differing) - len(wrong), len(wrong),
            tuple(one for differences in wrong for one in differences)[:DIFFERENCES_TOLD],
        )  # fmt: skip
        _keep(session, spec.name, run_key, check)
    if check.inconsistent:
        told = "\n".join(f"  - {one.describe()}" for one in check.differences)
        raise FeatureError(
            f"{check.inconsistent:,} of {check.compared:,} compared requests to {spec.name} were served features "
            f"that are not those of the feature tables:\n{told}\nRun build_features, which writes the online table "
            "anew, and look for who else writes it."
        )
    return check


def find_unpublished(session: Session, groups: Sequence[FeatureGroup]) -> list[date]:
    """As-of dates whose rows are not those that were published: dbt has written them, and publishing did not follow."""
    return [
        content.as_of_date
        for group in groups
        if (known := read_known_dates(session, group.name))  # else nothing of it was ever validated
        for content in read_contents(session, group, list_contents(known))
        if (last := known.get(content.as_of_date)) is None or last.content != content
    ]


def _may_be_older(row: Row, spec: ModelSpec, unpublished: Sequence[date]) -> bool:
    """Whether a request was rightly served what was published, and not what a feature table holds by now."""
    first = row[AS_OF] - timedelta(days=max(group.cadence_days for group in spec.groups))
    return any(first < day <= max(row[AS_OF], row["at"].date()) for day in unpublished)


def find_differences(row: Row, spec: ModelSpec) -> list[Difference]:
    """The features of a request that are neither those as of its date nor, of a further group, those of a later row."""
    offline = row["offline"] or {}
    later = {group.name: row[f"later{index}"] or [] for index, group in enumerate(spec.groups[1:])}
    differences = []
    for feature in spec.features:
        if feature.name not in row["features"]:
            continue
        served = read_value(row["features"][feature.name], feature)
        expected = read_value(offline.get(feature.name), feature)
        known = [read_value(one.get(feature.name), feature) for one in later.get(feature.group, ())]
        if row["offline"] is not None and served in (expected, *known):
            continue
        differences.append(
            Difference(
                feature.name, row["keys"], row[AS_OF].isoformat(), served, expected, row["request_id"],
                row["at"].isoformat(),
            )
        )  # fmt: skip
    return differences


def read_value(value: Any, feature: Feature) -> Any:
    """A value of JSON as the model server takes it: numbers and booleans as float, NaN as None."""
    if value is None or feature.kind == "categorical":
        return value
    number = float(value)
    return None if number != number else number


def _find_start(session: Session, model: str, run_key: str, until: datetime) -> datetime:
    last = session.fetch_value(
        "select max(until_at) from monitoring.served_checks where model_name = %s and run_key <> %s "
        "and until_at <= coalesce((select until_at from monitoring.served_checks where model_name = %s "
        "and run_key = %s), %s)",
        (model, run_key, model, run_key, until),
    )
    return last or until - FIRST_WINDOW


def _read_pairs(session: Session, spec: ModelSpec, since: datetime, until: datetime) -> list[Row]:
    """Each request beside its offline row, if there is one, and beside newer rows of further groups."""
    entity = spec.entity
    keys = " and ".join(
        f"offline.{quote_column(key.name)} = (served.keys ->> '{key.name}')::{SQL_TYPES[key.type]}"
        for key in entity.keys
    )
    query = select_features(entity, [group.location for group in spec.groups], spec.features).replace("%", "%%")
    later = [_select_later(group, index) for index, group in enumerate(spec.groups[1:])]
    columns = "".join(f", later{index}.rows as later{index}" for index in range(len(later)))
    return session.fetch_all(
        "with served as (select keys, as_of_date, features, max(at) as at, max(request_id) as request_id, "
        "count(*) as requests from serving.inference_log where model_name = %s and at >= %s and at < %s "
        "and keys is not null and as_of_date is not null and not is_error and variant in ('champion', 'challenger') "
        "group by keys, as_of_date, features order by max(at) desc limit %s) "
        f"select served.*, case when offline.as_of_date is not null then to_jsonb(offline) end as offline"
        f"{columns}, "
        "exists (select from quality.feature_dates as seen where seen.group_name = any(%s) "
        "and seen.as_of_date <= served.as_of_date "
        "and (seen.changed_at > served.at - interval '1 minute' or seen.state = 'refused') "
        "and seen.as_of_date > served.as_of_date - %s) as is_recomputed "
        f"from served left join ({query}) as offline on offline.as_of_date = served.as_of_date and {keys} "
        f"{' '.join(later)} order by served.at",
        (
            spec.name, since, until, REQUESTS_MAX, [group.name for group in spec.groups],
            max(group.cadence_days for group in spec.groups),
        ),
    )  # fmt: skip


def _select_later(group: FeatureGroup, index: int) -> str:
    """The newest rows of a further group that the entity had when it was asked for."""
    time = f"own.{quote_column(group.event_time)}"
    keys = " and ".join(
        f"own.{quote_column(key.name)} = (served.keys ->> '{key.name}')::{SQL_TYPES[key.type]}"
        for key in group.entity.keys
    )
    return (
        f"left join lateral (select jsonb_agg(to_jsonb(newest)) as rows from (select own.* from {group.table.quoted} "
        f"as own where {keys} and {time} > served.as_of_date and {time} <= served.at::date order by {time} desc "
        f"limit {CANDIDATES}) as newest) as later{index} on true"
    )


def _keep(session: Session, model: str, run_key: str, check: ServedCheck) -> None:
    differences: Sequence[dict[str, Any]] = [asdict(one) for one in check.differences]
    session.execute(
        "insert into monitoring.served_checks (model_name, run_key, from_at, until_at, requests, compared, recomputed, "
        "inconsistent, differences) values (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb) "
        "on conflict (model_name, run_key) do update set from_at = excluded.from_at, until_at = excluded.until_at, "
        "requests = excluded.requests, compared = excluded.compared, recomputed = excluded.recomputed, "
        "inconsistent = excluded.inconsistent, differences = excluded.differences, checked_at = now()",
        (
            model, run_key, check.from_at, check.until_at, check.requests, check.compared, check.recomputed,
            check.inconsistent, to_jsonb(differences),
        ),
    )  # fmt: skip
