"""Migrations are applied once, whoever runs them and however often."""

from __future__ import annotations

import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from include.errors import WarehouseError, WarehouseSchemaError
from include.servers.postgres import PostgresServer
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


def write_migration(folder: Path, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release with one migration more."""
    shutil.copytree(MIGRATIONS_DIR, folder, dirs_exist_ok=True)
    (folder / "0999_more.sql").write_text(sql)
    monkeypatch.setattr(migrate, "MIGRATIONS_DIR", folder)


def test_tasks_refuse_a_warehouse_of_a_newer_release_as_the_start_does(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute("insert into governance.migrations (name) values ('0999_more')")

    for refuse in (migrate_warehouse, check_migrated):
        with pytest.raises(WarehouseSchemaError, match=r"another release: .* 0999_more"):
            refuse(warehouse_uri)


def test_a_migration_that_waits_for_a_reader_gives_up_and_names_it(
    warehouse_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_migration(tmp_path, "alter table raw.partitions add column more text", monkeypatch)
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT_S", 0.2)
    caplog.set_level(logging.INFO)

    with open_session(warehouse_uri) as reader:
        reader.fetch_all("select source from raw.partitions")
        pid = reader.fetch_value("select pg_backend_pid()")
        with pytest.raises(WarehouseError) as caught:
            migrate_warehouse(warehouse_uri)

    assert "Migration 0999_more.sql waited 0.2 seconds" in str(caught.value)
    assert f"pid {pid} (orrery, idle in transaction: raw.partitions)" in str(caught.value)
    assert "Applying migration 0999_more.sql" in caplog.text
    assert migrate_warehouse(warehouse_uri) == ["0999_more"]


def test_a_migration_that_fails_is_named_and_nothing_is_changed(
    warehouse_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_migration(tmp_path, "create table raw.more (a int); select 1 / 0", monkeypatch)

    with pytest.raises(WarehouseSchemaError, match=r"(?s)Migration 0999_more.sql failed: division by zero.*Correct"):
        migrate_warehouse(warehouse_uri)

    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select to_regclass('raw.more')") is None


def test_a_user_without_rights_is_told_which(
    warehouse_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_migration(tmp_path, "alter table raw.partitions add column more text", monkeypatch)
    with open_session(warehouse_uri) as session:
        session.execute("drop role if exists not_the_owner")
        session.execute("create role not_the_owner login password 'x'")
        session.execute("grant usage, create on schema governance, raw to not_the_owner")
        session.execute("grant create on database " + warehouse_uri.rsplit("/", 1)[-1] + " to not_the_owner")
        session.execute("grant select, insert on governance.migrations to not_the_owner")
    try:
        parts = urlsplit(warehouse_uri)
        poor = parts._replace(netloc=f"not_the_owner:x@{parts.hostname}:{parts.port}").geturl()
        with pytest.raises(WarehouseSchemaError, match=r"0999_more.sql was refused: must be owner.*'warehouse'"):
            migrate_warehouse(poor)
    finally:
        with open_session(warehouse_uri) as session:
            session.execute("drop owned by not_the_owner")
            session.execute("drop role not_the_owner")


def test_the_migrations_make_no_table_of_a_source_or_a_model(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        rows = session.fetch_all("select schemaname || '.' || tablename as name from pg_tables order by 1")

    own = {row["name"] for row in rows if row["name"].partition(".")[0] in {"landing", "raw", "ml"}}
    shared = {
        "candidates", "champion_validations", "decisions", "gate_results", "training_candidates", "training_plans",
        "versions",
    }  # fmt: skip
    assert own == {
        "landing.deliveries",
        "raw.arrivals",
        "raw.partitions",
        "raw.snapshots",
        *(f"ml.{name}" for name in shared),
    }
