"""Migrations are applied once, whoever runs them and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from include.local.postgres import PostgresServer
from include.warehouse.migrate import MIGRATIONS_DIR, migrate_warehouse


def test_two_migrations_at_once_apply_every_file_once(postgres: PostgresServer) -> None:
    uri = postgres.create_database("migrated_twice")

    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(migrate_warehouse, [uri, uri]))

    assert sorted(applied[0] + applied[1]) == sorted(path.stem for path in MIGRATIONS_DIR.glob("*.sql"))
    assert migrate_warehouse(uri) == []


def test_migration_numbers_are_unique() -> None:
    numbers = [path.name.split("_")[0] for path in MIGRATIONS_DIR.glob("*.sql")]

    assert numbers
    assert len(numbers) == len(set(numbers))
