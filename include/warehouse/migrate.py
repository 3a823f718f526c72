"""Brings the warehouse's schemas and fixed tables to the newest version; safe to run at any time."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Final

from include.errors import WarehouseSchemaError
from include.warehouse.session import open_session

MIGRATIONS_DIR: Final = Path(__file__).parent / "migrations"
_LOCK_KEY: Final = 7_306_010_423


def migrate_warehouse(uri: str) -> list[str]:
    """Apply every migration that is not applied yet, in one transaction under one lock.

    Returns:
        the names of the migrations that were applied now.

    Raises:
        WarehouseSchemaError: another release made the warehouse; nothing was changed.
    """
    with open_session(uri) as session:
        session.execute("select pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
        session.execute("create schema if not exists governance")
        session.execute(
            "create table if not exists governance.migrations "
            "(name text primary key, applied_at timestamptz not null default now())"
        )
        done = {row["name"] for row in session.fetch_all("select name from governance.migrations")}
        migrations = sorted(MIGRATIONS_DIR.glob("*.sql"))
        check_release(done, {path.stem for path in migrations})
        pending = [path for path in migrations if path.stem not in done]
        for path in pending:
            session.execute(path.read_text(encoding="utf-8"))
            session.execute("insert into governance.migrations (name) values (%s)", (path.stem,))
        return [path.stem for path in pending]


@lru_cache(maxsize=4)
def check_migrated(uri: str) -> None:
    """Refuse a warehouse that lacks migrations of this release; asked once in a process.

    Raises:
        WarehouseSchemaError: names the first that is absent, and the remedy.
        WarehouseError: the warehouse cannot be reached.
    """
    with open_session(uri) as session:
        is_new = session.fetch_value("select to_regclass('governance.migrations')") is None
        rows = [] if is_new else session.fetch_all("select name from governance.migrations")
    done = {row["name"] for row in rows}
    pending = sorted(path.stem for path in MIGRATIONS_DIR.glob("*.sql") if path.stem not in done)
    if pending:
        raise WarehouseSchemaError(
            f"The warehouse lacks {len(pending)} of this release's migrations, the first is {pending[0]}. Airflow's "
            "scheduler applies them when it starts; its log says why it could not. To apply them now: python -m "
            "include.orchestration.migration (with make up they are applied at its start). Then clear the task."
        )


def check_release(applied: Collection[str], known: Collection[str]) -> None:
    """Refuse a warehouse with migrations that this release does not have: its tables may be others.

    Raises:
        WarehouseSchemaError: names those migrations.
    """
    unknown = sorted(set(applied) - set(known))
    if unknown:
        raise WarehouseSchemaError(
            f"The warehouse was made by another release: it has the migrations {', '.join(unknown)}, which this one "
            "does not know. Nothing was changed. Run the release that made it, or give this one an empty database "
            "(make clean removes the local one) and load the sources again."
        )
