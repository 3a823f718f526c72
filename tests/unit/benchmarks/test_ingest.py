"""Both sides of the benchmark publish all rows, and one that does not stops the comparison."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.catalog import BenchmarkError
from benchmarks.ingest import check_rows, copy_rows, ingest, write_delivery
from include.servers.postgres import PostgresServer

ROWS = 300


def test_both_sides_publish_the_same_rows(warehouse_uri: str, postgres: PostgresServer, tmp_path: Path) -> None:
    write_delivery(tmp_path, ROWS)
    other = postgres.create_database("bench_copy", template="warehouse_template")

    assert ingest(warehouse_uri, tmp_path) > 0
    assert copy_rows(other, tmp_path) > 0

    for uri in (warehouse_uri, other):
        check_rows(uri, ROWS)
        with pytest.raises(BenchmarkError, match="of 301 rows"):
            check_rows(uri, ROWS + 1)
