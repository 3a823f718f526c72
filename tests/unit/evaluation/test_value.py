"""What answers earn."""

from __future__ import annotations

import numpy as np
import pytest

from include.evaluation.value import compare_profits, measure_value
from include.settings.models import TaskName
from tests.model.candidates import train_good


def test_the_gain_is_over_the_best_of_the_others_on_the_same_rows() -> None:
    own = np.array([3.0, 1.0, 2.0, 2.0])
    found = compare_profits(own, {"poor": own - 2.0, "good": own - 0.5})
    assert (found.best, found.profit, found.gain, found.rows) == ("good", 2.0, 0.5, 4)
    assert found.gain_low == found.gain_high == 0.5
    assert found.others == {"poor": 0.0, "good": 1.5}


def test_the_interval_is_that_of_the_paired_difference() -> None:
    own = np.array([1.0, 0.0] * 50)
    found = compare_profits(own, {"other": np.zeros(100)})
    assert found.gain_high - found.gain == pytest.approx(1.96 * 0.5 / 10)


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("binary", {"acting on no row", "acting on every row", "acting by wear alone"}),
        ("multiclass", {"answering a for all", "acting by wear alone"}),
        ("regression", {"forecasting the median for all", "forecasting the mean for all", "acting by wear alone"}),
    ],
)
def test_a_good_model_earns_more_than_what_needs_none(task: TaskName, names: set[str]) -> None:
    found = measure_value(train_good(task))
    assert set(found.others) == names
    assert found.gain_low > 0
