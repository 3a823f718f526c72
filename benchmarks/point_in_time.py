"""Features of a spine as of any moment, against Feast's query and against DuckDB's ASOF join.

Measured: seconds from a spine in Arrow (200,000 rows of an entity and a moment, of which some come before all features
and some are of unknown entities) to the spine's features in Arrow, out of 2 M rows (20,000 entities x 100 days, eight
features). Ours is ``join_features``. Its peers are the shape of the query that Feast's PostgreSQL offline store
writes, on the same table in the same server, once with a created timestamp by which it removes doubles and once
without, and an ASOF join of DuckDB over the same rows in its own memory. ``--entities`` changes the sizes, all of them
in proportion.

Fair because: all of them start from the same Arrow spine and end in Arrow, all are warmed up by a small spine that
does not count, and the results of each repetition are compared, value by value. The peers have the lighter work:
Feast's query gets its spine by our own bulk load, analysed, where Feast itself loads a frame; DuckDB's rows are loaded
before, and the peers' results may come in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Tell, interleave, stopwatch
from include.features.catalog import Entity, Feature, GroupTable, Key
from include.features.spine import join_features
from include.servers.postgres import temporary_postgres
from include.warehouse.arrow import read_beside, write_arrow
from include.warehouse.migrate import migrate_warehouse
from include.warehouse.names import TableName
from include.warehouse.session import open_session

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

REPETITIONS: Final = 3
DATES: Final = 100
ROWS_PER_ENTITY: Final = 10
BEGIN: Final = date(2026, 1, 1)
TABLE: Final = TableName("features", "machine_states")
ENTITY: Final = Entity("machine", (Key("machine_id", "integer"),))
GROUP: Final = GroupTable(TABLE.name, TABLE, None, "as_of_date", 1)
FEATURES: Final = tuple(Feature(f"feature_{number}", "numeric", TABLE.name) for number in range(8))
NAMES: Final = ", ".join(feature.name for feature in FEATURES)

Answer = Callable[["pa.Table"], "pa.Table"]


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds of ours and of each peer."""
    import duckdb

    states, spine = make_states(options.entities), make_spine(options.entities)
    with temporary_folder() as folder, temporary_postgres(folder) as server, duckdb.connect() as memory:
        uri = server.create_database("warehouse")
        load_postgres(uri, states)
        load_duckdb(memory, states)
        sides = make_sides(uri, memory)
        size = f"{states.num_rows:,} rows onto {spine.num_rows:,}"
        tell(f"  {size}, seconds")
        seconds = measure_sides(sides, spine, options.repetitions or REPETITIONS, tell)
    ours = seconds.pop("ours")
    return [
        compare(f"{size}; peer: {peer}", ours, found, "s", "ours / peer" if peer == "DuckDB" else "peer / ours")
        for peer, found in seconds.items()
    ]


def measure_sides(sides: dict[str, Answer], spine: pa.Table, repetitions: int, tell: Tell) -> dict[str, list[float]]:
    """Seconds by side, after a warm-up; the results of every repetition are compared.

    Raises:
        BenchmarkError: two sides answer differently.
    """
    answers: dict[str, pa.Table] = {}

    def answer(name: str, rows: pa.Table) -> None:
        answers[name] = sides[name](rows)

    for name in sides:
        answer(name, spine.slice(0, 100))
    check_equal(answers)
    found: dict[str, list[float]] = {name: [] for name in sides}
    contestants = {name: stopwatch(partial(answer, name, spine)) for name in sides}
    for done in range(repetitions):
        for name, seconds in interleave(contestants, 1, tell, done=done).items():
            found[name] += seconds
        check_equal(answers)
    return found


def make_sides(uri: str, memory: duckdb.DuckDBPyConnection) -> dict[str, Answer]:
    """What each contestant makes of a spine: its ``position`` and the features."""
    return {
        "ours": partial(join_features, uri, ENTITY, [GROUP], FEATURES),
        "Feast's query": partial(read_beside, uri, write_feast_query(has_created=False), "entities", types={}),
        "Feast's query with created timestamps": partial(
            read_beside, uri, write_feast_query(has_created=True), "entities", types={}
        ),
        "DuckDB": partial(join_in_duckdb, memory),
    }


