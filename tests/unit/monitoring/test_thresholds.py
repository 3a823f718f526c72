"""The thresholds of monitoring.yml on the use of machines: ordinary weeks are quiet, planted shifts are caught."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from include.monitoring.decision import check_features
from include.monitoring.drift import DriftReport, compare_columns
from include.monitoring.profiles import profile_column
from include.rollout.check import Check
from tests.unit.monitoring.shared_settings import SETTINGS

DAYS = 180
MACHINES = 2500
TRAINED_ON = (60, 90, 120)
WEEK = range(150, 157)


@dataclass(frozen=True)
class Usage:
    """Hours and starts of each machine on each day, [machines, days]; most days are without any."""

    hours: np.ndarray
    starts: np.ndarray


@pytest.fixture(scope="module")
def usage() -> Usage:
    """Machines of different habits, used more on some days of the week than on others."""
    rng = np.random.default_rng(1)
    habit = rng.beta(1, 6, size=(MACHINES, 1))
    weekly = 1 + 0.4 * np.sin(2 * np.pi * np.arange(DAYS) / 7)
    is_used = rng.random((MACHINES, DAYS)) < habit * weekly
    starts = is_used * (1 + rng.poisson(0.3, is_used.shape))
    return Usage(is_used * rng.lognormal(1, 0.8, is_used.shape), starts)


def make_features(usage: Usage, day: int) -> dict[str, np.ndarray]:
    """Days since the last use, and hours, starts and hours a start of three windows, of what was used in 56 days."""
    known = usage.hours[:, day - 56 : day]
    is_known = known.sum(axis=1) > 0
    features = {"idle_days": np.argmax(known[is_known, ::-1] > 0, axis=1).astype(np.float32)}
    for window in (7, 28, 56):
        hours = usage.hours[is_known, day - window : day].sum(axis=1)
        starts = usage.starts[is_known, day - window : day].sum(axis=1)
        features[f"hours_{window}"], features[f"starts_{window}"] = hours, starts.astype(np.float32)
        features[f"hours_a_start_{window}"] = np.divide(
            hours, starts, out=np.full(hours.size, np.nan), where=starts > 0
        )
    return features


def judge(usage: Usage, current: dict[str, np.ndarray]) -> Check:
    """What monitoring says of the machines of one day, against those of three training cutoffs."""
    training = [make_features(usage, day) for day in TRAINED_ON]
    references = {name: profile_column(np.concatenate([rows[name] for rows in training])) for name in current}
    rows = int(references["idle_days"].counts.sum())
    report = DriftReport(rows, current["idle_days"].size, compare_columns(references, current, SETTINGS.drift), None)
    return check_features(report, SETTINGS.drift)


def lose_use(usage: Usage, share: float, days: int) -> Usage:
    """The same machines, had this share of the uses of the last days not been recorded."""
    is_lost = np.random.default_rng(2).random(usage.hours.shape) < share
    is_lost[:, : WEEK[2] - days] = False
    return Usage(np.where(is_lost, 0, usage.hours), np.where(is_lost, 0, usage.starts))


@pytest.mark.parametrize("day", WEEK)
def test_no_feature_drifts_on_any_day_of_an_ordinary_week(usage: Usage, day: int) -> None:
    found = judge(usage, make_features(usage, day))
    assert (found.is_passed, found.observed) == (True, 0)


def test_half_of_the_use_of_four_weeks_lost_is_caught(usage: Usage) -> None:
    found = judge(usage, make_features(lose_use(usage, 0.5, 28), WEEK[2]))
    assert not found.is_passed
    assert found.observed is not None
    assert found.observed >= 0.5


def test_hours_reported_in_minutes_are_caught(usage: Usage) -> None:
    found = judge(usage, make_features(replace(usage, hours=usage.hours * 60), WEEK[2]))
    assert not found.is_passed
    assert found.observed == pytest.approx(0.6)


def test_a_little_use_less_is_no_alarm(usage: Usage) -> None:
    assert judge(usage, make_features(lose_use(usage, 0.1, 28), WEEK[2])).is_passed
