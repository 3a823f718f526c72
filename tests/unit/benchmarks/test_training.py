"""The benchmark of training measures both steps on all rows, and says how they grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.catalog import BenchmarkError
from benchmarks.training import (
    BUILD,
    CANDIDATE,
    WARM,
    Step,
    build,
    declare,
    describe,
    fill_tables,
    make_candidate,
    make_warehouse,
)
from include.servers.postgres import PostgresServer
from include.warehouse.session import open_session


def test_what_one_step_leaves_the_next_one_fits_and_measures(postgres: PostgresServer, tmp_path: Path) -> None:
    uri, path = make_warehouse(postgres.create_database("bench_training"), WARM), tmp_path / "set.parquet"

    built = build(uri, uri, path, WARM)
    made = make_candidate(path, path)

    assert list(built.seconds) == [BUILD]
    assert list(made.seconds) == ["arrays", "baseline", "fit and export", "figures and intervals"]
    assert all(seconds > 0 for step in (built, made) for seconds in step.seconds.values())


def test_rows_that_are_missing_stop_it(warehouse_uri: str, tmp_path: Path) -> None:
    with open_session(warehouse_uri) as session:
        fill_tables(session, declare(), WARM // 4)
    with pytest.raises(BenchmarkError, match="4,000 training rows, not 8,000"):
        build(warehouse_uri, warehouse_uri, tmp_path / "set.parquet", 2 * WARM)


def test_each_row_is_compared_with_a_row_of_the_smallest_size() -> None:
    small, large = Step({"one": 1.0, "two": 1.0}, 300.0, 30.0), Step({"one": 10.0, "two": 30.0}, 600.0, 330.0)
    runs = {
        size: {BUILD: [Step({BUILD: step.seconds["one"]}, step.peak_mb, step.added_mb)], CANDIDATE: [step]}
        for size, step in ((20_000, small), (200_000, large))
    }

    figures = {figure.figure: figure for figure in describe(runs)}

    assert figures["200,000 training rows: training set, each row; peer: at 20,000"].ratio == pytest.approx(1.0)
    each = figures["200,000 training rows: candidate, each row; peer: at 20,000"]
    assert each.ratio == pytest.approx(2.0)
    assert each.unit == "µs"
    assert each.ours == pytest.approx(40e6 / 300_000)
    memory = figures["200,000 training rows: candidate, memory for each row"]
    assert memory.ours == pytest.approx(330 * 2**20 / 300_000)
    assert figures["200,000 training rows: candidate"].ours == 40.0
