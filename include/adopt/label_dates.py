"""The as-of dates at which a label of events is counted before a model of it is made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from include.adopt.event_features import DAILY_DAYS
from include.errors import TrainingError
from include.settings.training import TrainingSettings
from include.training.cutoffs import Cutoffs, choose_cutoffs

_DAY: Final = timedelta(days=1)


def find_label_cutoffs(
    days: Sequence[date], horizon: int, training: TrainingSettings, lookback_days: int
) -> Cutoffs | None:
    """The cutoffs that a training on these days would choose; None where the days are too few for one.

    Args:
        days: those that were delivered, ascending.
        lookback_days: the longest window of the features.
    """
    try:
        return choose_cutoffs(list_known_dates(days, horizon, lookback_days), horizon, training)
    except TrainingError:
        return None


def list_known_dates(days: Sequence[date], horizon: int, lookback_days: int) -> list[date]:
    """The as-of dates that have features and a label, as ``dbt/macros/event_calendar.sql`` makes them, ascending.

    They are the mornings after delivered days with the history that features look at before them, and every day of
    their horizon was delivered.
    """
    delivered = set(days)
    if not days:
        return []
    earliest, daily_from = days[0] + lookback_days * _DAY, days[-1] + (2 - DAILY_DAYS) * _DAY
    dates = [day + _DAY for day in days if day + _DAY >= earliest]
    return [
        one
        for one in dates
        if (one.isoweekday() == 1 or one >= daily_from)
        and all(one + offset * _DAY in delivered for offset in range(horizon))
    ]
