"""How the feature build grows: with ten times the households, and with one more as-of date.

Measured: seconds of the process ``dbt build`` (without unit tests) over a panel and over one of ten times
its households: from nothing, once more with nothing new, and after the newest day was published. What a
build takes beyond one with nothing new is the work on rows; the rest is dbt's start, and its statements
and tests, of which there are as many for few rows as for many. The peer is the same build at the other
size, or from nothing.

Fair because: the rows of the large panel are the small one's, under ten times as many keys of households
and receipts, so that each household buys as before; both are built by the same project in the same
server; and a build that has not added exactly one as-of date stops the benchmark. Sizes are not in turn:
the large panel is made of the small one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.dbt import drop_models, time_plain_build
from benchmarks.figure import Figure, compare
from benchmarks.panel import loaded_panel
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Tell
from include.warehouse.names import quote_column
from include.warehouse.session import Session, open_session

GROWTH: Final = 10
REPETITIONS: Final = 2
DAILY: Final = ("transactions", "coupon_redemptions")
LEDGERS: Final = ("arrivals", "partitions")
_KEY_STEPS: Final = {"household_id": 10**6, "basket_id": 10**12}
Times = dict[str, list[float]]


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds of the builds of both sizes."""
    with temporary_folder() as folder, loaded_panel(folder, options.households or None, tell) as uri:
        repetitions = options.repetitions or REPETITIONS
        small = measure_builds(uri, folder / "target", repetitions, tell)
        tell(f"  making {GROWTH} households of each")
        with open_session(uri) as session:
            multiply(session)
        large = measure_builds(uri, folder / "target", repetitions, tell)
    return describe(small, large)


def measure_builds(uri: str, target: Path, repetitions: int, tell: Tell) -> Times:
    """Seconds of the three builds, by kind."""
    found: Times = {"from nothing": [], "nothing new": [], "one more date": []}
    for _ in range(repetitions):
        drop_models(uri)
        with open_session(uri) as session:
            hold_newest_day(session)
        for kind in found:
            if kind == "one more date":
                before = count_dates(uri)
                with open_session(uri) as session:
                    publish_held_day(session)
            found[kind].append(time_plain_build(uri, target))
            tell(f"    {kind}: {found[kind][-1]:.1f} s, {count_dates(uri)} as-of dates")
        if count_dates(uri) != before + 1:
            raise BenchmarkError(f"The newest day has made {count_dates(uri) - before} as-of dates, not one.")
    return found


def multiply(session: Session) -> None:
    """Give every row of a household to further ones, and say so in the ledgers."""
    rows = session.fetch_all(
        "select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns "
        "from pg_catalog.pg_class as c join pg_catalog.pg_attribute as a on a.attrelid = c.oid "
        "where c.relnamespace = 'raw'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition "
        "and a.attnum > 0 and not a.attisdropped group by c.relname having bool_or(a.attname = 'household_id')"
    )
    for row in rows:
        names = [quote_column(name) for name in row["columns"]]
        values = [
            f"{quote_column(name)} + copy * {_KEY_STEPS[name]}::bigint" if name in _KEY_STEPS else quote_column(name)
            for name in row["columns"]
        ]
        table = f"raw.{quote_column(row['name'])}"
        session.execute(
            f"insert into {table} ({', '.join(names)}) select {', '.join(values)} "
            f"from {table} cross join generate_series(1, {GROWTH - 1}) as copies (copy)"
        )
        for ledger in LEDGERS:
            session.execute(
                f"update raw.{ledger} set row_count = row_count * {GROWTH} where source = %s", (row["name"],)
            )
        session.execute(f"analyze {table}")


def hold_newest_day(session: Session) -> None:
    """Take the newest day of all daily sources out of what is published, and keep it aside."""
    newest = session.fetch_value("select max(batch_day) from raw.partitions where source = %s", (DAILY[0],))
    session.execute("drop schema if exists held cascade")
    session.execute("create schema held")
    for table in (*DAILY, *LEDGERS):
        session.execute(f"create table held.{table} as select * from raw.{table} where batch_day = '{newest}'")
        session.execute(f"delete from raw.{table} where batch_day = '{newest}'")


def publish_held_day(session: Session) -> None:
    """Put the day back, as published now."""
    session.execute("update held.partitions set published_at = now()")
    for table in (*DAILY, *LEDGERS):
        session.execute(f"insert into raw.{table} select * from held.{table}")


def count_dates(uri: str) -> int:
    """As-of dates of the features of households."""
    with open_session(uri) as session:
        return int(session.fetch_value("select count(distinct as_of_date) from features.customer_features"))


def describe(small: Times, large: Times) -> list[Figure]:
    """Each size beside the other, and one more date beside all of them."""
    work = {size: subtract(found, "from nothing") for size, found in (("small", small), ("large", large))}
    figures = [
        compare(f"build from nothing, {GROWTH} x the households; peer: as they are",
                large["from nothing"], small["from nothing"], "s", "ours / peer"),
        compare(f"- beyond a build with nothing new, {GROWTH} x; peer: as they are",
                work["large"], work["small"], "s", "ours / peer"),
    ]  # fmt: skip
    for name, found, whole in (("as they are", small, work["small"]), (f"{GROWTH} x", large, work["large"])):
        figures += [
            compare(f"one more as-of date, households {name}; peer: build from nothing",
                    found["one more date"], found["from nothing"], "s", "ours / peer"),
            compare(f"- beyond a build with nothing new, {name}; peer: from nothing, beyond it",
                    subtract(found, "one more date"), whole, "s", "ours / peer"),
        ]  # fmt: skip
    return figures


def subtract(found: Times, kind: str) -> list[float]:
    """What the builds of a kind took beyond those with nothing new."""
    return [one - none for one, none in zip(found[kind], found["nothing new"], strict=True)]
