"""Brings the warehouse's schemas and fixed tables to the newest version; safe to run at any time."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

from include.errors import WarehouseError, WarehouseSchemaError
from include.warehouse.session import Session, open_session

MIGRATIONS_DIR: Final = Path(__file__).parent / "migrations"
LOCK_TIMEOUT_S: Final = 30.0
_LOCK_KEY: Final = 7_306_010_423

log = logging.getLogger(__name__)


def migrate_warehouse(uri: str) -> list[str]:
    """Apply every migration that is not applied yet, in one transaction, after those that others apply now.

    Who waits for the lock of a table keeps its later readers waiting too: no statement does so for longer than
    ``LOCK_TIMEOUT_S``.

    Returns:
        the names of the migrations that were applied now.

    Raises:
        WarehouseSchemaError: another release made the warehouse, or a migration is refused; nothing was changed.
        WarehouseError: the warehouse cannot be reached, or others hold a table that a migration changes; nothing was
            changed.
    """
    log.info("Migrating the warehouse")
    with open_session(uri) as session:
        with _explain(uri, "The list of applied migrations"):
            _start(session)
        done = {row["name"] for row in session.fetch_all("select name from governance.migrations")}
        migrations = sorted(MIGRATIONS_DIR.glob("*.sql"))
        check_release(done, {path.stem for path in migrations})
        pending = [path for path in migrations if path.stem not in done]
        for path in pending:
            log.info("Applying migration %s", path.name)
            with _explain(uri, f"Migration {path.name}"):
                session.execute(path.read_text(encoding="utf-8"))
                session.execute("insert into governance.migrations (name) values (%s)", (path.stem,))
        return [path.stem for path in pending]


@lru_cache(maxsize=4)
def check_migrated(uri: str) -> None:
    """Refuse a warehouse with other migrations than those of this release, fewer or more; asked once in a process.

    Raises:
        WarehouseSchemaError: names the first that is absent, or those of another release, and the remedy.
        WarehouseError: the warehouse cannot be reached.
    """
    with open_session(uri) as session:
        is_new = session.fetch_value("select to_regclass('governance.migrations')") is None
        rows = [] if is_new else session.fetch_all("select name from governance.migrations")
    done, known = {row["name"] for row in rows}, {path.stem for path in MIGRATIONS_DIR.glob("*.sql")}
    check_release(done, known)
    pending = sorted(known - done)
    if pending:
        raise WarehouseSchemaError(
            f"The warehouse lacks {len(pending)} of this release's migrations, the first is {pending[0]}. Airflow's "
            "scheduler applies them when it starts; its log says why it could not. To apply them now: python -m "
            "include.orchestration.migration (with make up they are applied at its start). Then clear the task."
        )


def _start(session: Session) -> None:
    """Wait for other migrations, then make the list of those that are applied."""
    session.execute("select pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
    session.execute("select set_config('lock_timeout', %s, true)", (f"{round(LOCK_TIMEOUT_S * 1000)}ms",))
    session.execute("create schema if not exists governance")
    session.execute(
        "create table if not exists governance.migrations "
        "(name text primary key, applied_at timestamptz not null default now())"
    )


@contextmanager
def _explain(uri: str, what: str) -> Iterator[None]:
    """Name what the server refused, and the remedy."""
    import psycopg

    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise WarehouseError(
            f"{what} waited {LOCK_TIMEOUT_S:g} seconds for the lock of a table that another transaction holds, and "
            f"gave up. Nothing was changed. Tables are held by: {_list_holders(uri)}. Let these transactions end, or "
            "end those that are idle (pg_stat_activity; select pg_terminate_backend(pid)), then run python -m "
            "include.orchestration.migration or restart Airflow's scheduler."
        ) from error
    except psycopg.OperationalError as error:
        raise WarehouseError(
            f"{what} was broken off: {error.diag.message_primary or error}. Nothing was "
            f"changed. Check that the warehouse is up (make "
            "status) and has room, then run python -m include.orchestration.migration or restart Airflow's scheduler."
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise WarehouseSchemaError(
            f"{what} was refused: {error.diag.message_primary or error}. Nothing was "
            f"changed. The user of the connection 'warehouse' "
            "has to own the tables and schemas and may create schemas in the database: give it these rights, then run "
            "python -m include.orchestration.migration or restart Airflow's scheduler."
        ) from error
    except psycopg.Error as error:
        raise WarehouseSchemaError(
            f"{what} failed: {error.diag.message_primary or error}. Nothing was "
            f"changed. Correct the file in "
            f"include/warehouse/migrations, or what it meets in the warehouse, then run python -m "
            "include.orchestration.migration or restart Airflow's scheduler."
        ) from error


def _list_holders(uri: str) -> str:
    """The transactions that hold tables of this database, in words and without their queries."""
    with open_session(uri) as session:
        rows = session.fetch_all(
            "select lock.pid, max(coalesce(application_name, '')) as name, max(coalesce(state, 'unknown')) as state, "
            "string_agg(distinct relation::regclass::text, ', ') as tables from pg_locks as lock "
            "join pg_class as class on class.oid = lock.relation and class.relkind in ('r', 'p') "
            "left join pg_stat_activity as activity on activity.pid = lock.pid "
            "where lock.granted and lock.pid <> pg_backend_pid() and relnamespace <> 'pg_catalog'::regnamespace "
            "and lock.database = (select oid from pg_database where datname = current_database()) "
            "group by lock.pid order by lock.pid"
        )
    return "; ".join("pid {pid} ({name}, {state}: {tables})".format(**row) for row in rows) or "none any more"


def check_release(applied: Collection[str], known: Collection[str]) -> None:
    """Refuse a warehouse with migrations that this release does not have: its tables may be others.

    Raises:
        WarehouseSchemaError: names those migrations.
    """
    unknown = sorted(set(applied) - set(known))
    if unknown:
        raise WarehouseSchemaError(
            f"The warehouse was made by another release: it has the migrations {', '.join(unknown)}, which this one "
            "does not know. Nothing was changed. Run the release that made it, or give this one a warehouse of its own "
            "release: a backup, or an empty database (make clean removes the local one), and load the sources again."
        )
