"""Says what is missing where the days of events are too few for a first training."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from include.adopt.event_features import LOOKBACKS
from include.adopt.label_sentence import LabelSentence, read_label
from include.adopt.reach import choose_reach, count_needed, load_training
from include.settings.training import TrainingSettings


def explain_short_history(label: str, events: str, days: Sequence[date], config: Path, environment: str) -> str | None:
    """What the source has, what is needed, and what helps; None where it is enough, or nothing is known.

    Args:
        days: those with a file, ascending.
        config: the folder of settings.

    Raises:
        SettingsError: the label cannot be read.
    """
    sentence = read_label(label, events)
    training = load_training(config, sentence, environment)
    if not days or choose_reach(days, sentence.days, training) is not None:
        return None
    return _explain(days, sentence, training, label)


def _explain(days: Sequence[date], sentence: LabelSentence, training: TrainingSettings, label: str) -> str:
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
