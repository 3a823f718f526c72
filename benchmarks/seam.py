"""A table as a dataframe and back, through the Astro SDK, against pandas itself.

Measured: seconds to read and to write one table of ten columns (integers, floats, text, date,
timestamptz, numeric(12,2), boolean; some nullable). Ours is what a dataframe task does around its
function: ``create_database`` and then the methods that the SDK's operator calls on the project's
Postgres class. The peer is what a pandas user writes, ``pandas.read_sql`` and ``DataFrame.to_sql`` with
pandas' defaults on an SQLAlchemy engine, once with each driver that they use: psycopg2, which reads
faster, and psycopg 3, which writes faster and is SQLAlchemy 2.1's own choice.

Fair because: one PostgreSQL server, one frame, the same column types on both sides (``to_sql`` is told
that prices are numeric(12,2); it would store text), all warmed up by a small round that does not count,
and every stored row compared afterwards. Reading, pandas has the lighter work: it makes prices
floats, where ours keeps them exact. Where a peer needs more than a minute to write, writing is measured
twice only; ``repetitions`` says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare
from benchmarks.surroundings import bare_airflow, changed_environment, temporary_folder
from benchmarks.timing import Tell, interleave, stopwatch
from include.servers.postgres import temporary_postgres

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy

REPETITIONS: Final = 3
SLOW_WRITE_S: Final = 60.0
SCHEMA: Final = "ml"
OURS: Final = "ours"
DRIVERS: Final = ("psycopg2", "psycopg")


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds to write and to read ``options.rows`` rows."""
    with temporary_folder() as folder, temporary_postgres(folder) as server:
        uri = server.create_database("warehouse")
        with changed_environment({**bare_airflow(folder), "AIRFLOW_CONN_WAREHOUSE": describe_connection(uri)}):
            return measure_in(uri, options, tell)


def measure_in(uri: str, options: Options, tell: Tell) -> list[Figure]:
    """The same on a database that is there, as Airflow's connection ``warehouse``."""
    import sqlalchemy

    engines = {
        f"pandas, {driver}": sqlalchemy.create_engine(uri.replace("postgresql://", f"postgresql+{driver}://"))
        for driver in DRIVERS
    }
    with engines[f"pandas, {DRIVERS[0]}"].begin() as connection:
        connection.execute(sqlalchemy.text(f"create schema {SCHEMA}"))
    measure_frame(make_frame(1_000), engines, 1, lambda _: None)
    tell(f"  a frame of {options.rows:,} rows")
    written, read = measure_frame(make_frame(options.rows), engines, options.repetitions or REPETITIONS, tell)
    for engine in engines.values():
        engine.dispose()
    return [
        *(compare(f"read {options.rows:,} rows; peer: {it}", read[OURS], read[it], "s") for it in engines),
        *(compare(f"write {options.rows:,} rows; peer: {it}", written[OURS], written[it], "s") for it in engines),
    ]


