"""Which as-of dates to train on, to validate on and to test on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from include.errors import TrainingError
from include.settings.training import TrainingSettings

Split = Literal["train", "validation", "test"]
_WEEK: Final = 7
SPLITS: Final[tuple[Split, ...]] = ("train", "validation", "test")


@dataclass(frozen=True)
class Cutoffs:
    """As-of dates by split; training ones ascending."""

    train: tuple[date, ...]
    validation: date
    test: date

    def split_of(self, as_of_date: date) -> Split:
        """The split that a chosen as-of date belongs to."""
        if as_of_date == self.test:
            return "test"
        return "validation" if as_of_date == self.validation else "train"

    @property
    def all(self) -> tuple[date, ...]:
        """Every chosen as-of date, ascending."""
        return (*self.train, self.validation, self.test)


def choose_cutoffs(available: Sequence[date], horizon_days: int, settings: TrainingSettings) -> Cutoffs:
    """Choose from the as-of dates that have labels and features.

    The newest is the test cutoff. The validation cutoff is the newest whose label window ends by
    then, and so are the training cutoffs before the validation cutoff: nothing that is learned or
    tuned saw a day of the next split's label window. Training cutoffs are wanted at a fixed spacing;
    for each the nearest existing date is taken, at most half a spacing away. Their labels share no day, unless the
    spacing is shorter than the horizon.

    Args:
        horizon_days: a label is known so many days after its as-of date; splits are at least a day apart.

    Raises:
        TrainingError: too little history; says which day is missing.
    """
    dates = sorted(set(available))
    if not dates:
        raise TrainingError(
            f"No as-of date has both labels and features yet: a label is known {horizon_days} days after its as-of "
            "date, once every day between is published. Ingest more days, then build the features."
        )
    horizon = timedelta(days=max(horizon_days, 1))
    test = dates[-1]
    validation = _newest_until(dates, test - horizon, "validation", horizon)
    limit = _newest_until(dates, validation - horizon, "training", horizon)
    train = _spread(dates, limit, horizon_days, settings)
    if len(train) < settings.min_training_cutoffs:
        raise TrainingError(
            f"Too little history: {len(train)} training cutoffs up to {limit}, "
            f"{settings.min_training_cutoffs} are needed (training.min_training_cutoffs). "
            f"The first as-of date is {dates[0]}; ingest older days."
        )
    return Cutoffs(train, validation, test)


def find_spacing(horizon_days: int) -> int:
    """The least days between cutoffs whose labels share no day: whole weeks, as older as-of dates are weekly."""
    return -(-horizon_days // _WEEK) * _WEEK


def _newest_until(dates: Sequence[date], limit: date, purpose: str, horizon: timedelta) -> date:
    found = [day for day in dates if day <= limit]
    if not found:
        raise TrainingError(
            f"Too little history: the {purpose} cutoff must lie on or before {limit}, so that its labels "
            f"({horizon.days} days) are known by the next cutoff; "
            f"the first as-of date is {dates[0]}. Ingest older days, or wait."
        )
    return found[-1]


def _spread(dates: Sequence[date], newest: date, horizon_days: int, settings: TrainingSettings) -> tuple[date, ...]:
    """The existing dates nearest to a fixed spacing backwards from ``newest``, ascending."""
    spacing = settings.training_cutoff_spacing_days
    apart = timedelta(days=max(horizon_days, 1) if horizon_days <= spacing else 1)
    chosen = list[date]()
    for step in range(settings.training_cutoffs):
        wanted = newest - timedelta(days=step * spacing)
        allowed = [day for day in dates if day <= (chosen[-1] - apart if chosen else newest)]
        nearest = min(allowed, key=lambda day: abs((day - wanted).days), default=None)
        if nearest is not None and abs((nearest - wanted).days) * 2 <= spacing:
            chosen.append(nearest)
    return tuple(reversed(chosen))
