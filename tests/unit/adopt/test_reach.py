"""A first model looks back as far as its history allows."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest

from include.adopt.label_sentence import LabelSentence
from include.adopt.reach import Reach, choose_reach, count_needed, list_reaches, load_training
from include.settings import CONFIG_DIR
from include.training.cutoffs import choose_cutoffs

TRAINING = load_training(CONFIG_DIR, LabelSentence("absence", 7), "development").model_copy(
    update={"training_cutoff_spacing_days": 28, "min_training_cutoffs": 2}
)
LAST = date(2026, 6, 24)


def list_days(count: int) -> list[date]:
    return [LAST - timedelta(days=number) for number in reversed(range(count))]


@pytest.mark.parametrize(
    ("horizon", "expected"),
    [
        (7, [(84, 28), (56, 28), (28, 28), (28, 7)]),
        (10, [(84, 28), (56, 28), (28, 28), (28, 14)]),
        (28, [(84, 28), (56, 28), (28, 28)]),
        (29, [(84, 35), (56, 35), (28, 35)]),
    ],
)
def test_windows_are_shortened_before_the_spacing_and_labels_never_share_a_day(
    horizon: int, expected: list[tuple[int, int]]
) -> None:
    assert list(list_reaches(horizon, TRAINING)) == [Reach(*one) for one in expected]


@pytest.mark.parametrize(
    ("count", "expected"), [(140, Reach(84, 28)), (100, Reach(56, 28)), (70, Reach(28, 28)), (60, Reach(28, 7))]
)
def test_the_longest_windows_that_fit_are_taken(count: int, expected: Reach) -> None:
    assert choose_reach(list_days(count), 7, TRAINING) == expected


def test_windows_that_a_group_has_are_kept() -> None:
    assert choose_reach(list_days(300), 7, TRAINING, [28]) == Reach(28, 28)
    assert choose_reach(list_days(60), 7, TRAINING, [84]) is None


@pytest.mark.parametrize("weekday", range(7))
@pytest.mark.parametrize("horizon", [1, 7, 28, 45])
def test_the_days_needed_are_the_least_that_have_cutoffs(horizon: int, weekday: int) -> None:
    last = LAST + timedelta(days=weekday)
    needed = count_needed(last, horizon, TRAINING)
    days = [last - timedelta(days=number) for number in reversed(range(needed))]
    found = choose_reach(days, horizon, TRAINING)
    assert found is not None
    assert choose_reach(days[1:], horizon, TRAINING) is None
    # As-of dates with all of the lookback before them and a label, written out anew.
    dates = [
        one
        for one in (days[0] + timedelta(days=number) for number in range(found.lookback_days, needed - horizon + 1))
        if one.weekday() == 0 or one > last + timedelta(days=1 - 28)
    ]
    cutoffs = choose_cutoffs(dates, horizon, found.apply(TRAINING))
    assert all((later - earlier).days >= horizon for earlier, later in itertools.pairwise(cutoffs.all))
    assert len(cutoffs.train) >= TRAINING.min_training_cutoffs
    assert cutoffs.test + timedelta(days=horizon - 1) <= last
