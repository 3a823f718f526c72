"""How far back a first model looks, and how far apart its training cutoffs are: as far as the history allows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from include.adopt.event_features import LOOKBACKS
from include.adopt.label_dates import find_label_cutoffs
from include.adopt.label_sentence import LabelSentence
from include.settings.models import load_shared
from include.settings.section import check_section
from include.settings.training import TrainingSettings
from include.training.cutoffs import find_spacing


@dataclass(frozen=True)
class Reach:
    """What a first model takes of the history, in days.

    Attributes:
        lookback_days: the longest window of its features.
        spacing_days: between training cutoffs.
    """

    lookback_days: int
    spacing_days: int

    def apply(self, training: TrainingSettings) -> TrainingSettings:
        """The settings with its spacing."""
        return training.model_copy(update={"training_cutoff_spacing_days": self.spacing_days})


def list_reaches(
    horizon_days: int, training: TrainingSettings, lookbacks: Sequence[int] = LOOKBACKS
) -> Iterator[Reach]:
    """All that are tried, the best one first: long windows before cutoffs that lie close together.

    Labels of neighbouring cutoffs never see the same days.

    Args:
        lookbacks: the longest windows that there may be, descending.
    """
    least, shared = find_spacing(horizon_days), training.training_cutoff_spacing_days
    for lookback in lookbacks:
        yield Reach(lookback, max(least, shared))
    if least < shared:
        yield Reach(lookbacks[-1], least)


def choose_reach(
    days: Sequence[date], horizon_days: int, training: TrainingSettings, lookbacks: Sequence[int] = LOOKBACKS
) -> Reach | None:
    """The best one with which a first training finds its cutoffs; None: with none of them.

    Args:
        days: those that were delivered, ascending.
        lookbacks: as for :func:`list_reaches`.
    """
    for reach in list_reaches(horizon_days, training, lookbacks):
        if find_label_cutoffs(days, horizon_days, reach.apply(training), reach.lookback_days):
            return reach
    return None


def count_needed(last: date, horizon_days: int, training: TrainingSettings) -> int:
    """The least days in a row, up to the last one, from which something can be trained.

    The shortest windows look back before the first as-of date; validation and test each begin when the labels before
    them are known.
    """
    *_, reach = list_reaches(horizon_days, training)
    shortest = reach.lookback_days + 3 * horizon_days
    weeks_between = training.min_training_cutoffs * (reach.spacing_days + 7)

    def is_enough(count: int) -> bool:
        days = [last - timedelta(days=count - 1 - number) for number in range(count)]
        return choose_reach(days, horizon_days, training) is not None

    return bisect_left(range(shortest + weeks_between), True, lo=1, key=is_enough)


def load_training(config: Path, sentence: LabelSentence, environment: str) -> TrainingSettings:
    """The shared settings of the training of a label.

    Args:
        config: the folder of settings.

    Raises:
        SettingsError: they cannot be used.
    """
    shared = load_shared(config)["training"]
    values = shared.find_values(sentence.task, environment)
    return check_section(values, TrainingSettings, environment, str(shared.path))
