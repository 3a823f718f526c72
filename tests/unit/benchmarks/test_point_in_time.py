"""All sides of the benchmark answer alike, and one that does not stops the comparison."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pyarrow as pa
import pytest

from benchmarks.catalog import BenchmarkError
from benchmarks.point_in_time import (
    BEGIN,
    check_equal,
    load_duckdb,
    load_postgres,
    make_sides,
    make_spine,
    make_states,
    measure_sides,
)

ENTITIES = 20


def find_feature(states: pa.Table, machine: int, day: date) -> float | None:
    """The first feature of the newest row of a machine at or before a day, by looking at every row."""
    known = [
        (row["as_of_date"], row["feature_0"])
        for row in states.select(["as_of_date", "machine_id", "feature_0"]).to_pylist()
        if row["machine_id"] == machine and row["as_of_date"] <= day
    ]
    return max(known)[1] if known else None


def test_all_sides_answer_what_was_known_at_each_moment(warehouse_uri: str) -> None:
    states, spine = make_states(ENTITIES), make_spine(ENTITIES)
    load_postgres(warehouse_uri, states)
    with duckdb.connect() as memory:
        load_duckdb(memory, states)
        sides = make_sides(warehouse_uri, memory)
        assert set(measure_sides(sides, spine, 1, lambda _: None)) == set(sides)
        answers = {name: answer(spine) for name, answer in sides.items()}

    check_equal(answers)
    ours = answers["ours"]
    expected = [
        find_feature(states, row["machine_id"], row["as_of_date"].date()) for row in spine.slice(0, 60).to_pylist()
    ]
    assert ours.column("feature_0").to_pylist()[:60] == expected
    assert None in expected
    assert 0 < ours.column("feature_0").null_count < ours.num_rows / 2


def test_the_spine_reaches_beyond_the_features_on_both_sides() -> None:
    days = make_spine(ENTITIES).column("as_of_date").cast(pa.date32(), safe=False).to_pylist()
    assert min(days) < BEGIN
    assert max(days) > BEGIN + timedelta(days=100)


@pytest.mark.parametrize("change", ["a value", "a lost row", "a double row"])
def test_another_answer_stops_the_comparison(change: str) -> None:
    states = make_states(3)
    ours = states.append_column("position", pa.array(range(states.num_rows)))
    other = {
        "a value": ours.set_column(2, "feature_0", ours.column("feature_1")),
        "a lost row": ours.slice(1),
        "a double row": pa.concat_tables([ours, ours.slice(0, 1)]),
    }[change]
    check_equal({"ours": ours, "DuckDB": pa.concat_tables([ours.slice(9), ours.slice(0, 9)])})
    with pytest.raises(BenchmarkError, match="DuckDB answers otherwise"):
        check_equal({"ours": ours, "DuckDB": other})
