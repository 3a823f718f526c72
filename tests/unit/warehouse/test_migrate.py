"""Migrations are applied once, whoever runs them and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from include.errors import WarehouseSchemaError
from include.local.postgres import PostgresServer
from include.warehouse import migrate
from include.warehouse.migrate import MIGRATIONS_DIR, check_migrated, migrate_warehouse
from include.warehouse.session import open_session


def test_two_migrations_at_once_apply_every_file_once(postgres: PostgresServer) -> None:
    uri = postgres.create_database("migrated_twice")

    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(migrate_warehouse, [uri, uri]))

    assert sorted(applied[0] + applied[1]) == sorted(path.stem for path in MIGRATIONS_DIR.glob("*.sql"))
    assert migrate_warehouse(uri) == []


def test_a_warehouse_that_lacks_migrations_is_refused_until_it_has_them(postgres: PostgresServer) -> None:
    uri, files = postgres.create_database("not_migrated"), sorted(path.stem for path in MIGRATIONS_DIR.glob("*.sql"))
    with pytest.raises(WarehouseSchemaError, match=rf"lacks {len(files)} of .* {files[0]}\..*migration"):
        check_migrated(uri)

    migrate_warehouse(uri)
    check_migrated(uri)

    with open_session(uri) as session:
        session.execute("delete from governance.migrations where name = %s", (files[-1],))
    check_migrated.cache_clear()  # another process
    with pytest.raises(WarehouseSchemaError, match=rf"lacks 1 of .* {files[-1]}\."):
        check_migrated(uri)


def test_migration_numbers_are_unique() -> None:
    numbers = [path.name.split("_")[0] for path in MIGRATIONS_DIR.glob("*.sql")]

    assert numbers
    assert len(numbers) == len(set(numbers))


def test_a_warehouse_of_another_release_is_refused_and_left_as_it_is(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = postgres.create_database("migrated_elsewhere")
    for number, name in enumerate(("0001_first", "0002_other")):
        (tmp_path / f"{name}.sql").write_text(f"create table public.t{number} (a int)")
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "MIGRATIONS_DIR", tmp_path)
        migrate_warehouse(uri)

    with pytest.raises(WarehouseSchemaError, match=r"another release: .* 0001_first, 0002_other"):
        migrate_warehouse(uri)

    with open_session(uri) as session:
        assert session.fetch_value("select to_regnamespace('monitoring')") is None
        assert session.fetch_value("select count(*) from governance.migrations") == 2


def test_the_migrations_make_no_table_of_a_source_or_a_model(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        rows = session.fetch_all("select schemaname || '.' || tablename as name from pg_tables order by 1")

    own = {row["name"] for row in rows if row["name"].partition(".")[0] in {"landing", "raw", "ml"}}
    assert own == {"landing.deliveries", "raw.partitions", "raw.snapshots"}
