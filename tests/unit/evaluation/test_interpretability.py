"""Which features matter."""

from __future__ import annotations

import numpy as np
import pytest

from include.evaluation.interpretability import (
    find_telling_absence,
    measure_agreement,
    measure_interpretability,
    split_rows,
)
from include.settings.models import TaskName
from tests.model.candidates import train_candidate, train_good
from tests.unit.gates.faults import tell_by_absence


@pytest.mark.parametrize(
    ("first", "second", "agreement"),
    [
        ([2, 2], [1, 1], 1.0),
        ([1, 0], [0, 1], 0.0),
        ([3, 1], [1, 1], 0.75),
        ([0, 0], [1, 1], 0.0),
        ([0, 0], [0, 0], 0.0),
    ],
)
def test_agreement_is_the_importance_that_both_give(first: list[int], second: list[int], agreement: float) -> None:
    assert measure_agreement(np.array(first, float), np.array(second, float)) == pytest.approx(agreement)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_decides_matters_and_what_is_noise_does_not(task: TaskName) -> None:
    found = measure_interpretability(train_good(task))
    assert next(iter(found.shares)) == "wear"
    assert sum(found.shares.values()) == pytest.approx(1.0)
    assert found.shares.get("paint", 0.0) < 0.02
    assert found.agreement > 0.9


def test_folds_are_whole_and_share_no_row() -> None:
    candidate = train_good("binary")
    folds = split_rows(candidate)
    held_out = [split.matrix.column("wear") for split in (candidate.data.validation, candidate.data.test)]
    assert [len(fold.labels) for fold in folds] == [sum(map(len, held_out)) // 3] * 3
    seen = [fold.matrix.column("wear") for fold in folds]
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.sort(np.concatenate(held_out)))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_an_absence_that_tells_is_found(task: TaskName) -> None:
    feature, score = find_telling_absence(tell_by_absence(task), 5000)
    assert feature == "temperature"
    assert score > 0.8


def test_where_nothing_is_missing_no_absence_tells() -> None:
    frame = train_good("binary").rows.to_pandas()
    full = frame.assign(
        site=frame["site"].fillna("north"), is_covered=frame["is_covered"].fillna(value=False).astype(bool),
        temperature=frame["temperature"].fillna(20.0),
    )  # fmt: skip
    assert find_telling_absence(train_candidate("binary", full), 5000) == (None, 0.0)
