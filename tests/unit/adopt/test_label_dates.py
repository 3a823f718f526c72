"""The dates at which a label is counted are those that a training would choose."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
import yaml

from include.adopt.event_features import DAILY_DAYS, LOOKBACKS
from include.adopt.label_dates import find_label_cutoffs, list_known_dates
from include.adopt.model_plan import plan_model
from include.adopt.model_request import ModelRequest
from include.settings import CONFIG_DIR
from include.settings.models import load_shared
from include.settings.section import parse_section
from include.settings.sources import SourceSettings
from include.settings.training import TrainingSettings
from tests.unit.adopt.dbt_plant import SOURCES

FIRST = date(2026, 1, 5)
DAY = timedelta(days=1)


@pytest.fixture
def training() -> TrainingSettings:
    """The shared settings."""
    values = load_shared(CONFIG_DIR)["training"].find_values("binary", "development")
    return TrainingSettings.model_validate(values | {"families": tuple(values["families"])})


def list_days(count: int, *lost: int) -> list[date]:
    return [FIRST + n * DAY for n in range(count) if n not in lost]


def test_a_date_is_known_when_history_and_horizon_were_delivered() -> None:
    known = list_known_dates(list_days(120), 7, 84)
    assert known[0] == FIRST + 84 * DAY, "a Monday"
    assert known[-1] == FIRST + 113 * DAY, "the seven days to the last one, 119, begin there"
    daily_from = FIRST + (120 - DAILY_DAYS + 1) * DAY
    assert {day for day in known if day < daily_from} == {FIRST + n * DAY for n in (84, 91)}
    assert [day for day in known if day >= daily_from] == [daily_from + n * DAY for n in range(21)]


def test_a_day_without_a_file_makes_no_label_and_no_features_of_the_next_morning() -> None:
    known = list_known_dates(list_days(120, 108), 7, 84)
    gone = {FIRST + n * DAY for n in (*range(102, 109), 109)}
    assert set(list_known_dates(list_days(120), 7, 84)) - set(known) == gone


def test_without_days_there_is_none(training: TrainingSettings) -> None:
    assert list_known_dates([], 7, 28) == []
    assert find_label_cutoffs([], 7, training, 28) is None


def test_the_newest_cutoff_of_each_split_is_taken(training: TrainingSettings) -> None:
    cutoffs = find_label_cutoffs(list_days(300), 28, training, 84)
    assert cutoffs is not None
    dates = (cutoffs.train[-1], cutoffs.validation, cutoffs.test)
    assert dates[2] == max(day for day in list_known_dates(list_days(300), 28, 84))
    assert [later - earlier for earlier, later in itertools.pairwise(dates)] == [28 * DAY] * 2
    assert all(day.isoweekday() == 1 for day in dates)


def test_days_that_are_too_few_for_a_training_have_none(training: TrainingSettings) -> None:
    needed = 56 + 3 * 28 + (training.min_training_cutoffs - 1) * training.training_cutoff_spacing_days
    assert find_label_cutoffs(list_days(needed - 28), 28, training, 56) is None
    assert find_label_cutoffs(list_days(needed + 7), 28, training, 56) is not None


def test_the_newest_dates_are_daily_as_in_what_is_written() -> None:
    sources = parse_section(yaml.safe_load(SOURCES), SourceSettings, "development", "sources.yml")
    for days in LOOKBACKS:
        request = ModelRequest("lapse", ("machine_id",), "readings", "no readings in 28 days")
        plan = plan_model(request, sources, lookback_days=days)
        assert plan.var_values[plan.vars["daily"]] == DAILY_DAYS
        assert plan.var_values[plan.vars["history"]] == days