def measure_frame(
    frame: pd.DataFrame, engines: Mapping[str, sqlalchemy.Engine], repetitions: int, tell: Tell
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds to write, and to read back the table whose prices are numeric(12,2), by contestant."""
    tell("  writing, seconds")
    writers = {OURS: stopwatch(partial(write_through_sdk, frame))}
    writers |= {name: stopwatch(partial(write_through_pandas, frame, engine)) for name, engine in engines.items()}
    written = interleave(writers, 1, tell)
    is_slow = max(seconds[0] for seconds in written.values()) > SLOW_WRITE_S
    more = (min(repetitions, 2) if is_slow else repetitions) - 1
    for name, seconds in interleave(writers, more, tell, done=1).items():
        written[name] += seconds
    check_equal(next(iter(engines.values())), len(frame))
    tell("  reading, seconds")
    readers = {OURS: stopwatch(read_through_sdk)}
    readers |= {name: stopwatch(partial(read_through_pandas, engine)) for name, engine in engines.items()}
    return written, interleave(readers, repetitions, tell)


def write_through_sdk(frame: pd.DataFrame) -> None:
    """What the SDK's dataframe operator does with the frame that a task returned."""
    table, create_database = make_table("by_sdk")
    database = create_database(table.conn_id, table=table)
    table = database.populate_table_metadata(table)
    database.load_pandas_dataframe_to_table(source_dataframe=frame, target_table=table, if_exists="replace")


def read_through_sdk() -> pd.DataFrame:
    """What the SDK's dataframe operator does for a task that takes a frame."""
    table, create_database = make_table("by_pandas")
    frame: pd.DataFrame = create_database(table.conn_id).export_table_to_pandas_dataframe(source_table=table)
    return frame


def make_table(name: str) -> tuple[Any, Any]:
    """A new Table, as each task makes one, and the SDK's way from it to its database."""
    from include.orchestration.astro_sdk import Metadata, Table  # isort: skip - the SDK needs it first
    from astro.databases import create_database

    return Table(name, conn_id="warehouse", metadata=Metadata(schema=SCHEMA)), create_database


def write_through_pandas(frame: pd.DataFrame, engine: sqlalchemy.Engine) -> None:
    """What a pandas user does."""
    import sqlalchemy

    frame.to_sql(
        "by_pandas", engine, schema=SCHEMA, if_exists="replace", index=False,
        dtype={"price": sqlalchemy.Numeric(12, 2)},  # type: ignore[dict-item]
    )  # fmt: skip


def read_through_pandas(engine: sqlalchemy.Engine) -> pd.DataFrame:
    """What a pandas user does."""
    import pandas as pd

    return pd.read_sql(f"select * from {SCHEMA}.by_pandas", engine)


def check_equal(engine: sqlalchemy.Engine, rows: int) -> None:
    """Compare what both have written, row by row in any order.

    Raises:
        BenchmarkError: they differ, so that the times may not be compared.
    """
    import sqlalchemy

    # Prices by value: 28 and 28.00 are equal numerics that read differently as text.
    row = "(to_jsonb(it) - 'price')::text || trim_scale(price)::text"
    facts = f"select count(*), sum(hashtextextended({row}, 0)), pg_typeof(min(price))::text from"
    with engine.connect() as connection:
        ours, peer = (
            tuple(connection.execute(sqlalchemy.text(f"{facts} {SCHEMA}.{table} as it")).one())
            for table in ("by_sdk", "by_pandas")
        )
    if ours != peer or ours[0] != rows:
        raise BenchmarkError(f"The SDK stored {ours}, pandas {peer}, of {rows} rows: the two did not do the same work.")


def make_frame(rows: int) -> pd.DataFrame:
    """Ten columns as in a till's data, the same every time."""
    from decimal import Decimal

    import numpy as np
    import pandas as pd

    random = np.random.default_rng(11)
    visits = pd.Series(random.integers(0, 400, rows)).astype("Int64")
    visits[random.random(rows) < 0.1] = pd.NA
    score = random.normal(size=rows)
    score[random.random(rows) < 0.1] = np.nan
    cents = random.integers(0, 20_000, rows).tolist()
    seconds = pd.to_timedelta(random.integers(0, 31_536_000, rows), unit="s")
    sold_at = pd.Series(pd.Timestamp("2026-01-01", tz="UTC") + seconds, dtype="datetime64[us, UTC]")
    towns = [f"town {number}" for number in random.integers(0, 500, rows).tolist()]
    return pd.DataFrame(
        {
            "receipt_id": np.arange(rows, dtype=np.int64),
            "quantity": random.integers(1, 12, rows),
            "visits": visits,
            "weight_kg": random.random(rows),
            "score": score,
            "city": towns,
            "price": [Decimal(number).scaleb(-2) for number in cents],
            "day": sold_at.dt.date,
            "sold_at": sold_at,
            "is_promo": random.random(rows) < 0.3,
        }
    )


def describe_connection(uri: str) -> str:
    """The URI as an Airflow connection, in Airflow's JSON form."""
    parts = urlsplit(uri)
    return json.dumps(
        {
            "conn_type": "postgres", "host": parts.hostname, "port": parts.port, "login": parts.username,
            "password": parts.password, "schema": parts.path.lstrip("/"),
        }
    )  # fmt: skip
