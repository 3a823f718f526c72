"""Which dates are trained, validated and tested on."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from include.errors import TrainingError
from include.settings.training import TrainingSettings
from include.training.cutoffs import choose_cutoffs, find_spacing

TEST = date(2017, 12, 4)
HORIZON_DAYS = 28


@pytest.fixture
def history(settings: TrainingSettings) -> TrainingSettings:
    """Six training cutoffs, 28 days apart."""
    wanted = {"training_cutoffs": 6, "training_cutoff_spacing_days": 28, "min_training_cutoffs": 2}
    return settings.model_copy(update=wanted)


def weekly(weeks: int, newest: date = TEST) -> list[date]:
    """Dates one week apart up to ``newest``."""
    return [newest - timedelta(weeks=week) for week in range(weeks)]


def test_the_newest_is_tested_and_the_rest_is_spaced_behind_it(history: TrainingSettings) -> None:
    cutoffs = choose_cutoffs(weekly(52), HORIZON_DAYS, history)
    assert cutoffs.test == TEST
    assert cutoffs.validation == TEST - timedelta(days=28)
    assert cutoffs.train == tuple(TEST - timedelta(days=28 * step) for step in (7, 6, 5, 4, 3, 2))
    assert cutoffs.all == (*cutoffs.train, cutoffs.validation, cutoffs.test)
    assert [cutoffs.split_of(day) for day in cutoffs.all] == ["train"] * 6 + ["validation", "test"]


@pytest.mark.parametrize("newest", [TEST + timedelta(days=shift) for shift in range(7)])
def test_no_label_window_reaches_into_the_next_split(history: TrainingSettings, newest: date) -> None:
    """Weekly dates of the past with one daily date at their end, wherever in the week that falls."""
    cutoffs = choose_cutoffs([*weekly(40), newest], HORIZON_DAYS, history)
    horizon = timedelta(days=28)
    assert cutoffs.test == newest
    assert cutoffs.validation + horizon <= cutoffs.test
    assert max(cutoffs.train) + horizon <= cutoffs.validation
    assert len(cutoffs.train) == history.training_cutoffs


@pytest.mark.parametrize("horizon", [1, 7, 29, 30, 35, 45, 60, 90])
def test_the_labels_of_training_cutoffs_share_no_day_at_the_least_spacing(
    history: TrainingSettings, horizon: int
) -> None:
    spaced = history.model_copy(update={"training_cutoff_spacing_days": find_spacing(horizon)})
    train = choose_cutoffs(weekly(200), horizon, spaced).train
    assert len(train) == history.training_cutoffs
    assert all((later - earlier).days >= horizon for earlier, later in pairwise(train))


@pytest.mark.parametrize("weekday", range(7))
@pytest.mark.parametrize(("horizon", "spacing"), [(7, 7), (14, 14), (28, 28), (7, 28)])
def test_the_labels_of_training_cutoffs_share_no_day_where_daily_dates_meet_weekly_ones(
    history: TrainingSettings, horizon: int, spacing: int, weekday: int
) -> None:
    newest = TEST + timedelta(days=weekday)
    daily = [newest - timedelta(days=back) for back in range(28 + 2 * horizon)]
    spaced = history.model_copy(update={"training_cutoff_spacing_days": spacing})
    train = choose_cutoffs([*weekly(60), *daily], horizon, spaced).train
    assert len(train) >= history.training_cutoffs - 1
    assert all((later - earlier).days >= horizon for earlier, later in pairwise(train))


def test_the_order_and_repetition_of_what_is_there_do_not_matter(history: TrainingSettings) -> None:
    days = weekly(52)
    assert choose_cutoffs(days[::-1] + days, HORIZON_DAYS, history) == choose_cutoffs(days, HORIZON_DAYS, history)


def test_the_nearest_date_stands_in_for_a_missing_one(history: TrainingSettings) -> None:
    wanted = TEST - timedelta(days=84)
    days = [day for day in weekly(52) if day != wanted]
    assert choose_cutoffs(days, HORIZON_DAYS, history).train[-2] in (
        wanted - timedelta(days=7),
        wanted + timedelta(days=7),
    )


def test_a_date_further_away_than_half_a_spacing_does_not(history: TrainingSettings) -> None:
    gap = [day for day in weekly(52) if not TEST - timedelta(days=130) < day < TEST - timedelta(days=70)]
    chosen = choose_cutoffs(gap, HORIZON_DAYS, history).train
    # Of 84 and 112 days before; what is near the former shares days of its labels with the newest.
    assert len(chosen) == history.training_cutoffs - 2
    assert all((later - earlier).days >= HORIZON_DAYS for earlier, later in pairwise(chosen))


def test_short_history_gives_fewer_cutoffs(history: TrainingSettings) -> None:
    assert len(choose_cutoffs(weekly(13), HORIZON_DAYS, history).train) == 2


def test_the_validation_cutoff_is_older_where_the_exact_day_is_missing(history: TrainingSettings) -> None:
    days = [day for day in weekly(52) if day != TEST - timedelta(days=28)]
    assert choose_cutoffs(days, HORIZON_DAYS, history).validation == TEST - timedelta(days=35)


@pytest.mark.parametrize(
    ("days", "problem"),
    [
        ([], "No as-of date has both labels and features yet"),
        (weekly(4), r"the validation cutoff must lie on or before 2017-11-06.*first as-of date is 2017-11-13"),
        (weekly(8), r"the training cutoff must lie on or before 2017-10-09"),
        (weekly(9), "1 training cutoffs up to 2017-10-09, 2 are needed"),
    ],
    ids=["nothing", "no validation", "no training", "too few"],
)
def test_too_little_history_is_said(history: TrainingSettings, days: list[date], problem: str) -> None:
    with pytest.raises(TrainingError, match=problem):
        choose_cutoffs(days, HORIZON_DAYS, history)


def test_splits_lie_on_different_days_where_a_label_is_known_at_once(history: TrainingSettings) -> None:
    cutoffs = choose_cutoffs(weekly(52), 0, history)
    assert (cutoffs.validation, cutoffs.train[-1]) == (TEST - timedelta(weeks=1), TEST - timedelta(weeks=2))
