"""The warehouse's disk is full: the message says so, what is published is as it was, and the next try goes well."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from include.errors import TransientError, WarehouseError
from include.servers.postgres import PostgresServer
from include.warehouse.migrate import migrate_warehouse
from tests.integration.conftest import BIG_ROWS, NEXT_DAY
from tests.unit.ingestion.conftest import Pipeline

pytestmark = pytest.mark.integration

_MB = 1 << 20


@dataclass(frozen=True)
class SmallDisk:
    """A file system in memory whose size can be changed."""

    path: Path

    def leave(self, megabytes: int) -> None:
        """Leave so much room beside what is there."""
        size = shutil.disk_usage(self.path).used + megabytes * _MB
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.path)], check=True)


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    """A disk of 100 MB, which only root can mount."""
    with tempfile.TemporaryDirectory(prefix="orrery-disk-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=100m,mode=0777", "tmpfs", folder]
        done = subprocess.run(mount, capture_output=True, text=True, check=False) if shutil.which("mount") else None
        if done is None or done.returncode:
            pytest.skip(f"needs to mount a small disk: {done.stderr.strip() if done else 'there is no mount'}")
        try:
            yield SmallDisk(Path(folder))
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def uri(server: PostgresServer, disk: SmallDisk) -> Iterator[str]:
    """A migrated warehouse on the small disk; the server's own files are elsewhere."""
    space = disk.path / "space"
    space.mkdir()
    if server.owner:
        os.chown(space, *server.owner)
    with psycopg.connect(server.uri(), autocommit=True) as connection:
        connection.execute(f"create tablespace small location '{space}'")
        connection.execute("create database warehouse tablespace small")
        migrate_warehouse(server.uri("warehouse"))
        yield server.uri("warehouse")
        connection.execute("drop database warehouse with (force)")
        connection.execute("drop tablespace small")


def test_a_disk_that_fills_up_while_rows_are_landed(pipeline: Pipeline, disk: SmallDisk) -> None:
    items = pipeline.plan(NEXT_DAY)
    tables = ("landing.readings", "landing.deliveries", *pipeline.published)
    before = pipeline.hash_tables(*tables)
    disk.leave(megabytes=8)

    with pytest.raises(WarehouseError, match="No space left on device") as caught:
        pipeline.land(items)

    assert isinstance(caught.value, TransientError), "it is tried again: somebody may have made room"
    assert pipeline.hash_tables(*tables) == before
    disk.leave(megabytes=1000)
    assert pipeline.load(NEXT_DAY)["rows"]["readings"] == BIG_ROWS


def test_a_disk_that_fills_up_while_a_batch_is_published(pipeline: Pipeline, disk: SmallDisk) -> None:
    disk.leave(megabytes=1000)
    items = pipeline.land_and_approve(NEXT_DAY)
    before = pipeline.hash_tables()
    disk.leave(megabytes=8)

    with pytest.raises(WarehouseError, match=r"rolled back.*No space left on device") as caught:
        pipeline.publish(items)

    assert isinstance(caught.value, TransientError)
    assert pipeline.hash_tables() == before
    disk.leave(megabytes=1000)
    assert pipeline.publish(items)["rows"]["readings"] == BIG_ROWS