def make_states(entities: int) -> pa.Table:
    """One row of each entity on each of 100 days, the same every time, by day as they would arrive."""
    import numpy as np
    import pyarrow as pa

    dice, rows = np.random.default_rng(17), entities * DATES
    days = np.datetime64(BEGIN) + np.repeat(np.arange(DATES), entities)
    values = {feature.name: dice.normal(size=rows) for feature in FEATURES}
    created = days.astype("datetime64[us]") + np.timedelta64(6, "h")
    return pa.table(
        {"as_of_date": days, "machine_id": np.tile(np.arange(entities), DATES), **values, "created_at": created}
    )


def make_spine(entities: int) -> pa.Table:
    """Rows of any entity, one in a hundred unknown, at any moment from five days before the features to five after."""
    import numpy as np
    import pyarrow as pa

    dice, rows = np.random.default_rng(18), entities * ROWS_PER_ENTITY
    moments = np.datetime64(BEGIN, "us") + dice.integers(-5 * 86_400, (DATES + 5) * 86_400, rows) * 1_000_000
    machines = dice.integers(0, entities + max(1, entities // 100), rows)
    return pa.table({"position": np.arange(rows), "machine_id": machines, "as_of_date": moments})


def load_postgres(uri: str, states: pa.Table) -> None:
    """The feature table with the key that its contract would give it."""
    import psycopg

    migrate_warehouse(uri)
    write_arrow(uri, TABLE, states)
    with open_session(uri) as session:
        session.execute(f"alter table {TABLE.quoted} add primary key (as_of_date, machine_id)")
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"vacuum analyze {TABLE.quoted}")


def load_duckdb(memory: duckdb.DuckDBPyConnection, states: pa.Table) -> None:
    """The same rows as a table of DuckDB's own."""
    memory.register("arriving", states)
    memory.execute("create table states as select * from arriving")
    memory.unregister("arriving")


def join_in_duckdb(memory: duckdb.DuckDBPyConnection, spine: pa.Table) -> pa.Table:
    """DuckDB's ASOF join."""
    memory.register("spine", spine)
    result: pa.Table = memory.sql(
        f"select position, {NAMES} from spine asof left join states on spine.machine_id = states.machine_id "
        "and spine.as_of_date >= states.as_of_date"
    ).to_arrow_table()
    return result


def write_feast_query(*, has_created: bool) -> str:
    """A query of the shape that Feast's PostgreSQL offline store writes for one feature view without a time limit.

    Its steps are: a text id for each entity row, the distinct entity rows, all earlier rows of each, of those that have
    one event time the one created last, the latest of each id, its features, and the entity rows with them
    (feast-dev/feast, ``contrib/postgres_offline_store/postgres.py``).
    """
    created = "created_at" if has_created else "null::timestamp"
    same = "row_id, event_time, created_at" if has_created else "row_id, event_time"
    once = (
        "once as (select row_id, event_time, max(created_at) as created_at from earlier group by row_id, event_time), "
        if has_created
        else ""
    )
    return (
        "with asked as (select *, as_of_date as asked_at, machine_id::varchar || as_of_date::varchar as row_id "
        "from entities), "
        "distinct_rows as (select machine_id, asked_at, row_id from asked group by machine_id, asked_at, row_id), "
        f"view as (select as_of_date as event_time, {created} as created_at, machine_id, {NAMES} from {TABLE.quoted} "
        "where as_of_date <= (select max(asked_at) from asked)), "
        "earlier as (select view.*, distinct_rows.asked_at, distinct_rows.row_id from view join distinct_rows "
        "on view.event_time <= distinct_rows.asked_at and view.machine_id = distinct_rows.machine_id), "
        f"{once}"
        f"latest as (select {same} from (select *, row_number() over (partition by row_id order by event_time desc"
        f"{', created_at desc' if has_created else ''}) as place from earlier "
        f"{f'join once using ({same})' if has_created else ''}) as ranked where place = 1), "
        f"known as (select earlier.* from earlier join latest using ({same})) "
        f"select position, {NAMES} from asked left join (select row_id, {NAMES} from known) as found using (row_id)"
    )


def check_equal(answers: dict[str, Any]) -> None:
    """Compare what all sides answered.

    Raises:
        BenchmarkError: they differ, so that the times may not be compared.
    """
    tables = {
        name: table.select(["position", *(feature.name for feature in FEATURES)]).sort_by("position").combine_chunks()
        for name, table in answers.items()
    }
    ours = tables["ours"]
    for name, table in tables.items():
        if not table.cast(ours.schema).equals(ours):
            raise BenchmarkError(f"{name} answers otherwise than ours: the sides did not do the same work.")
