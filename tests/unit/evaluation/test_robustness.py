"""What damaged inputs do."""

from __future__ import annotations

import pytest

from include.evaluation.robustness import draw_rows, measure_robustness
from include.settings.models import TaskName
from tests.model.candidates import change_gates, train_good, vary


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_damage_is_measured_on_a_sample_and_what_does_not_matter_changes_nothing(task: TaskName) -> None:
    good = train_good(task)
    found = measure_robustness(vary(good, model=change_gates(good.model, robustness={"max_rows": 200})))
    assert found.rows == 200
    by_column = {(one.kind, one.column): one for one in found.damages}
    assert len(by_column) == len(found.damages) == 9
    assert by_column["a shift", "wear"].change > by_column["a shift", "temperature"].change
    assert by_column["a shift", "temperature"].loss < 0.02
    assert all(one.change >= 0 for one in found.damages)


def test_the_same_seed_draws_the_same_rows() -> None:
    test = train_good("binary").data.test
    first, again = (draw_rows(test, 50, 7) for _ in range(2))
    assert len(first.labels) == 50
    assert first.matrix.numeric.tobytes() == again.matrix.numeric.tobytes()
    assert draw_rows(test, 10**6, 7) is test


def test_the_same_candidate_gets_the_same_evidence() -> None:
    assert measure_robustness(train_good("binary")) == measure_robustness(train_good("binary"))
