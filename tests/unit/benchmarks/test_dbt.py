"""Builds start from the same state and must leave the same rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.catalog import BenchmarkError
from benchmarks.dbt import LOCAL, PLAIN, WATCHER, compare_modes, drop_models, measure_builds
from include.warehouse.session import open_session


def build(uri: str, rows: int, found: list[int]) -> Callable[[], float]:
    """A build that notes how many rows were there before, and leaves ``rows``."""

    def work() -> float:
        with open_session(uri) as session:
            session.execute("create table if not exists features.customer_features (household_id bigint)")
            found.append(int(session.fetch_value("select count(*) from features.customer_features")))
            session.execute("delete from features.customer_features")
            session.execute("insert into features.customer_features select generate_series(1, %s)", (rows,))
        return float(len(found))

    return work


def test_each_build_starts_from_nothing_and_goes_on_from_there(warehouse_uri: str) -> None:
    found: list[int] = []
    builds = {name: build(warehouse_uri, 5, found) for name in (WATCHER, LOCAL, PLAIN)}
    seconds = measure_builds(warehouse_uri, builds, 1, lambda _: None)
    assert found == [0, 5, 0, 5, 0, 5]
    assert seconds["from nothing"] == {WATCHER: [1.0], LOCAL: [3.0], PLAIN: [5.0]}
    assert seconds["nothing new"] == {WATCHER: [2.0], LOCAL: [4.0], PLAIN: [6.0]}


@pytest.mark.parametrize("rows", [(5, 5, 4), (0, 0, 0)])
def test_builds_that_leave_other_rows_or_none_are_not_compared(warehouse_uri: str, rows: tuple[int, ...]) -> None:
    names = (WATCHER, LOCAL, PLAIN)
    builds = {name: build(warehouse_uri, count, []) for name, count in zip(names, rows, strict=True)}
    with pytest.raises(BenchmarkError, match="did not do the same work"):
        measure_builds(warehouse_uri, builds, 1, lambda _: None)


def test_nothing_that_dbt_did_not_build_is_dropped(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute("create table raw.kept (a bigint)")
        session.execute("create view staging.stg_kept as select * from raw.kept")
    drop_models(warehouse_uri)
    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select to_regclass('raw.kept')::text") == "raw.kept"
        assert session.fetch_value("select to_regclass('staging.stg_kept')") is None


def test_a_mode_is_a_multiple_of_dbt_and_a_part_of_the_other_mode() -> None:
    found = {"nothing new": {WATCHER: [20.0], LOCAL: [60.0], PLAIN: [5.0]}}
    figures = compare_modes("nothing new", found)
    assert [(figure.ratio, figure.ratio_is) for figure in figures] == [
        (4.0, "ours / peer"),
        (12.0, "ours / peer"),
        (3.0, "peer / ours"),
    ]
