"""Measures in the warehouse what a batch's rows alone cannot show: volume, references, age, repeats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from include.ingestion.landed import read_landed
from include.ingestion.plan import LoadItem, item_window
from include.quality.suites import Fact, name_relation
from include.settings.source_base import Relation, SourceBase
from include.settings.source_names import VALID_TO
from include.settings.sources import SourceSettings
from include.warehouse.names import TableName
from include.warehouse.session import Session


def measure_facts(
    session: Session, sources: SourceSettings, item: LoadItem, others: Sequence[LoadItem] = ()
) -> dict[str, Fact]:
    """All facts about one landed batch, by name; those that cannot be known yet are left out.

    Args:
        others: items whose rows in landing are published with the batch's; no other rows in landing count.
    """
    name, source, quality = item["source"], sources.find_source(item["source"]), sources.quality
    delivered = session.fetch_all(
        "select batch_day, row_count from landing.deliveries where source = %s and batch_day between %s and %s",
        (name, *item_window(item)),
    )
    counts = {row["batch_day"]: row["row_count"] for row in delivered if row["row_count"]}
    if not counts:
        return {}
    facts: dict[str, Fact] = {}
    if source.volume is not None:
        min_history = 1 if source.grain == "snapshot" else quality.min_history_deliveries
        limit = 1 if source.grain == "snapshot" else quality.history_deliveries
        history = read_history(session, name, limit, item)
        facts |= measure_volume(counts, history, min_history)
    if source.event_column is not None:
        facts |= measure_age(session, name, source, sources.time_zone, item, max(counts))
    if source.grain == "daily":
        facts |= measure_repeats(session, name, source, item, others)
    for relation in source.relations:
        facts |= measure_relation(session, sources, item, relation, others)
    return facts


def read_history(session: Session, name: str, limit: int, item: LoadItem) -> list[int]:
    """Row counts of the ``limit`` published deliveries nearest to a batch."""
    from_day, to_day = item_window(item)
    rows = session.fetch_all(
        "select row_count from raw.partitions where source = %s and row_count > 0 "
        "and batch_day not between %s and %s order by abs(batch_day - %s) limit %s",
        (name, from_day, to_day, from_day, limit),
    )
    return [row["row_count"] for row in rows]


def measure_volume(counts: dict[date, int], history: Sequence[int], min_history: int) -> dict[str, Fact]:
    """The smallest and the largest delivery, as multiples of the usual number of rows.

    Usual is the median of the history; a first load of at least ``min_history`` days is its own
    history. Days without rows are left out: reading has already asked for their reason.
    """
    reference = history if len(history) >= min_history else list(counts.values())
    if len(reference) < min_history:
        return {}
    usual = median(reference)
    facts = {}
    for label, pick in (("smallest_volume", min), ("largest_volume", max)):
        day = pick(counts, key=lambda one: counts[one])
        ratio = counts[day] / usual
        facts[label] = Fact(ratio, f"{counts[day]} rows on {day}, {ratio:.2f} times the usual {usual:g}")
    return facts


def measure_age(
    session: Session, name: str, source: SourceBase, time_zone: str, item: LoadItem, last_day: date
) -> dict[str, Fact]:
    """Hours from the newest event to the end of the last delivery's day in the sources' time zone."""
    column = f'max("{source.event_column}")'
    # A date says no more than that something happened before the day's end.
    is_date = source.columns[str(source.event_column)].type == "date"
    moment = f"(({column} + 1)::timestamp at time zone %s)" if is_date else column
    # Computed there, because Python has no day after its last one, and the newest event may be of it.
    row = session.fetch_one(
        f"select {column}::text as newest, extract(epoch from {moment})::double precision as moment "
        f"from {TableName('landing', name).quoted} where batch_day between %s and %s",
        (*([time_zone] if is_date else []), *item_window(item)),
    )
    if row is None or row["newest"] is None:
        return {}
    end = datetime.combine(last_day + timedelta(days=1), time.min, ZoneInfo(time_zone))
    hours = (end.timestamp() - row["moment"]) / 3600
    return {
        "hours_behind": Fact(hours, f"newest event {row['newest']}, {hours:.1f} hours before the end of {last_day}")
    }


def measure_repeats(
    session: Session, name: str, source: SourceBase, item: LoadItem, others: Sequence[LoadItem] = ()
) -> dict[str, Fact]:
    """Rows whose key was already published by another delivery: they would count twice.

    Looked for among events of the days that the batch may bring, and of later ones.
    """
    same_key = " and ".join(f'old."{source.publish_name(column)}" = new."{column}"' for column in source.key)
    window = item_window(item)
    count = session.fetch_value(
        f"select count(*) from {TableName('landing', name).quoted} as new "
        "where new.batch_day between %s and %s and exists ("
        f"select 1 from {TableName('raw', name).quoted} as old "
        f"where old.day >= %s and {same_key} "
        "and old.batch_day not between %s and %s)",
        (*window, event_window(source, item)[0], *window),
    )
    if item.get("is_late"):
        count += _count_landed_repeats(session, name, source, item, others)
    return {"repeated_rows": Fact(count, f"{count} rows that another delivery has already brought")}


def _count_landed_repeats(
    session: Session, name: str, source: SourceBase, item: LoadItem, others: Sequence[LoadItem]
) -> int:
    """Rows of a late day whose key another day brings that its run has audited and publishes with it."""
    landing = TableName("landing", name).quoted
    same_key = " and ".join(f'other."{column}" = late."{column}"' for column in source.key)
    count: int = session.fetch_value(
        f"select count(*) from {landing} as late where late.batch_day = %s and exists ("
        f"select 1 from {landing} as other "
        "join landing.deliveries on deliveries.batch_day = other.batch_day "
        "where deliveries.source = %s and deliveries.state = 'audited' and other.batch_day = any(%s) "
        f"and other.batch_day <> late.batch_day and {same_key})",
        (item_window(item)[0], name, find_landed_days(session, name, others)),
    )
    return count


def find_landed_days(session: Session, name: str, items: Sequence[LoadItem]) -> list[date]:
    """The days of a source that its items have in landing, oldest first."""
    return sorted({one.day for item in items if item["source"] == name for one in read_landed(session, item)})


def event_window(source: SourceBase, item: LoadItem) -> tuple[date, date]:
    """The days that events of a batch may be of (its rows of other days break the lateness rule)."""
    from_day, to_day = item_window(item)
    return from_day - timedelta(days=source.allowed_lateness_days), to_day


def measure_relation(
    session: Session, sources: SourceSettings, item: LoadItem, relation: Relation, others: Sequence[LoadItem] = ()
) -> dict[str, Fact]:
    """The share of a batch's rows whose values are known in what another source has, once the run has published.

    Those are its rows in landing that are published with the batch, and the rows in ``raw`` that they do not replace:
    of a snapshot source every row that counted on a day of the batch's events, or counts later.
    """
    columns = ", ".join(f'"{column}"' for column in relation.columns)
    complete = " and ".join(f'"{column}" is not null' for column in relation.columns)
    days = event_window(sources.find_source(item["source"]), item)
    other = sources.find_source(relation.source)
    landed = find_landed_days(session, relation.source, others)
    if other.grain == "snapshot":
        landed = _drop_uncounted(session, relation.source, landed)
        kept = f"other.{VALID_TO} > '{days[0]}'"
    else:
        kept = f"not ({_among(landed)})"
    known = [_find_known(TableName("raw", relation.source), relation, relation.targets, days, kept)]
    if landed:
        origins = tuple(other.published_columns[target] for target in relation.targets)
        known.append(_find_known(TableName("landing", relation.source), relation, origins, days, _among(landed)))
    row: dict[str, Any] = session.fetch_one(
        f"with delivered as materialized (select {columns}, count(*) as row_count "
        f"from {TableName('landing', item['source']).quoted} where batch_day between %s and %s and {complete} "
        f"group by {columns}), known as ({' union '.join(known)}) "
        "select (select coalesce(sum(row_count), 0) from delivered)::bigint as total, "
        f"(select coalesce(sum(row_count), 0) from delivered join known using ({columns}))::bigint as known",
        item_window(item),
    ) or {"total": 0, "known": 0}
    if not row["total"]:
        return {}
    share = row["known"] / row["total"]
    unknown = row["total"] - row["known"]
    names = ", ".join(relation.columns)
    note = f"{unknown} of {row['total']} rows with {names} unknown in {relation.source} ({share:.2%} known)"
    return {name_relation(relation): Fact(share, note)}


def _among(days: Sequence[date]) -> str:
    return f"other.batch_day = any('{{{','.join(map(str, days))}}}'::date[])"


def _drop_uncounted(session: Session, name: str, days: list[date]) -> list[date]:
    """Without corrections of snapshots that a later one has replaced: they never count."""
    replaced = session.fetch_all(
        "select distinct batch_day from raw.snapshots where source = %s and batch_day = any(%s) "
        "and batch_day < (select max(batch_day) from raw.snapshots where source = %s)",
        (name, days, name),
    )
    return [day for day in days if day not in {row["batch_day"] for row in replaced}]


def _find_known(
    table: TableName,
    relation: Relation,
    targets: Sequence[str],
    days: tuple[date, date],
    condition: str,
) -> str:
    columns = ", ".join(f'delivered."{column}"' for column in relation.columns)
    matches = [
        f'other."{target}" = delivered."{column}"' for column, target in zip(relation.columns, targets, strict=True)
    ]
    matches.append(condition)
    if "day" in targets:
        matches.append(f"other.day between '{days[0]}' and '{days[1]}'")
    return (
        f"select {columns} from delivered where exists "
        f"(select 1 from {table.quoted} as other where {' and '.join(matches)})"
    )
