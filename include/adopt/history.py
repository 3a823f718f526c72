"""Whether the events go back far enough for a first training."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from include.adopt.dialogue import Wishes
from include.adopt.event_features import LOOKBACKS
from include.adopt.inbox import InboxSource
from include.adopt.label_sentence import LabelSentence, read_label
from include.adopt.placing import find_event_days
from include.adopt.reach import choose_reach, count_needed, load_training
from include.errors import AdoptError
from include.settings.training import TrainingSettings


def find_days(events: str | None, sources: Sequence[InboxSource], root: Path | None) -> Sequence[date]:
    """The days of the events, ascending; none where they are not of this folder, or are not known yet.

    Args:
        root: the sources' folder, where a single file is split into days; None where what lies there may be of another.
    """
    source = next((one for one in sources if one.name == events and one.is_daily), None)
    return find_event_days(source, root) if source else ()


def check_history(wishes: Wishes, days: Sequence[date], config: Path, environment: str) -> None:
    """Refuse events from which nothing could be trained, however short the windows of the features.

    Args:
        days: of the events; nothing is refused without any.
        config: the folder of settings.

    Raises:
        AdoptError: says how many days there are and how many are needed, or which ones are missing.
    """
    if not days or wishes.label is None or wishes.events is None:
        return
    sentence = read_label(wishes.label, wishes.events)
    training = load_training(config, sentence, environment)
    if choose_reach(days, sentence.days, training) is None:
        raise AdoptError(f"{wishes.events} has {_explain(days, sentence, training, wishes.label)}")


def _explain(days: Sequence[date], sentence: LabelSentence, training: TrainingSettings, label: str) -> str:
    """What is missing, and what helps."""
    span, needed = (days[-1] - days[0]).days + 1, count_needed(days[-1], sentence.days, training)
    if span >= needed:
        return (
            f"no file for {span - len(days)} of the {span} days from {days[0]} to {days[-1]}, and a label is known "
            f"only where each of its {sentence.days} days has one, so that a first training of {label!r} finds too "
            "few. Deliver the missing days, or predict fewer days ahead; a day on which nothing happened has a file "
            "with its header alone."
        )
    least = count_needed(days[-1], 1, training)
    remedy = ", or predict fewer days ahead" if span >= least else f"; fewer than {least} are too few for any label"
    return (
        f"{span} days ({days[0]} to {days[-1]}), and a first training of {label!r} needs {needed}: {LOOKBACKS[-1]} for "
        f"the features, three times {sentence.days} for labels to become known, and the rest between "
        f"{training.min_training_cutoffs} training cutoffs. Deliver older days{remedy}."
    )
