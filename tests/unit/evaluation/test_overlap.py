"""What splits have in common."""

from __future__ import annotations

import pyarrow as pa
import pytest

from include.evaluation.overlap import measure_overlap
from tests.model.candidates import train_good, vary
from tests.unit.gates.faults import begin_too_early, repeat_rows


def test_the_same_machines_at_other_dates_are_no_overlap_in_time() -> None:
    found = measure_overlap(train_good("binary"))
    assert (found.entities, found.held_out, found.gaps) == (0, 3000, {"validation": 28, "test": 28})
    assert found.needed_days == 28


def test_the_same_machines_are_an_overlap_where_entities_are_split() -> None:
    good = train_good("binary")
    training = good.model.training.model_copy(update={"split": "entity"})
    candidate = vary(good, model=good.model.model_copy(update={"training": training}))
    found = measure_overlap(candidate)
    assert (found.entities, found.held_out, found.gaps) == (1500, 1500, {})
    keys = pa.array(range(len(good.rows)), pa.int64())
    apart = good.rows.set_column(good.rows.column_names.index("machine_id"), "machine_id", keys)
    assert measure_overlap(vary(candidate, model=candidate.model, rows=apart)).entities == 0


def test_rows_and_days_in_two_splits_are_counted() -> None:
    assert measure_overlap(repeat_rows("binary")).entities == 20
    assert measure_overlap(begin_too_early("binary")).gaps == {"validation": 28, "test": 25}


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_it_is_the_same_for_every_task(task: str) -> None:
    assert measure_overlap(train_good(task)).entities == 0  # type: ignore[arg-type]
